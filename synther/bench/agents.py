"""Updates of the stacked agents against plain one-seed agents, and against their products alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synther.agents import load_agent_class
from synther.agents.base import Agent
from synther.agents.networks import StackedMLP
from synther.agents.sac import SAC
from synther.bench.measure import MatrixProducts, Measurement, rate, seconds
from synther.bench.plain import cql, edac, iql
from synther.bench.plain.core import PlainBC, PlainSAC, PlainTD3BC
from synther.config.settings import resolve
from synther.config.specs import agent_spec
from synther.tensors.graphed import GraphedCall
from synther.training.evaluate import Standardiser
from synther.training.offline import TransitionTable
from synther.training.streams import RandomStreams
from synther.training.updates import GraphedUpdates
from synther.transitions import Transitions

ROWS, D, A = 100_000, 17, 6
"""HalfCheetah's and Walker2d's widths."""
AGENTS = ("td3_bc", "bc", "iql", "edac", "cql", "sac", "redq")
STACKS = (1, 8)
TARGETS = {"td3_bc": 1.5}
"""Least ratio of one stacked seed to the plain agent."""


def some_transitions(rows: int, seed: int = 0) -> Transitions:
    """Return made-up transitions of HalfCheetah's widths, which hang together a little."""
    rng = np.random.default_rng(seed)
    s = rng.normal(size=(rows, D)).astype(np.float32)
    a = np.tanh(rng.normal(size=(rows, A))).astype(np.float32)
    r = s[:, 0] + a.sum(axis=1)
    return Transitions(s, a, r, s + 0.1, rng.random(rows) < 0.001)


def make_agent(name: str, seeds: int, device: str) -> Agent:
    """Return `seeds` stacked agents with the settings of the paper's protocol."""
    spec = agent_spec(name)
    kind: Any = load_agent_class(spec["module"])
    settings = resolve(kind.Settings, spec["settings"], where=name)
    return kind(D, A, range(seeds), settings, device=device)


def plain_agent(name: str, stacked: Any) -> Any:
    """Return the plain agent with the settings, and the initial weights, of a stack of one."""
    s = stacked.settings

    def layers(stack: StackedMLP, copy: int = 0) -> list[tuple[Tensor, Tensor]]:
        pairs = zip(stack.weights, stack.biases, strict=True)
        return [(w[copy].detach().clone(), b[copy, 0].detach().clone()) for w, b in pairs]

    actor = layers(getattr(stacked.actor, "mlp", stacked.actor))  # CQL's is wrapped
    if name == "bc":
        return PlainBC(actor, rate=s.learning_rate)
    critics = [layers(stacked.critics, copy) for copy in range(stacked.critics.copies)]
    if name == "td3_bc":
        return PlainTD3BC(actor, critics, alpha=s.alpha)
    if name == "iql":
        return iql.PlainIQL(actor, critics, layers(stacked.value))
    if name == "edac":
        return edac.PlainEDAC(actor, critics, eta=s.eta)
    if name == "cql":
        return cql.PlainCQL(actor, critics)
    subset = s.target_subset if name == "redq" else None
    return PlainSAC(actor, critics, subset=subset)


class PlainLoop:
    """The plain agent's training loop, as single-file implementations write it."""

    def __init__(
        self,
        plain: Any,
        noise: dict[str, tuple[int, ...]],
        batch: int,
        rows: int,
        device: str = "cpu",
    ) -> None:
        data = some_transitions(rows)
        self._device = device
        self._columns = [
            torch.as_tensor(column, device=device)
            for column in (
                *(data.observations, data.actions, data.rewards),
                *(data.next_observations, data.terminals),
            )
        ]
        self._plain, self._noise, self._batch, self._rows = plain, noise, batch, rows

    def __call__(self) -> None:
        """Sample a minibatch and update once."""
        indices = torch.randint(self._rows, (self._batch,), device=self._device)
        noise = {n: torch.randn(shape, device=self._device) for n, shape in self._noise.items()}
        self._plain.update([column[indices] for column in self._columns], noise)


def stacked_loop(agent: Agent, device: str, rows: int) -> Callable[[], None]:
    """Return one update of the stack as the training loops make it."""
    identity = Standardiser(np.zeros(D), np.ones(D))
    table = TransitionTable(some_transitions(rows), identity, 0.0, device)
    streams = RandomStreams(
        agent.seeds, agent.noise(), indices=(rows, agent.settings.batch_size), device=device
    )
    if isinstance(agent, SAC):

        def learn(draws: Any) -> dict[str, Tensor]:
            batch = table.gather(draws["indices"])
            return agent.update(batch, draws) | agent.update_policy(batch, draws)

        graphed: Any = GraphedCall(learn)
    else:
        graphed = GraphedUpdates(agent, table.gather)
    return lambda: graphed(streams.next())


def measure(device: str, rows: int = ROWS, least: float = 0.5) -> Iterator[Measurement]:
    """Measure every agent at the widths of HalfCheetah and the protocol's settings."""
    for name in AGENTS:
        alone = make_agent(name, 1, device)
        with torch.device(device):
            single = plain_agent(name, alone)
        plain = PlainLoop(single, alone.noise(), alone.settings.batch_size, rows, device)
        loops = {k: stacked_loop(make_agent(name, k, device), device, rows) for k in STACKS}
        products = {}
        for k in STACKS:
            counter = MatrixProducts()
            agent = make_agent(name, k, device)
            cycle = getattr(agent.settings, "policy_frequency", 1)
            eager = stacked_loop(agent, device, rows)
            with counter:
                for _ in range(cycle):
                    eager()
            products[k] = (counter.replay(), cycle)
        times = seconds(
            [plain, *loops.values(), *(replay for replay, _ in products.values())],
            device,
            least,
        )
        plain_time, loop_times, limits = times[0], times[1:3], times[3:]
        for k, took, limit in zip(STACKS, loop_times, limits, strict=True):
            title = f"{name}, {k} seed{'s' if k > 1 else ''}"
            yield rate(
                "agents",
                title,
                "seed-updates/s",
                k / took,
                1 / plain_time,
                "plain agent, one seed",
                TARGETS.get(name) if k == 1 else None,
            )
            yield rate(
                "agents",
                title,
                "seed-updates/s",
                k / took,
                k * products[k][1] / limit,
                "its matrix products alone",
            )
