"""TF32, emulated: what a GPU's matrix products lose by it does not reach the samples."""

import numpy as np
import pytest
import torch

from synther.errors import SyntherError
from synther.generators.diffusion import Diffusion, DiffusionSettings
from synther.generators.diffusion.trainer import products_in
from synther.transitions import Transitions


def rounded(x):
    """float32 to the 10 bits of mantissa that TF32 keeps, to the nearest."""
    bits = x.contiguous().view(torch.int32)
    return ((bits + 0x1000) & ~0x1FFF).view(torch.float32)


class Product(torch.autograd.Function):
    """A batched product whose operands are rounded, as tensor cores do; so are its gradients'."""

    @staticmethod
    def forward(ctx, a, b):
        a, b = rounded(a), rounded(b)
        ctx.save_for_backward(a, b)
        return a @ b

    @staticmethod
    def backward(ctx, gradient):
        a, b = ctx.saved_tensors
        gradient = rounded(gradient)
        return gradient @ b.mT, a.mT @ gradient


@pytest.fixture
def tf32(monkeypatch):
    """The denoiser's products in emulated TF32; what comes back counts them."""
    counts = []

    def baddbmm(bias, a, b):
        counts.append(1)
        return bias + Product.apply(a, b)

    monkeypatch.setattr(torch, "baddbmm", baddbmm)
    monkeypatch.setattr(torch.Tensor, "baddbmm_", baddbmm)
    return counts


def test_the_emulation_rounds_to_ten_bits():
    x = torch.tensor([1.0, 1 + 2**-10, 1 + 2**-11 + 2**-13, 1 + 2**-12, -3.0])
    expected = torch.tensor([1.0, 1 + 2**-10, 1 + 2**-10, 1.0, -3.0])
    assert torch.equal(rounded(x), expected)


def rows_of_a_walk(n):
    rng = np.random.default_rng(0)
    s, a = rng.normal(size=(n, 2)), rng.uniform(-1, 1, (n, 1))
    return Transitions(s, a, s[:, 0] * a[:, 0], s + np.concatenate([a, -a], 1), np.zeros(n))


@pytest.mark.slow
def test_fidelity_does_not_suffer_from_tf32(request):
    data = rows_of_a_walk(2000)
    settings = {"width": 48, "depth": 2, "dim_t": 16, "steps": 500, "batch_size": 128}
    settings |= {"sampling_steps": 16, "learning_rate": 2e-3, "model_terminals": False}
    exact = Diffusion().fit(data, seed=0, progress=False, **settings)
    plain = exact.sample(3000).packed()[:, :-1]
    products = request.getfixturevalue("tf32")
    coarse = Diffusion().fit(data, seed=0, progress=False, **settings)
    fitted = len(products)
    tf32 = coarse.sample(3000).packed()[:, :-1]
    assert 0 < fitted < len(products)  # both were emulated

    losses = [np.mean(model.losses(data)) for model in (exact, coarse)]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)

    real = data.packed()[:, :-1]
    scale = real.std(axis=0)
    for statistic in (np.mean, np.std):
        misses = [
            np.abs(statistic(x, axis=0) - statistic(real, axis=0)) / scale for x in (plain, tf32)
        ]
        assert misses[1].max() < misses[0].max() + 0.05
    errors = [np.abs(np.corrcoef(x.T) - np.corrcoef(real.T)).max() for x in (plain, tf32)]
    assert errors[1] < errors[0] + 0.05


def test_the_setting_holds_within_the_products_alone():
    assert DiffusionSettings().precision == "tf32"
    before = torch.backends.cuda.matmul.allow_tf32
    with products_in("tf32"):
        assert torch.backends.cuda.matmul.allow_tf32
        with products_in("float32"):
            assert not torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cuda.matmul.allow_tf32 == before
    with pytest.raises(SyntherError, match="did you mean tf32"):
        DiffusionSettings(precision="tf23")


def test_the_setting_holds_in_a_program_that_uses_the_newer_flag():
    products = torch.backends.cuda.matmul
    before = products.fp32_precision
    products.fp32_precision = "tf32"
    try:
        with pytest.raises(RuntimeError):
            _ = products.allow_tf32  # what makes it a case of its own
        for precision, value in (("tf32", "tf32"), ("float32", "ieee")):
            with products_in(precision):
                assert products.fp32_precision == value
            assert products.fp32_precision == "tf32"
    finally:
        products.fp32_precision = before
    assert not products.allow_tf32
