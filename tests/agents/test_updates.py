"""A stacked update is the plain one-seed update of the published equations."""

import math

import pytest
import torch
from plain_networks import layers_of, networks_of
from stacks import A, D, difference, learn, make, one, seed_layers, streams, table

from synther.agents.gaussian import EDGE, log_density_of, squashed_gaussian
from synther.bench.plain.core import PlainBC, PlainEDAC, PlainIQL, PlainSAC, PlainTD3BC
from synther.bench.plain.cql import PlainCQL
from synther.errors import SyntherError

SEEDS = (0, 4, 9)
TOLERANCE = 1e-9


def follow(agent, plains, updates):
    """Give the stack and the plain agents the same batches and noise; compare all networks."""
    rows = table()
    draws = streams(agent, len(rows))
    for _ in range(updates):
        noise = draws.next()
        batch = rows.gather(noise.pop("indices"))
        learn(agent, batch, noise)
        for k, plain in enumerate(plains):
            plain.update(one(batch, k), one(noise, k))
        for k, plain in enumerate(plains):
            for name, nets in networks_of(plain).items():
                network = getattr(agent, name)
                stacked = seed_layers(getattr(network, "mlp", network), k)  # CQL's is wrapped
                for net, expected in zip(stacked, nets, strict=True):
                    assert difference(net, layers_of(expected)) < TOLERANCE, (name, agent.updates)


def plain_of(kind, agent, critics=True, **options):
    """A plain agent for every seed of the stack, with its initial weights."""
    plains = []
    for k in range(len(agent.seeds)):
        nets = [seed_layers(agent.actor, k)[0]]
        if critics:
            nets.append(seed_layers(agent.critics, k))
        plains.append(kind(*nets, **options))
    return plains


def test_bc_equals_the_plain_update():
    agent = make("bc", SEEDS)
    follow(agent, plain_of(PlainBC, agent, critics=False), 5)


def test_td3_bc_equals_the_plain_update():
    agent = make("td3_bc", SEEDS)
    before = seed_layers(agent.target_actor, 0)[0]
    plains = plain_of(PlainTD3BC, agent)
    follow(agent, plains, 1)
    assert difference(before, seed_layers(agent.actor, 0)[0]) == 0.0  # the actor's turn is 2nd
    follow(agent, plains, 7)
    assert difference(before, seed_layers(agent.target_actor, 0)[0]) > 0.0


def test_td3_bc_settings_reach_the_equations():
    agent = make("td3_bc", SEEDS, alpha=1.0, tau=0.1, discount=0.9, policy_frequency=3)
    follow(agent, plain_of(PlainTD3BC, agent, alpha=1.0, tau=0.1, gamma=0.9, every=3), 7)


@pytest.mark.parametrize("decay", [0.1, 10.0])
def test_regularised_td3_bc_equals_the_plain_update_with_pytorchs_adamw(decay):
    agent = make("td3_bc_regularised", SEEDS, weight_decay=decay)
    follow(agent, plain_of(PlainTD3BC, agent, alpha=1.0, decay=decay), 8)


@pytest.mark.parametrize(
    ("name", "options"),
    [("sac", {}), ("sac_min", {"policy": "min"}), ("redq", {"subset": 3})],
)
def test_sac_and_redq_equal_the_plain_update(name, options):
    agent = make(name, SEEDS)
    plains = plain_of(PlainSAC, agent, **options)
    follow(agent, plains, 6)
    alphas = torch.stack([plain.log_alpha.detach() for plain in plains])
    torch.testing.assert_close(agent.log_alpha.detach(), alphas, rtol=0, atol=TOLERANCE)


def test_every_critic_is_as_often_in_redqs_subset():
    agent = make("redq", (0,))
    chosen = torch.randn(4000, 5, generator=torch.Generator().manual_seed(0)).topk(3).indices
    shares = torch.bincount(chosen.flatten(), minlength=5) / 4000
    torch.testing.assert_close(shares, torch.full((5,), 0.6), rtol=0, atol=0.03)
    states, actions = torch.randn(1, 7, D).double(), torch.randn(1, 7, A).double()
    every = agent.critics(states, actions)
    some = agent.critics.some(states, actions, torch.tensor([[3, 0]]))
    torch.testing.assert_close(some, every[:, [3, 0]], rtol=0, atol=1e-12)


