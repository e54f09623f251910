"""Random streams: a seed's draws are its own, whoever shares its job."""

import pytest
import torch

from synther.training.streams import CHUNK, RandomStreams

SHAPES = {"next_action": (6, 2), "policy": (3,)}


def make(seeds, **options):
    return RandomStreams(seeds, SHAPES, indices=(1000, 8), **options)


def draw(streams, steps):
    return [streams.next() for _ in range(steps)]


def test_shapes():
    draws = make([0, 1, 2]).next()
    assert draws["indices"].shape == (3, 8)
    assert draws["next_action"].shape == (3, 6, 2)
    assert draws["policy"].shape == (3, 3)


def test_a_seeds_draws_do_not_depend_on_its_block():
    block, alone, other = draw(make([5, 3, 8]), 150), draw(make([3]), 150), draw(make([8, 3]), 150)
    for one, two, three in zip(block, alone, other, strict=True):
        for name in one:
            assert torch.equal(one[name][1], two[name][0])
            assert torch.equal(one[name][1], three[name][1])


def test_seeds_purposes_and_steps_differ():
    streams = make([0, 1])
    first, second = streams.next(), streams.next()
    elsewhere = make([0, 1], purpose=2).next()
    for name in first:
        assert not torch.equal(first[name][0], first[name][1])
        assert not torch.equal(first[name], second[name])
        assert not torch.equal(first[name], elsewhere[name])


def test_draws_are_uniform_and_normal():
    draws = draw(RandomStreams([0], {"noise": (100,)}, indices=(10, 100)), 500)
    indices = torch.stack([d["indices"] for d in draws])
    counts = torch.bincount(indices.reshape(-1), minlength=10)
    assert len(counts) == 10
    assert (counts - 5000).abs().max() < 5 * 5000**0.5
    noise = torch.stack([d["noise"] for d in draws])
    assert noise.mean().abs() < 5 / 50_000**0.5
    assert (noise.std() - 1).abs() < 5 / 100_000**0.5


@pytest.mark.parametrize("done", [0, 1, CHUNK - 1, CHUNK, CHUNK + 17])
def test_restored_streams_draw_on_from_the_middle_of_a_chunk(done):
    streams = make([4, 6])
    draw(streams, done)
    snapshot = streams.snapshot()
    expected = draw(streams, 2 * CHUNK)
    fresh = make([4, 6])
    draw(fresh, 3)
    fresh.restore(snapshot)
    for one, two in zip(expected, draw(fresh, 2 * CHUNK), strict=True):
        for name in one:
            assert torch.equal(one[name], two[name])
