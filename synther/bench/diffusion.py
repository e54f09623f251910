"""Training and sampling of the denoiser against their matrix products alone."""

from collections.abc import Iterator

import torch

from synther.bench.agents import some_transitions
from synther.bench.measure import MatrixProducts, Measurement, seconds
from synther.generators.diffusion import Diffusion, DiffusionSettings
from synther.generators.diffusion.model import CHUNK
from synther.generators.diffusion.trainer import Trainer, products_in

TARGETS = {"cpu": 0.75, "cuda": 0.5}
"""Least share of the rate of the products alone."""
SAMPLING_STEPS = 3
SAMPLED = {"cpu": 1000, "cuda": CHUNK}
"""Rows sampled side by side: enough to fill the machine."""


def measure(device: str, width: int = 2048, least: float = 0.5) -> Iterator[Measurement]:
    """Measure one step of training, and the sampler, at a width of the denoiser.

    Depth and batch are the protocol's. Sampling is measured with few steps; its cost is
    proportional to 2 N - 1 calls of the denoiser, which the rate in rows allows for.
    """
    settings = DiffusionSettings(width=width, sampling_steps=SAMPLING_STEPS)
    kind = "cuda" if device.startswith("cuda") else "cpu"
    data = some_transitions(100_000)
    rows = torch.as_tensor(data.packed(), device=device)
    trainer = Trainer(rows, settings, seed=0)
    model = Diffusion(settings, device).fit(data[:2000], steps=1, progress=False)
    # A call of the denoiser after another: the protocol has more of them, alike.
    scale = (2 * DiffusionSettings().sampling_steps - 1) / (2 * SAMPLING_STEPS - 1)

    def sample() -> None:
        next(model.sample_chunks(SAMPLED[kind], chunk=SAMPLED[kind]))

    for name, run, batch, times in (
        ("training", trainer.step, settings.batch_size_for(len(rows)), 1.0),
        ("sampling", sample, SAMPLED[kind], scale),
    ):
        with MatrixProducts() as products:
            run()
        with products_in(settings.precision):
            alone = products.replay()
        took, limit = seconds([run, alone], device, least, rounds=3)
        title, done = f"{name}, width {width}", products.flops / 1e9
        against = "its matrix products alone"
        yield Measurement(
            "diffusion", title, "GFLOP/s", done / took, done / limit, against, TARGETS[kind]
        )
        yield Measurement("diffusion", title, "rows/s", batch / (took * times))
