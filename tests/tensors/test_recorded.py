"""What is recorded on a CPU: it computes the same again, or is called as it is."""

import numpy as np
import pytest
import torch

from synther.tensors.graphed import WARM_UP, GraphedCall
from synther.tensors.recorded import Recording


def called(function, calls=12, width=3):
    """Results of a function for numbers that change, as it is and as a `GraphedCall`."""
    draws = torch.randn(calls, 4, width, generator=torch.Generator().manual_seed(0))
    plain, graphed = function(), GraphedCall(function())
    found = [[f({"x": x})["y"].clone() for x in draws] for f in (plain, graphed)]
    return found, graphed.repeats


def linear():
    """A function with views, products, sums, in-place steps, a backward pass and its state."""
    weight = torch.full((3, 3), 0.1, requires_grad=True)
    total = torch.zeros(3)

    def function(inputs):
        weight.grad = None
        hidden = inputs["x"] @ weight.t()
        left, right = hidden.chunk(2, dim=0)
        high, where = hidden.max(dim=0)
        loss = (left * right.relu()).sum() + torch.cat([high, hidden[0]]).square().mean()
        (loss + torch.ones_like(loss)).backward()
        with torch.no_grad():
            weight.sub_(0.1 * weight.grad)
            total.add_(hidden.double().sum(dim=0).float() + where)
        return {"y": torch.cat([total, loss[None], weight.flatten()]).detach()}

    return function


def test_what_is_repeated_gives_the_same_bytes():
    (plain, graphed), repeats = called(linear)
    assert repeats
    for one, other in zip(plain, graphed, strict=True):
        assert torch.equal(one, other)


def counts():
    state = [0]

    def function(inputs):
        state[0] += 1
        return {"y": inputs["x"] * state[0]}

    return function


def draws():
    rng = np.random.default_rng(0)
    return lambda inputs: {"y": inputs["x"] + torch.from_numpy(rng.normal(size=3))}


def makes_its_state_anew():
    state = {"mean": torch.zeros(4, 3)}

    def function(inputs):
        state["mean"] = 0.9 * state["mean"] + 0.1 * inputs["x"]
        return {"y": state["mean"]}

    return function


def reads(how):
    def function(inputs):
        return {"y": inputs["x"] * (1.0 if how(inputs["x"]) > 0 else -1.0)}

    return lambda: function


@pytest.mark.parametrize(
    "function",
    [
        *(counts, draws, makes_its_state_anew),
        reads(lambda x: x[0, 0].item()),
        reads(lambda x: float(x.sum())),
        reads(lambda x: x.sum() > 0),
        reads(lambda x: x.tolist()[0][0]),
        reads(lambda x: x.numpy()[0, 0]),
        reads(lambda x: np.asarray(x)[0, 0]),
        reads(lambda x: len(x[x > 1.0]) - 1),
    ],
)
def test_what_goes_by_more_than_its_inputs_is_called_as_it_is(function):
    (plain, graphed), repeats = called(function)
    assert repeats is False
    for one, other in zip(plain, graphed, strict=True):
        assert torch.equal(one, other)


def test_it_is_recorded_after_its_state_is_made():
    seen = []

    def function(inputs):
        seen.append(len(seen))
        return {"y": 2 * inputs["x"]}

    call = GraphedCall(function)
    for n in range(9):
        assert call({"x": torch.full((2,), float(n))})["y"].tolist() == [2.0 * n] * 2
    assert len(seen) == WARM_UP + 2


def test_memory_is_reused_but_for_what_is_kept():
    weight, kept = torch.ones(100, requires_grad=True), []
    with Recording() as recording:
        hidden = weight
        for n in range(10):
            hidden = hidden * 1.1
            if n == 4:
                kept.append(hidden.detach())
        loss = hidden.sum()
        loss.backward()
    expected = [kept[0].clone(), weight.grad.clone()]
    del hidden, loss
    calls = recording.calls()
    places = {
        tensor.untyped_storage().data_ptr()
        for call in calls
        for tensor in [*getattr(call, "args", ()), *getattr(call, "keywords", {}).values()]
        if isinstance(tensor, torch.Tensor) and tensor.numel() == 100
    }
    assert {weight.data_ptr(), kept[0].data_ptr(), weight.grad.data_ptr()} <= places
    assert len(places) < 8  # of 21 results
    kept[0].zero_()
    with torch.no_grad():
        weight.copy_(torch.full((100,), 2.0))
        for call in calls:
            call()
    torch.testing.assert_close(kept[0], 2 * expected[0])
    torch.testing.assert_close(weight.grad, expected[1])
