"""Agents that see pixels: equal to plain implementations, and in a stack to themselves alone."""

import copy

import pytest
import torch
from plain_pixels import PlainBC, PlainDrQBC, shift

from synther import SyntherError
from synther.agents.base import Batch
from synther.agents.drq_bc import DrQBC
from synther.agents.pixel_bc import PixelBC
from synther.agents.pixels import PixelSettings, random_shift
from synther.training.frames import take_body

SHAPE, A, B = (9, 21, 21), 2, 5
F64 = torch.float64
TINY = {"hidden": (8, 7), "features": 4, "batch_size": B, "pad": 2, "learning_rate": 1e-3}
KINDS = {"drq_bc": (DrQBC, PlainDrQBC), "pixel_bc": (PixelBC, PlainBC)}


def make(kind, seeds, frozen=False, **changes):
    changes = {"noise_updates": 4} | ({"tau": 0.1} if kind == "drq_bc" else {}) | changes
    agent = KINDS[kind][0]
    settings = agent.Settings(**{**TINY, **changes})
    return agent(SHAPE, A, seeds, settings, dtype=F64, frozen=frozen)


def draws(agent, step, seeds):
    """One update's batch and noise, a stream a seed."""
    parts = []
    for seed in seeds:
        g = torch.Generator().manual_seed(1000 * step + seed)
        frames = [torch.randint(0, 256, (B, *SHAPE), generator=g).byte() for _ in range(2)]
        batch = Batch(
            observations=frames[0],
            actions=torch.rand(B, A, generator=g, dtype=F64) * 2 - 1,
            rewards=torch.randn(B, generator=g, dtype=F64),
            next_observations=frames[1],
            terminals=(torch.rand(B, generator=g) < 0.3).double(),
        )
        noise = {n: torch.randn(s, generator=g, dtype=F64) for n, s in agent.noise().items()}
        noise |= {n: torch.rand(s, generator=g, dtype=F64) for n, s in agent.uniforms().items()}
        parts.append((batch, noise))
    batch = Batch(*(torch.stack(columns) for columns in zip(*(p[0] for p in parts))))  # noqa: B905
    return batch, {name: torch.stack([p[1][name] for p in parts]) for name in parts[0][1]}


def frames(k, n, seed=9):
    g = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (k, n, *SHAPE), generator=g).byte()


