"""Agents with goals: the plain update of the published equations, and goals by hindsight."""

import copy
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest
from stacks import F64, same_parameters
from torch import nn

from synther.agents import make_agent
from synther.agents.gcbc import GCBC
from synther.agents.gciql import GCIQL
from synther.agents.goals import GoalMLP
from synther.agents.networks import FEW
from synther.errors import SyntherError
from synther.training.direct import learn
from synther.training.goals import GoalTable, with_later_states
from synther.training.streams import RandomStreams
from synther.transitions import Transitions

D, A, B = 3, 2, 24
KINDS = {"gcbc": GCBC, "gciql": GCIQL}
LENGTHS = (7, 1, 30, 12)


def trajectories(lengths=LENGTHS, seed=0):
    rng = np.random.default_rng(seed)
    walks = [rng.normal(size=(n + 1, D)).cumsum(axis=0) for n in lengths]
    states = np.concatenate([walk[:-1] for walk in walks])
    following = np.concatenate([walk[1:] for walk in walks])
    n = len(states)
    return Transitions(
        states, np.tanh(rng.normal(size=(n, A))), np.zeros(n), following, np.zeros(n)
    )


def make(name, seeds, **changes):
    kind = KINDS[name]
    own = kind.Settings(**{"hidden": (16, 12), "batch_size": B, **changes})
    return kind(2 * D, A, seeds, own, dtype=F64)


def batches(agent, data=None):
    table = GoalTable(agent.settings, data or trajectories(), A, dtype=F64)
    streams = RandomStreams(
        agent.seeds, {}, indices=(len(table), B), dtype=F64, uniforms=table.uniforms()
    )
    while True:
        draws = streams.next()
        yield table.gather(draws.pop("indices"), **draws)


def train(agent, updates):
    for _, batch in zip(range(updates), batches(agent), strict=False):
        agent.update(batch, {})
    return agent


def plain_network(stack, k):
    """One network of a stack as PyTorch's own modules."""
    modules = []
    for layer, (weight, bias) in enumerate(zip(stack.weights, stack.biases, strict=True)):
        linear = nn.Linear(*weight.shape[1:], dtype=F64)
        linear.weight.data, linear.bias.data = weight[k].T.clone(), bias[k, 0].clone()
        modules.append(linear)
        if layer < len(stack.weights) - 1:
            modules.append(nn.GELU(approximate="tanh"))
            if stack.scales:
                modules.append(nn.LayerNorm(weight.shape[2], eps=1e-6, dtype=F64))
    return nn.Sequential(*modules)


class PlainGCIQL:
    """One seed, written out; `alpha` None leaves values away: GCBC."""

    def __init__(self, agent, k, values):
        self.own, self.actor = agent.settings, plain_network(agent.actor, k)
        nets = [self.actor]
        if values:
            self.value = plain_network(agent.value, k)
            self.critics = [plain_network(agent.critics, 2 * k + n) for n in range(2)]
            self.targets = copy.deepcopy(self.critics)
            nets += [self.value, *self.critics]
        self.values = values
        parameters = [p for net in nets for p in net.parameters()]
        self.adam = torch.optim.Adam(parameters, lr=self.own.learning_rate)

    def update(self, batch):
        means = self.actor(batch.actor_observations)
        density = torch.distributions.Normal(means, 1.0).log_prob(batch.actions).sum(-1)
        loss = -density.mean()
        if self.values:
            own, inputs = self.own, torch.cat([batch.observations, batch.actions], -1)
            target_q = torch.minimum(*(net(inputs)[:, 0] for net in self.targets)).detach()
            v = self.value(batch.observations)[:, 0]
            ahead = self.value(batch.next_observations)[:, 0].detach()
            target = batch.rewards + own.discount * (1 - batch.terminals) * ahead
            weight = torch.where(target_q - v >= 0, own.expectile, 1 - own.expectile)
            first, second = (net(inputs)[:, 0] for net in self.critics)
            chosen = torch.cat([batch.actor_observations, means.clamp(-1, 1)], -1)
            frozen = copy.deepcopy(self.critics)
            q = torch.minimum(*(net(chosen)[:, 0] for net in frozen))
            loss = (
                own.alpha * loss
                - q.mean() / (q.abs().mean().detach() + 1e-6)
                + (weight * (target_q - v) ** 2).mean()
                + ((first - target) ** 2 + (second - target) ** 2).mean()
            )
        self.adam.zero_grad()
        loss.backward()
        self.adam.step()
        if self.values:
            for net, old in zip(self.critics, self.targets, strict=True):
                for new, target in zip(net.parameters(), old.parameters(), strict=True):
                    target.data.lerp_(new.data, self.own.tau)


