"""Checkpoints of the authors' released code, read into `Diffusion`.

Source of the layout: conglu1997/SynthER, commit b0500b2: `ResidualMLPDenoiser`
(synther/diffusion/denoiser_network.py), `Normalizer` (norm.py) and `Trainer.save`
(elucidated_diffusion.py), whose "ema" is the state dict of ema-pytorch 0.1.2.
"""

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from synther.errors import SyntherError
from synther.generators.diffusion.denoiser import ResidualMLP
from synther.generators.diffusion.model import Diffusion
from synther.generators.diffusion.settings import DiffusionSettings
from synther.jobs.files import require_file
from synther.tensors import weights

AVERAGE = "ema_model."
"""What the names of the averaged weights begin with: these are what samples are drawn with."""
FREQUENCIES = "net.time_mlp.0.weights"
MOST_PARAMETERS = 2**28
"""Ten times the paper's largest denoiser; a file that claims more is refused before it is read."""
SHOWN = 4
"""Names of a file that an error lists."""

_BLOCK = re.compile(r"net\.residual_mlp\.network\.\d+\.linear\.weight")
_WRAPPERS = ("module", "_orig_mod")
"""Parts of names that torch's DataParallel and compile put in; they name no layer."""
_EXPECTED = (
    "give model-STEP.pt as the released code's Trainer.save writes it, with 'ema' and in it "
    f"{AVERAGE}net.proj.weight, {AVERAGE}normalizer.mean and so on, or the averaged model's own "
    "state_dict"
)


def load_released(
    path: str | Path, observation_dim: int, action_dim: int, device: str = "cpu"
) -> Diffusion:
    """Read `model-STEP.pt` of the released code; the model is ready to sample.

    The weights are the averaged ones ("ema"), and so `denoise` equals their
    `preconditioned_network_forward` and `sample` draws what their sampler draws, but for the random
    numbers. Only tensors are read, never code, and of the file only the averaged model. What a
    checkpoint doesn't say is as in their configuration for offline data: noise levels, 128 sampling
    steps, terminals thresholded at 0.5. Names may have what DataParallel or compile puts in. A file
    of one model's state_dict, without "ema", is taken for the averaged model's, and told of.

    Args:
        path: the file.
        observation_dim: d of the task that the model is of.
        action_dim: a of the task.
        device: where the model computes.

    Raises:
        SyntherError: the file is missing, damaged or no such checkpoint; the network has parts that
            ours doesn't (layer norm, a condition, learned positions, another normaliser); or its
            transitions are not the task's.
    """
    path = require_file(path)
    step, average = _averaged(path)
    mean, std = (_tensor(average, f"normalizer.{name}", path, 1) for name in ("mean", "std"))
    settings = _settings(average, path, step, len(mean), observation_dim, action_dim)
    with torch.device("meta"):  # no memory: a network of a false shape can be of any size
        shapes = ResidualMLP(len(mean), settings).layers
    layers = ["time_mlp.1", "time_mlp.3", "proj", "residual_mlp.network.0"]
    layers += [f"residual_mlp.network.{block + 1}.linear" for block in range(settings.depth)]
    layers += ["residual_mlp.final_linear"]
    read = {f"net.{layer}.{part}" for layer in layers for part in ("weight", "bias")}
    for name in average:
        if name.startswith("net.") and name not in read | {FREQUENCIES}:
            raise SyntherError(
                f"{path} has {name}, which the denoiser here has not (it is without layer norm): "
                "only models of the configurations that the authors published are read"
            )
    parts = []
    for layer, (n_in, n_out) in zip(layers, shapes, strict=True):
        weight = _tensor(average, f"net.{layer}.weight", path, 2)
        bias = _tensor(average, f"net.{layer}.bias", path, 1)
        if weight.shape != (n_out, n_in) or bias.shape != (n_out,):
            raise SyntherError(
                f"{path}: net.{layer} has shape {tuple(weight.shape)}, expected {(n_out, n_in)}: "
                "this is not a denoiser of the released code"
            )
        parts += [weight.T.reshape(-1), bias]  # theirs is (out, in), as torch.nn.Linear has it
    tensors = (torch.cat(parts)[None], _tensor(average, FREQUENCIES, path, 1)[None], mean, std)
    return Diffusion.assembled(settings, (observation_dim, action_dim), *tensors, device=device)


def _numpy() -> list[Any]:
    """Return what numbers and arrays of numpy's are pickled as; they hold no code."""
    kinds = {type(np.dtype(code)) for code in np.typecodes["AllInteger"] + "?efd"}
    makers: list[Any] = [each.__reduce__()[0] for each in (np.float64(0), np.zeros(0))]
    named = [
        (maker, f"numpy.{core}.multiarray.{maker.__name__}")
        for maker in makers
        for core in ("_core", "core")  # numpy 2's, and 1's
    ]
    return [*named, np.dtype, np.ndarray, *kinds]