@pytest.mark.parametrize("kind", KINDS)
def test_updates_are_those_of_the_plain_implementation(kind):
    agent = make(kind, [3])
    plain = KINDS[kind][1](agent)
    seen = frames(1, 4)
    torch.testing.assert_close(agent.act(seen)[0], plain.act(seen[0]))
    for step in range(6):
        batch, noise = draws(agent, step, [3])
        agent.update(batch, noise)
        plain.update(batch, noise)
    torch.testing.assert_close(agent.act(seen)[0], plain.act(seen[0]), rtol=1e-6, atol=1e-8)
    if kind == "drq_bc":
        features = plain.encoder(seen[0])
        actions = torch.zeros(4, A, dtype=F64)
        own = agent.critics(agent.trunks["critic"](agent.encoder(seen)), actions[None])[0]
        theirs = torch.stack(plain.q(plain.critic, features, actions))
        torch.testing.assert_close(own, theirs, rtol=1e-6, atol=1e-8)
        own = agent.target_critics(agent.target_trunk(agent.encoder(seen)), actions[None])[0]
        theirs = torch.stack(plain.q(plain.target, features, actions))
        torch.testing.assert_close(own, theirs, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_learns_in_a_stack_what_it_learns_alone(kind, frozen):
    seeds = [0, 4, 7]
    stack, alone = make(kind, seeds, frozen), make(kind, [4], frozen)
    for step in range(3):
        batch, noise = draws(stack, step, seeds)
        if frozen:
            with torch.no_grad():
                batch = batch._replace(
                    observations=stack.encode(batch.observations),
                    next_observations=stack.encode(batch.next_observations),
                )
        stack.update(batch, noise)
        alone.update(Batch(*(x[1:2] for x in batch)), {n: x[1:2] for n, x in noise.items()})
    seen = frames(3, 4)
    torch.testing.assert_close(stack.act(seen)[1:2], alone.act(seen[1:2]))


@pytest.mark.parametrize("kind", KINDS)
def test_heads_learn_while_the_body_stays(kind):
    agent = make(kind, [0, 1], frozen=True)
    body = {name: value.clone() for name, value in agent.body().items()}
    heads = [p.clone() for p in agent.actor.parameters()]
    batch, noise = draws(agent, 0, [0, 1])
    batch = batch._replace(
        observations=agent.encode(batch.observations),
        next_observations=agent.encode(batch.next_observations),
    )
    assert batch.observations.shape == (2, B, agent.latent_dim)
    agent.update(batch, noise)
    for name, value in agent.body().items():
        assert torch.equal(value, body[name]), name
    assert not any(torch.equal(p, q) for p, q in zip(agent.actor.parameters(), heads, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_is_taken_over_by_a_whole_stack(kind):
    teacher, pupil = make(kind, [0, 1]), make(kind, [5, 6, 7], frozen=True)
    take_body(pupil, {"seeds": [0, 1], "body": teacher.body()}, 1, "a file")
    seen = frames(1, 3)
    latents = teacher.encode(seen.expand(2, -1, -1, -1, -1))[1]
    for own in pupil.encode(seen.expand(3, -1, -1, -1, -1)):
        assert torch.equal(own, latents)
    actions = pupil.act(seen.expand(3, -1, -1, -1, -1))
    assert not torch.equal(actions[0], actions[1])  # heads are the seeds' own


@pytest.mark.parametrize("kind", KINDS)
def test_a_restored_agent_goes_on_identically(kind):
    agent, other = make(kind, [0, 1]), make(kind, [0, 1])
    for step in range(2):
        agent.update(*draws(agent, step, [0, 1]))
    other.restore(copy.deepcopy(agent.snapshot()))
    for each in (agent, other):
        each.update(*draws(each, 5, [0, 1]))
    seen = frames(2, 3)
    assert torch.equal(agent.act(seen), other.act(seen))


def test_the_encoder_learns_from_the_critics_alone():
    agent = make("drq_bc", [0], alpha=1e6)
    quiet = make("drq_bc", [0], alpha=1e-6)
    batch, noise = draws(agent, 0, [0])
    agent.update(batch, noise)
    quiet.update(batch, noise)
    for name, value in agent.encoder.state_dict().items():
        assert torch.equal(value, quiet.encoder.state_dict()[name])


@pytest.mark.parametrize("kind", KINDS)
def test_noise_falls_linearly_and_is_cut(kind):
    agent = make(kind, [0], noise_updates=100)
    stds = []
    for agent.updates in (0, 50, 100, 500):
        stds.append(agent.std)
    assert stds == pytest.approx([1.0, 0.55, 0.1, 0.1])
    latents = torch.zeros(1, 1, 4, dtype=F64)
    still = agent.policy(latents, torch.zeros(1, 1, A, dtype=F64))
    moved = agent.policy(latents, torch.full((1, 1, A), 99.0, dtype=F64))
    assert (moved - still).max() <= 0.3 + 1e-12


def test_sizes_are_those_of_drq_v2():
    agent = DrQBC((9, 84, 84), 6, [0], DrQBC.Settings())
    assert agent.encoder.outputs == 39200
    assert agent.latent_dim == 100
    assert [tuple(w.shape) for w in agent.actor.weights] == [
        (1, 50, 1024),
        (1, 1024, 1024),
        (1, 1024, 6),
    ]


def test_random_shifts():
    seen = frames(2, 6)
    g = torch.Generator().manual_seed(0)
    places = torch.rand(2, 6, 2, generator=g, dtype=F64)
    moved = random_shift(seen, places, 2)
    assert moved.dtype == torch.uint8
    for k in range(2):
        assert torch.equal(moved[k].double(), shift(seen[k], places[k], 2))
    assert random_shift(seen, places, 0) is seen
    middle = torch.full((2, 6, 2), 0.5, dtype=F64)
    assert torch.equal(random_shift(seen, middle, 2), seen)
    extremes = torch.rand(1, 4000, 2, generator=g, dtype=F64)
    found = (extremes * 9).long() - 4
    assert (int(found.min()), int(found.max())) == (-4, 4)


def test_settings_are_checked():
    with pytest.raises(SyntherError, match="'pad' of pixel is -1"):
        PixelSettings(pad=-1)
    with pytest.raises(SyntherError, match="'n_step' of pixel is 0"):
        PixelSettings(n_step=0)
    with pytest.raises(SyntherError, match="square"):
        DrQBC((9, 84, 64), 6, [0], DrQBC.Settings())