def networks(agent, plain, k):
    yield agent.actor, k, plain.actor
    if plain.values:
        yield agent.value, k, plain.value
        for n in range(2):
            yield agent.critics, 2 * k + n, plain.critics[n]
            yield agent.target_critics, 2 * k + n, plain.targets[n]


@pytest.mark.parametrize("name", KINDS)
def test_an_update_is_the_plain_one(name):
    agent = make(name, [0, 4], learning_rate=1e-3)
    plains = [PlainGCIQL(agent, k, name == "gciql") for k in range(2)]
    inputs = torch.randn(20, 2 * D + A, dtype=F64)
    for _, batch in zip(range(8), batches(agent), strict=False):
        agent.update(batch, {})
        for k, plain in enumerate(plains):
            plain.update(batch._make(value[k] for value in batch))
            for stack, place, net in networks(agent, plain, k):
                given = inputs[:, : stack.weights[0].shape[1]]
                rows = given.expand(len(stack.weights[0]) // stack.copies, -1, -1)
                difference = (stack(rows)[place] - net(given)).abs().max()
                assert difference < 1e-7, (agent.updates, plain)


@pytest.mark.parametrize("name", KINDS)
def test_a_seed_learns_in_a_stack_what_it_learns_alone_and_goes_on_when_restored(name):
    stack = train(make(name, [2, 0, 7]), 50)
    for k, seed in enumerate([2, 0, 7]):
        assert same_parameters(stack, k, train(make(name, [seed]), 50)) < 1e-9
    other = train(make(name, [2, 0, 7]), 3)
    other.restore(copy.deepcopy(stack.snapshot()))
    for agent in (stack, other):
        train(agent, 5)
    for key, value in stack.state_dict().items():
        assert torch.equal(value, other.state_dict()[key]), key
    actions = stack.act(10 * torch.randn(3, 50, 2 * D, dtype=F64))
    assert actions.abs().max() <= 1


def drawn(kind, rows, number=4000, data=None, **shares):
    """Goals' rows, drawn many times for the same rows, and whether they lie ahead."""
    own = GCIQL.Settings(batch_size=len(rows), **shares)
    table = GoalTable(own, data or trajectories(), A, dtype=F64)
    indices = torch.as_tensor(rows).expand(number, -1)
    draws = torch.rand(number, 3, len(rows), dtype=F64, generator=torch.Generator().manual_seed(0))
    places, ahead = table.places(kind, indices, draws)
    return places.numpy(), ahead.numpy()


def only(kind, goal):
    return {f"{kind}_p_{g}": float(g == goal) for g in ("curgoal", "trajgoal", "randomgoal")}


def test_goals_are_where_the_benchmark_draws_them():
    rows = [0, 6, 7, 8, 37, 49]
    last = np.array([6, 6, 7, 37, 37, 49])
    assert (drawn("value", rows, **only("value", "curgoal"))[0] == rows).all()
    everywhere = drawn("actor", rows, **only("actor", "randomgoal"))[0]
    assert set(everywhere[:, 0]) == set(range(50))
    for kind in ("value", "actor"):
        ahead, _ = drawn(kind, rows, **only(kind, "trajgoal"))
        assert (ahead >= np.minimum(np.array(rows) + 1, last)).all()
        assert (ahead <= last).all()
    # rounded uniform numbers, of which the first and the last state have half as many
    counts = np.bincount(ahead[:, 3], minlength=38)[9:]
    assert counts[[0, -1]] == pytest.approx(4000 / 56, rel=0.5)
    assert counts[1:-1] == pytest.approx(4000 / 28, rel=0.5)


def test_value_goals_ahead_are_geometrically_distributed():
    shares = only("value", "trajgoal")
    places, _ = drawn("value", [0], 20_000, trajectories((4000,)), discount=0.95, **shares)
    steps, expected = places[:, 0], np.random.default_rng(0).geometric(0.05, 20_000)
    assert steps.min() == 1
    assert steps.mean() == pytest.approx(20, rel=0.03)
    assert kstest(steps, expected).pvalue > 1e-3


def test_shares_of_goals_are_the_settings():
    places, ahead = drawn("value", [0], 20_000, trajectories((5000,)))
    assert (places == 0).mean() == pytest.approx(0.2, abs=0.01)
    assert ahead.mean() == pytest.approx(0.5, abs=0.012)


def gathered(data, rows, **changes):
    own = GCIQL.Settings(batch_size=len(rows), **changes)
    table = GoalTable(own, data, A, dtype=F64)
    draws = {
        name: torch.rand(1, *shape, dtype=F64, generator=torch.Generator().manual_seed(n))
        for n, (name, shape) in enumerate(table.uniforms().items())
    }
    return table.gather(torch.as_tensor(rows)[None], **draws)


@given(st.lists(st.integers(0, 49), min_size=1, max_size=30), st.integers(0, 9))
@settings(max_examples=30, deadline=None)
def test_rewards_are_zero_and_episodes_end_at_the_goal_alone(rows, seed):
    data = trajectories(seed=seed)
    batch = gathered(data, rows)
    states, goals = batch.observations[0].split(D, dim=-1)
    np.testing.assert_array_equal(states, data.observations[rows])
    reached = (states == goals).all(dim=-1)
    assert torch.equal(batch.rewards[0], reached.double() - 1)
    assert torch.equal(batch.terminals[0], reached.double())
    following, same = batch.next_observations[0].split(D, dim=-1)
    assert torch.equal(same, goals)
    np.testing.assert_array_equal(following, data.next_observations[rows])
    assert torch.equal(batch.actor_observations[0][:, :D], states)


def test_samples_have_a_later_state_of_their_own():
    data = trajectories()
    order = np.random.default_rng(1).permutation(len(data))[:20]
    shares = only("value", "trajgoal") | only("actor", "trajgoal")
    alone = gathered(data[order], list(range(20)), **shares)
    np.testing.assert_array_equal(alone.observations[0][:, D:], data.next_observations[order])
    assert (alone.rewards == -1).all()

    goals = with_later_states(data, seed=3)
    assert goals.action_dim == A + D
    batch = gathered(goals[order], list(range(20)), **shares)
    np.testing.assert_array_equal(batch.actor_observations[0][:, D:], goals.actions[order, A:])
    np.testing.assert_array_equal(batch.actions[0], data.actions[order])
    ends = np.cumsum(LENGTHS) - 1
    for row, goal in enumerate(goals.actions[:, A:]):
        end = ends[np.searchsorted(ends, row)]
        found = (data.next_observations[row : end + 1] == goal).all(axis=1)
        assert found.sum() == 1


def test_refusals():
    with pytest.raises(SyntherError, match=r"value_p_curgoal.*must add up to 1"):
        GCIQL.Settings(value_p_curgoal=0.5)
    with pytest.raises(SyntherError, match=r"actor_p_trajgoal.*none below 0"):
        GCBC.Settings(actor_p_trajgoal=1.5, actor_p_randomgoal=-0.5)
    with pytest.raises(SyntherError, match="normalise_states"):
        GCBC.Settings(normalise_states=True)


def test_they_are_trained_in_python_too():
    agent = make_agent("gciql", 2 * D, A, seeds=(0, 1), hidden=(8,), batch_size=B)
    before = agent.actor.weights[0].detach().clone()
    standardiser = learn(agent, trajectories(), updates=3, progress=False)
    assert agent.updates == 3
    assert not torch.equal(agent.actor.weights[0], before)
    np.testing.assert_array_equal(standardiser(np.ones(2 * D)), np.ones(2 * D))
    with pytest.raises(SyntherError, match="make the agent for this task"):
        learn(make_agent("gcbc", D, A), trajectories(), updates=1)


def test_the_benchmarks_initial_weights():
    agent = make("gciql", [0], hidden=(400, 300))
    bound = math.sqrt(6 / (2 * D + 400))
    assert agent.value.weights[0].abs().max().item() == pytest.approx(bound, rel=0.01)
    assert agent.actor.weights[-1].abs().max().item() == pytest.approx(
        math.sqrt(0.06 / 302), rel=0.05
    )
    assert not agent.actor.scales
    assert len(GoalTable(agent.settings, trajectories(), A)) == sum(LENGTHS)


@pytest.mark.parametrize(("copies", "layer_norm"), [(1, False), (2, True)])
def test_networks_one_by_one_are_the_stack(copies, layer_norm):
    """Rows are many enough to go network by network; half of them go through the stack."""
    generators = [torch.Generator().manual_seed(seed) for seed in range(3)]
    stack = GoalMLP(generators, (4, 16, 16, 2), copies, layer_norm).double()
    with torch.no_grad():
        for parameter in (*stack.biases, *stack.scales, *stack.shifts):
            parameter.normal_()
    inputs, found = torch.randn(3, FEW, 4, dtype=torch.float64), []
    for parts in ([inputs], inputs.split(FEW // 2, dim=1)):
        outputs = torch.cat([stack(part) for part in parts], dim=1)
        parameters = list(stack.parameters())
        found.append([outputs, *torch.autograd.grad(outputs.square().sum(), parameters)])
    assert found[0][0].shape == (3 * copies, FEW, 2)
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