def _plain(names: Iterable[Any], path: Path) -> dict[str, str]:
    """Return name without what wrappers put in -> name, of all that are text."""
    found: dict[str, str] = {}
    for name in (name for name in names if isinstance(name, str)):
        plain = ".".join(part for part in name.split(".") if part not in _WRAPPERS)
        if found.setdefault(plain, name) != name:
            raise SyntherError(f"{path} has both {found[plain]} and {name}: leave one of them out")
    return found


def _averaged(path: Path) -> tuple[int, dict[str, Tensor]]:
    """Return the training step and the averaged model's tensors by name, not yet read."""
    try:
        # Mapped: the optimizer and the unaveraged weights, three quarters of it, are never read
        content = weights.read(path, classes=_numpy(), mapped=True)
    except weights.Unfit as unfit:
        raise SyntherError(f"{path} can't be read ({unfit}): {_EXPECTED}") from unfit
    state = content.get("ema", content)
    names = _plain(state, path) if isinstance(state, Mapping) else {}
    prefix = AVERAGE if any(name.startswith(AVERAGE) for name in names) else ""
    average = {
        plain.removeprefix(prefix): state[name]
        for plain, name in names.items()
        if plain.startswith((f"{prefix}net.", f"{prefix}normalizer."))
        and isinstance(state[name], Tensor)
    }
    if not average:
        within = f"'ema' of {path}" if "ema" in content else str(path)
        found = _listed(names or content)
        raise SyntherError(f"{within} holds no averaged weights; it has {found}: {_EXPECTED}")
    if state is content and not prefix:
        print(f"{path} does not say whose its weights are: taken for averaged", file=sys.stderr)
    claimed = sum(value.numel() for value in average.values())
    if claimed > MOST_PARAMETERS:
        raise SyntherError(
            f"{path} claims {claimed:,} numbers, more than the {MOST_PARAMETERS:,} that are read"
        )
    step = content.get("step")
    if not isinstance(step, (int, np.integer, Tensor)) or np.ndim(step) or not step > 0:
        step = DiffusionSettings().steps
    return int(step), average


def _listed(names: Iterable[Any]) -> str:
    """Return the first names of a file."""
    every = [str(name)[:80] for name in names]
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return (", ".join(every[:SHOWN]) or "nothing") + more


def _tensor(average: Mapping[str, Tensor], name: str, path: Path, dimensions: int) -> Tensor:
    """Return a tensor as float32, finite and of so many dimensions."""
    value = average.get(name)
    if value is None:
        other = ", as of a min-max normaliser" if "normalizer.min" in average else ""
        raise SyntherError(
            f"{path} lacks {name}{other}; it has {_listed(average)}: only standardised, "
            "unconditional residual MLPs of the released code are read"
        )
    if value.dim() != dimensions or not value.is_floating_point() or value.is_sparse:
        raise SyntherError(f"{path}: {name} is {value.dtype} of shape {tuple(value.shape)}")
    value = value.to(torch.float32)
    if not value.isfinite().all():
        raise SyntherError(f"{path}: {name} holds NaN or infinite values: the run diverged")
    if name == "normalizer.std" and not (value > 0).all():
        raise SyntherError(f"{path}: {name} holds values that are not above 0: it is damaged")
    return value


def _settings(
    average: Mapping[str, Tensor], path: Path, step: int, dim: int, d: int, a: int
) -> DiffusionSettings:
    """Return the settings that the tensors' shapes tell."""
    full = 2 * d + a + 2
    if dim not in (full, full - 1):
        raise SyntherError(
            f"{path} is of transitions of width {dim}; the task's have {full} ({d} observations, "
            f"{a} actions), or {full - 1} without terminals: name the task that it was trained on"
        )
    project = _tensor(average, "net.proj.weight", path, 2)
    if project.shape[1] != dim:
        raise SyntherError(
            f"{path} is conditional (inputs of width {project.shape[1]} for transitions of width "
            f"{dim}): only unconditional models are read"
        )
    width, dim_t = _tensor(average, "net.residual_mlp.network.0.weight", path, 2).shape
    mean, std = (average[f"normalizer.{name}"][d + a].item() for name in ("mean", "std"))
    return DiffusionSettings(
        width=width,
        depth=sum(_BLOCK.fullmatch(name) is not None for name in average),
        dim_t=dim_t,
        fourier_features=2 * len(_tensor(average, FREQUENCIES, path, 1)),
        model_terminals=dim == full,
        normalise_rewards=(mean, std) != (0.0, 1.0),
        steps=step,
    )