IQL_VARIANTS = {
    "gaussian": ({}, {}),
    "deterministic": ({"deterministic": True}, {"deterministic": True}),
    "settings": (
        {"beta": 10.0, "expectile": 0.9, "tau": 0.1, "discount": 0.9},
        {"beta": 10.0, "expectile": 0.9, "tau": 0.1, "gamma": 0.9},
    ),
}


@pytest.mark.parametrize("variant", IQL_VARIANTS)
def test_iql_equals_the_plain_update(variant):
    settings, options = IQL_VARIANTS[variant]
    agent = make("iql", SEEDS, steps=10, **settings)
    plains = [
        PlainIQL(
            seed_layers(agent.actor, k)[0],
            seed_layers(agent.critics, k),
            seed_layers(agent.value, k)[0],
            steps=10,
            **options,
        )
        for k in range(len(SEEDS))
    ]
    follow(agent, plains, 9)  # the cosine is nearly at its end
    for k, plain in enumerate(plains):
        log_std = plain.log_std.detach()
        torch.testing.assert_close(agent.log_std[0][k].detach(), log_std, rtol=0, atol=TOLERANCE)
        rate = plain.schedule.get_last_lr()[0]
        assert float(agent.optimizers["actor"].learning_rate) == pytest.approx(rate)


@pytest.mark.parametrize(("eta", "critics"), [(1.0, 4), (5.0, 2), (0.0, 3)])
def test_edac_equals_the_plain_update(eta, critics):
    agent = make("edac", SEEDS, eta=eta, num_critics=critics)
    plains = plain_of(PlainEDAC, agent, eta=eta)
    follow(agent, plains, 6)
    alphas = torch.stack([plain.log_alpha.detach() for plain in plains])
    torch.testing.assert_close(agent.log_alpha.detach(), alphas, rtol=0, atol=TOLERANCE)


CQL_VARIANTS = {
    "default": ({}, {}),
    "lagrange": ({"lagrange": True, "target_action_gap": 5.0}, {"gap": 5.0}),
    "no importance": ({"importance_sample": False}, {"importance": False}),
    "settings": (
        {"temperature": 0.5, "min_q_weight": 2.0, "backup_entropy": True, "bc_steps": 3},
        {"temperature": 0.5, "weight": 2.0, "backup_entropy": True, "bc_steps": 3},
    ),
    "small init": ({"orthogonal_init": False}, {}),
}


@pytest.mark.parametrize("variant", CQL_VARIANTS)
def test_cql_equals_the_plain_update(variant):
    settings, options = CQL_VARIANTS[variant]
    agent = make("cql", SEEDS, **settings)
    plains = [
        PlainCQL(seed_layers(agent.actor.mlp, k)[0], seed_layers(agent.critics, k), **options)
        for k in range(len(SEEDS))
    ]
    follow(agent, plains, 6)
    for k, plain in enumerate(plains):
        assert difference(seed_layers(agent.actor.mlp, k)[0], layers_of(plain.actor)) < TOLERANCE
        pairs = (
            (agent.actor.log_std_multiplier, plain.multiplier),
            (agent.actor.log_std_offset, plain.offset),
            (agent.log_alpha, plain.log_alpha),
            (agent.log_multiplier, plain.log_prime),
        )
        for stacked, scalar in pairs:
            assert abs(float(stacked[k].detach()) - float(scalar.detach())) < TOLERANCE
    learned = abs(float(agent.log_multiplier[0].detach()) - 1.0)
    assert (learned > 1e-4) == agent.settings.lagrange


# --- details of the released code --------------------------------------------------------------


