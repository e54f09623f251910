"""Adam without the Optimizer class: PyTorch's own steps, and none of its compiler."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from synther.tensors.optimizer import Adam


def gradients(n: int, steps: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(steps, n, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_its_steps_are_those_of_pytorch(decay: float) -> None:
    start = torch.linspace(-1, 1, 7, dtype=torch.float64)
    ours, theirs = start.clone(), torch.nn.Parameter(start.clone())
    idle = torch.ones(2, dtype=torch.float64)
    adam = Adam([ours, idle], 1e-2, betas=(0.8, 0.95), weight_decay=decay)
    kind = torch.optim.AdamW if decay else torch.optim.Adam
    reference = kind([theirs], lr=1e-2, betas=(0.8, 0.95), weight_decay=decay)
    for gradient in gradients(7, 50):
        ours.grad, theirs.grad = gradient.clone(), gradient.clone()
        adam.step()
        reference.step()
    torch.testing.assert_close(ours, theirs.detach(), rtol=1e-12, atol=1e-12)
    assert (idle == 1).all()  # no gradient, no step
    adam.zero_grad()
    assert ours.grad is None


def test_it_goes_on_where_its_state_was_taken() -> None:
    draws = gradients(4, 20)

    def run(cut: bool) -> torch.Tensor:
        value = torch.zeros(4, dtype=torch.float64)
        adam = Adam([value], torch.tensor(0.1, dtype=torch.float64))
        for step, gradient in enumerate(draws):
            if cut and step == 10:
                saved, adam = adam.state_dict(), Adam([value], torch.tensor(9.0).double())
                adam.load_state_dict(saved)
            value.grad = gradient.clone()
            adam.step()
            assert isinstance(adam.learning_rate, torch.Tensor)
            adam.learning_rate.mul_(0.9)
        return value

    assert torch.equal(run(cut=True), run(cut=False))


def test_it_does_not_import_the_compiler() -> None:
    code = (
        "import sys, torch; from synther.tensors.optimizer import Adam; p = torch.zeros(3);"
        "p.grad = torch.ones(3); Adam([p], 0.1).step(); assert p[0] < 0;"
        "assert 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
