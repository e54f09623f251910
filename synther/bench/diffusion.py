"""Training and sampling of the denoiser against their matrix products alone."""

from collections.abc import Iterator

import torch

from synther.bench.agents import some_transitions
from synther.bench.measure import MatrixProducts, Measurement, rate, seconds
from synther.generators.diffusion import Diffusion, DiffusionSettings
from synther.generators.diffusion.model import CHUNK
from synther.generators.diffusion.trainer import Trainer, products_in

TARGETS = {"cpu": 0.75, "cuda": 0.5}
"""Least share of the rate of the products alone."""
SAMPLING_STEPS = 3
SAMPLED = {"cpu": 1000, "cuda": CHUNK}
"""Rows sampled side by side: enough to fill the machine."""


def _measured(
    name: str, rows: int, took: float, limit: float, flops: int, target: float
) -> Iterator[Measurement]:
    """Yield one computation twice: as floating-point operations and as rows."""
    section, done, possible = "diffusion", flops / took / 1e9, flops / limit / 1e9
    yield rate(section, name, "GFLOP/s", done, possible, "its matrix products alone", target)
    yield Measurement(section, name, rows / took, "rows/s")


def measure(device: str, width: int = 2048, least: float = 0.5) -> Iterator[Measurement]:
    """Measure one step of training, and the sampler, at a width of the denoiser.

    Depth and batch are the protocol's. Sampling is measured with few steps; its cost is
    proportional to 2 N - 1 calls of the denoiser, which the rate in rows allows for.
    """
    settings = DiffusionSettings(width=width, sampling_steps=SAMPLING_STEPS)
    kind = "cuda" if device.startswith("cuda") else "cpu"
    target, sampled = TARGETS[kind], SAMPLED[kind]
    data = some_transitions(100_000)
    rows = torch.as_tensor(data.packed(), device=device)
    trainer = Trainer(rows, settings, seed=0)
    with MatrixProducts() as products:
        trainer.step()
    with products_in(settings.precision):
        alone = products.replay()
    took, limit = seconds([trainer.step, alone], device, least, rounds=3)
    batch = settings.batch_size_for(len(rows))
    name = f"training, width {width}"
    yield from _measured(name, batch, took, limit, products.flops, target)

    model = Diffusion(settings, device).fit(data[:2000], steps=1, progress=False)

    def sample() -> None:
        next(model.sample_chunks(sampled, chunk=sampled))

    with MatrixProducts() as products:
        sample()
    with products_in(settings.precision):
        alone = products.replay()
    took, limit = seconds([sample, alone], device, least, rounds=3)
    # A call of the denoiser after another: the protocol has more of them, alike.
    scale = (2 * DiffusionSettings().sampling_steps - 1) / (2 * SAMPLING_STEPS - 1)
    flops = round(products.flops * scale)
    name = f"sampling, width {width}"
    yield from _measured(name, sampled, took * scale, limit * scale, flops, target)
