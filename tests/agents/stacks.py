"""What the tests of stacked agents share: tiny sizes, batches, and one seed's slice of a stack."""

import numpy as np
import torch

from synther.agents.base import Batch
from synther.agents.bc import BC
from synther.agents.cql import CQL
from synther.agents.edac import EDAC
from synther.agents.iql import IQL
from synther.agents.redq import REDQ
from synther.agents.sac import SAC
from synther.agents.td3_bc import TD3BC
from synther.agents.td3_bc_regularised import RegularisedTD3BC
from synther.training.evaluate import Standardiser
from synther.training.offline import TransitionTable
from synther.training.streams import RandomStreams
from synther.transitions import Transitions

D, A, B = 5, 3, 16
F64 = torch.float64
TINY = {"hidden": (16, 12), "batch_size": B}

KINDS = {
    "td3_bc": (TD3BC, {}),
    "td3_bc_regularised": (RegularisedTD3BC, {}),
    "bc": (BC, {}),
    "sac": (SAC, {}),
    "sac_min": (SAC, {"policy_critics": "min", "initial_weights": "uniform"}),
    "redq": (REDQ, {"num_critics": 5, "target_subset": 3}),
    "iql": (IQL, {}),
    "iql_deterministic": (IQL, {"deterministic": True, "steps": 300}),
    "edac": (EDAC, {"num_critics": 4}),
    "cql": (CQL, {"num_actions": 3}),
    "cql_lagrange": (CQL, {"num_actions": 2, "lagrange": True, "target_action_gap": 5.0}),
}
"""name -> (class, settings beside `TINY`)."""


def make(name, seeds, dtype=F64, device="cpu", **changes):
    kind, settings = KINDS[name]
    own = kind.Settings(**{**TINY, **settings, **changes})
    return kind(D, A, seeds, own, device=device, dtype=dtype)


def learn(agent, batch, noise):
    """All that an agent does with one minibatch a seed."""
    info = agent.update(batch, noise)
    if isinstance(agent, SAC):
        info |= agent.update_policy(batch, noise)
    return info


def transitions(n=400, seed=0):
    rng = np.random.default_rng(seed)
    s = rng.normal(size=(n, D))
    a = np.tanh(rng.normal(size=(n, A)))
    r = s[:, 0] + a.sum(axis=1)
    return Transitions(s, a, r, s + 0.1 * rng.normal(size=(n, D)), rng.random(n) < 0.1)


def table(dtype=F64, device="cpu"):
    identity = Standardiser(np.zeros(D), np.ones(D))
    return TransitionTable(transitions(), identity, 0.0, device, dtype)


def streams(agent, rows, dtype=F64):
    return RandomStreams(agent.seeds, agent.noise(), indices=(rows, B), dtype=dtype)


def train(agent, updates, draws=None, rows=None):
    """Train as the offline loop does."""
    rows = rows or table(next(agent.parameters()).dtype)
    draws = draws or streams(agent, len(rows), next(agent.parameters()).dtype)
    for _ in range(updates):
        noise = draws.next()
        learn(agent, rows.gather(noise.pop("indices")), noise)
    return agent


def one(values, k):
    """Seed k's part of a batch or of noise."""
    if isinstance(values, dict):
        return {name: value[k] for name, value in values.items()}
    return Batch(*(value[k] for value in values))


def layers(mlp, slot):
    """The weights of one network of a stack, as `plain.network` takes them."""
    return [
        (weight[slot].detach().clone(), bias[slot, 0].detach().clone())
        for weight, bias in zip(mlp.weights, mlp.biases, strict=True)
    ]


def seed_layers(mlp, k):
    """The weights of all of seed k's networks in a stack."""
    return [layers(mlp, k * mlp.copies + copy) for copy in range(mlp.copies)]


def difference(one_net, other_net):
    """The largest difference between two networks' weights, as `layers` gives them."""
    pairs = zip(one_net, other_net, strict=True)
    return max(float((x - y).abs().max()) for p, q in pairs for x, y in zip(p, q, strict=True))


def same_parameters(stack, k, single):
    """The largest difference between seed k of a stack and an agent of that seed alone."""
    worst = 0.0
    for (name, many), (other, alone) in zip(
        stack.state_dict().items(), single.state_dict().items(), strict=True
    ):
        assert name == other
        if many.shape == alone.shape == ():  # shared by all seeds, as a count of updates
            worst = max(worst, float((many - alone).abs()))
            continue
        copies = len(alone)
        assert many.shape == (copies * len(stack.seeds), *alone.shape[1:])
        worst = max(worst, float((many[k * copies : (k + 1) * copies] - alone).abs().max()))
    return worst
