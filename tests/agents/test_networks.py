"""Networks one by one, as on a CPU, are those of a batched stack, as on a GPU."""

import copy

import pytest
import torch
from stacks import KINDS, make, same_parameters, train

from synther.agents import networks, passes
from synther.agents.networks import Critics, FlatParameters, StackedMLP, seed_generators

F64 = torch.float64
CLOSE = {"rtol": 0, "atol": 1e-12}


@pytest.fixture
def stacked(monkeypatch):
    """Call it, and networks are passed through as on a GPU."""
    return lambda: monkeypatch.setattr(networks, "on_gpu", lambda tensor: True)


def mlp(*sizes, copies=1, seeds=(0, 1, 2)):
    return StackedMLP(seed_generators(seeds, 0), sizes, copies).to(F64)


def critics(seeds=(0, 1), ensemble=3, hidden=(16, 12)):
    return Critics(seed_generators(seeds, 0), 5, 3, hidden, ensemble).to(F64)


def inputs(seeds=2, rows=9):
    g = torch.Generator().manual_seed(0)
    shapes = (seeds, rows, 5), (seeds, rows, 3), (seeds, rows)
    return [torch.randn(shape, generator=g, dtype=F64) for shape in shapes]


def gradients(net):
    return [p.grad.clone() for p in net.parameters()]


@pytest.mark.parametrize("name", KINDS)
def test_an_agent_learns_the_same_one_by_one_and_as_a_stack(name, stacked):
    alone = train(make(name, [0, 3]), 8)
    stacked()
    stack = train(make(name, [0, 3]), 8)
    for k in range(2):
        assert same_parameters(stack, k, train(make(name, [(0, 3)[k]]), 8)) < 1e-9
    for key, value in stack.state_dict().items():
        torch.testing.assert_close(value, alone.state_dict()[key], rtol=0, atol=1e-9)


@pytest.mark.parametrize("rows", [7, 8, 21])  # in blocks of 8: part of one, one, and three
@pytest.mark.parametrize("sizes", [(5, 16, 12, 1), (5, 40, 6), (5, 7, 40), (5, 3)])
def test_outputs_and_gradients_are_the_stack_s(sizes, rows, stacked, monkeypatch):
    monkeypatch.setattr(passes, "ROWS", 8)
    monkeypatch.setattr(networks, "FEW", 0)
    net, (start, *_) = mlp(*sizes), inputs(3, rows)
    target = torch.randn(3, rows, sizes[-1], dtype=F64)
    found = []
    for _ in range(2):
        net.zero_grad()
        x = start.clone().requires_grad_()
        y = net(x)
        (y - target).square().sum().backward()
        with torch.no_grad():
            found.append([y, net(start), x.grad, *gradients(net)])
        stacked()
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


@pytest.mark.parametrize("rows", [9, 21])
def test_critics_are_the_stack_s(rows, stacked, monkeypatch):
    monkeypatch.setattr(passes, "ROWS", 8)
    monkeypatch.setattr(networks, "FEW", 0)
    net, (states, actions, targets) = critics(), inputs(2, rows)
    chosen = torch.tensor([[2, 0], [1, 2]])
    found = []
    for _ in range(2):
        actions, flat = actions.detach().requires_grad_(), FlatParameters([net])
        (net(states, actions).square().sum() + net.first(states, actions).sum()).backward()
        found.append([actions.grad, flat.value.grad.clone()])
        flat.zero_grad()
        found[-1] += [*net.regress(states, actions, targets, 3.0), flat.value.grad.clone()]
        with torch.no_grad():
            found[-1].append(net.some(states, actions, chosen))
        flat.zero_grad()
        q, slopes = net.slopes(states, actions)
        (q.square().sum() + slopes.sum(dim=1).square().sum()).backward()
        found[-1] += [q, slopes, flat.value.grad.clone()]
        stacked()
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-11)


def test_passes_add_up_until_gradients_are_forgotten():
    net, (states, actions, targets) = critics(), inputs()
    flat = FlatParameters([net])
    for _ in range(2):
        flat.zero_grad()
        net.regress(states, actions, targets)
        once = flat.value.grad.clone()
        net.regress(states, actions, targets)
        torch.testing.assert_close(flat.value.grad, 2 * once, **CLOSE)


def test_networks_that_no_pass_reached_stay_where_they_are():
    net, (states, actions, _) = critics(), inputs()
    flat = FlatParameters([net])
    adam = flat.adam(0.1)
    net(states, actions).sum().backward()  # gradients of before
    flat.zero_grad()
    net.first(states, actions).sum().backward()
    before = [w.detach().clone() for w in net.weights]
    adam.step()
    for old, new in zip(before, net.weights, strict=True):
        moved = (old != new).flatten(1).any(dim=1)
        assert moved.tolist() == [True, False, False] * 2


def test_frozen_networks_pass_gradients_and_take_none():
    net, (states, actions, _) = critics(), inputs()
    FlatParameters([net])
    net.requires_grad_(False)
    actions.requires_grad_()
    net(states, actions).sum().backward()
    assert actions.grad.abs().sum() > 0
    assert all((g == 0).all() for g in gradients(net))


def test_parameters_that_moved_are_found_again():
    net, (x, *_) = mlp(5, 8, 2, seeds=(0, 1)), inputs()
    before = net(x)
    other = copy.deepcopy(net)
    FlatParameters([net])
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(0.5)
    torch.testing.assert_close(other(x), before, **CLOSE)
    net.biases[1].data = torch.full((2, 1, 2), 9.0, dtype=F64)
    assert (net(x) - 9.0).abs().max() < before.abs().max()


def test_a_pass_goes_back_once():
    net, (x, *_) = mlp(5, 8, 2, seeds=(0, 1)), inputs()
    y = net(x).sum()
    y.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="pass forward again"):
        y.backward()


def test_two_passes_forward_and_then_back():
    net, (x, *_) = mlp(5, 8, 2, seeds=(0, 1)), inputs()
    (net(x).square().sum() + net(2 * x).square().sum()).backward()
    both = gradients(net)
    net.zero_grad()
    for scale in (1, 2):
        net(scale * x).square().sum().backward()
    for one, other in zip(both, gradients(net), strict=True):
        torch.testing.assert_close(one, other, **CLOSE)