def test_edac_starts_as_the_released_code():
    agent = make("edac", SEEDS, hidden=(64, 64, 64))
    for mlp, bound in ((agent.actor, 1e-3), (agent.critics, 3e-3)):
        *hidden, last = zip(mlp.weights, mlp.biases, strict=True)
        for _, bias in hidden:
            torch.testing.assert_close(bias.detach(), torch.full_like(bias, 0.1))
        for tensor in last:
            assert bound * 0.5 < tensor.abs().max() <= bound
    # The critics' initialiser takes the number of outputs for the fan-in.
    assert float(agent.critics.weights[0].abs().max()) == pytest.approx(1 / 64**0.5, rel=0.05)
    assert float(agent.actor.weights[0].abs().max()) == pytest.approx(1 / D**0.5, rel=0.05)


def test_edac_needs_two_critics():
    with pytest.raises(SyntherError, match="2 critics or more"):
        make("edac", [0], num_critics=1)


def test_cql_starts_orthogonal():
    agent = make("cql", SEEDS)
    weight = agent.critics.weights[1][0]  # (16, 12)
    torch.testing.assert_close(weight.T @ weight, 2 * torch.eye(12).double(), atol=1e-5, rtol=0)
    assert all((bias == 0).all() for bias in agent.critics.biases)
    small = make("cql", SEEDS, orthogonal_init=False)
    assert small.actor.mlp.weights[-1].abs().max() < 0.01


def test_iql_means_are_clipped_not_squashed():
    agent = make("iql", [0])
    with torch.no_grad():
        agent.actor.biases[-1].copy_(torch.tensor([3.0, -3.0, 0.5]))
        agent.actor.weights[-1].zero_()
        actions = agent.act(torch.zeros(1, 1, D, dtype=torch.float64))
    assert actions[0, 0].tolist() == [1.0, -1.0, 0.5]


def test_iql_weights_are_capped():
    agent = make("iql", [0], beta=1e3)
    advantages = torch.full((1, 16), 5.0, dtype=torch.float64)
    _, info = agent.actor_loss(table().gather(torch.zeros(1, 16, dtype=torch.long)), advantages)
    assert (info["weight"] == 100.0).all()


def test_log_density_of_given_actions_inverts_sampling():
    outputs = 0.3 * torch.randn(50, 2 * A, dtype=torch.float64)
    actions, density = squashed_gaussian(outputs, torch.randn(50, A, dtype=torch.float64))
    torch.testing.assert_close(log_density_of(outputs, actions), density, rtol=1e-8, atol=1e-8)
    assert log_density_of(outputs[:1], torch.ones(1, A, dtype=torch.float64)).isfinite().all()


def test_log_density_survives_saturated_actions():
    """Far in the tanh's tail 1 - tanh(u)^2 rounds to 0; the density must stay finite and right."""
    outputs = torch.tensor([[30.0, 0.0], [-30.0, 0.0]], dtype=torch.float64)
    actions, density = squashed_gaussian(outputs, torch.zeros(2, 1, dtype=torch.float64))
    assert actions.abs().max() <= 1.0
    # log(1 - tanh(u)^2) -> log 4 - 2 |u|
    expected = -0.5 * torch.log(torch.tensor(2 * torch.pi)) - (torch.log(torch.tensor(4.0)) - 60.0)
    torch.testing.assert_close(density, expected.double().expand(2), rtol=1e-6, atol=0)
    _, bounded = squashed_gaussian(outputs, torch.zeros(2, 1, dtype=torch.float64), edge=EDGE)
    expected = -0.5 * math.log(2 * math.pi) - math.log(1e-6)
    torch.testing.assert_close(bounded, torch.full((2,), expected).double(), rtol=1e-6, atol=0)


def test_sac_s_mean_and_deviation_are_two_layers_of_xavier_s():
    agent = make("sac", [0], hidden=(64,))
    (last,) = agent.actor.weights[-1].detach()
    bound = math.sqrt(6 / (64 + A))
    assert last.shape == (64, 2 * A)
    assert 0.9 * bound < float(last.abs().max()) <= bound
    assert not torch.equal(last[:, :A], last[:, A:])
