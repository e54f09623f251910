"""Behaviour policies: `.npz` files of a policy's layers, as D4RL's metadata names them.

Keys: fc0/weight (out, in), fc0/bias, fc1/..., last_fc/... (mean), last_fc_log_std/...,
`nonlinearity` (relu or tanh), `output_distribution` (tanh_gaussian or gaussian).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synther.datasets.belonging import named_task
from synther.errors import SyntherError
from synther.jobs.files import read_json
from synther.jobs.npz import read_npz

MEDIUM = "medium"
"""Name of a policy that is the level medium's by its name, and no stage of the run."""
PACKAGED = Path(__file__).parent / "policies_data"
"""The package's own behaviour policies, a folder each task."""
LOG_STD_MIN, LOG_STD_MAX = -20.0, 2.0
_TENSORS = tuple(
    f"{layer}/{part}"
    for layer in ("fc0", "fc1", "last_fc", "last_fc_log_std")
    for part in ("weight", "bias")
)
_TEXTS = ("nonlinearity", "output_distribution")
KEYS = (*_TENSORS, *_TEXTS)
"""What a policy's file, or a dataset's metadata/policy, holds."""
_NONLINEARITIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "relu": lambda x: np.maximum(x, 0.0),
    "tanh": np.tanh,
}


@dataclass(frozen=True)
class Policy:
    """A stochastic policy: two hidden layers, then mean and log standard deviation.

    Attributes:
        name: the file's stem.
        arrays: the layers, float32, by the names above.
        nonlinearity: relu or tanh.
        squashed: whether the Gaussian sample goes through tanh.
    """

    name: str
    arrays: dict[str, np.ndarray]
    nonlinearity: str
    squashed: bool

    @property
    def widths(self) -> tuple[int, int]:
        """Widths (d, a) of observations and actions."""
        return self.arrays["fc0/weight"].shape[1], self.arrays["last_fc/bias"].shape[0]

    def sample(
        self, observations: np.ndarray, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sample actions (N, a), float32, and their log-densities (N,) at observations (N, d)."""
        layers, activation = self.arrays, _NONLINEARITIES[self.nonlinearity]
        hidden = observations.astype(np.float32)
        for layer in ("fc0", "fc1"):
            hidden = activation(hidden @ layers[f"{layer}/weight"].T + layers[f"{layer}/bias"])
        mean = hidden @ layers["last_fc/weight"].T + layers["last_fc/bias"]
        log_std = hidden @ layers["last_fc_log_std/weight"].T + layers["last_fc_log_std/bias"]
        log_std = np.clip(log_std, LOG_STD_MIN, LOG_STD_MAX)
        noise = generator.standard_normal(mean.shape, dtype=np.float32)
        raw = mean + np.exp(log_std) * noise
        density = -0.5 * noise**2 - log_std - 0.5 * math.log(2 * math.pi)
        if self.squashed:
            # log(1 - tanh(u)^2) in a form that does not round to log(0)
            density -= 2.0 * (math.log(2.0) - raw - np.logaddexp(0.0, -2.0 * raw))
            raw = np.tanh(raw)
        return raw, density.sum(axis=1)

    def d4rl_metadata(self) -> dict[str, np.ndarray | str]:
        """Return the arrays that a dataset's metadata/policy holds."""
        distribution = "tanh_gaussian" if self.squashed else "gaussian"
        return {
            **self.arrays,
            "nonlinearity": self.nonlinearity,
            "output_distribution": distribution,
        }


def load_policy(path: str | Path) -> Policy:
    """Read one policy; float16 weights become float32.

    Raises:
        SyntherError: the file is missing, damaged, or not a policy of this format.
    """
    path = Path(path)
    return policy_from(read_npz(path, _TENSORS, _TEXTS, what="a policy"), path, path.stem)


def policy_from(found: Mapping[str, np.ndarray], path: str | Path, name: str) -> Policy:
    """Return the policy that a file's entries, by name, hold; errors name `path`.

    Raises:
        SyntherError: they are not a policy of this format.
    """
    if missing := [key for key in _TENSORS if key not in found]:
        raise SyntherError(f"{path} is not a policy, it lacks {missing[0]}: fetch it anew")
    arrays = {}
    for key in _TENSORS:
        if found[key].dtype.kind not in "biuf" or not np.isfinite(found[key]).all():
            raise SyntherError(f"{path}: {key} are not finite numbers: fetch the policy anew")
        arrays[key] = found[key].astype(np.float32)
    _check_shapes(path, arrays)
    texts = {}
    for key in (key for key in _TEXTS if key in found):
        if found[key].size != 1:
            raise SyntherError(f"{path}: {key} is not one word")
        word = found[key].item()
        texts[key] = word.decode(errors="replace") if isinstance(word, bytes) else str(word)
    nonlinearity = texts.get("nonlinearity", "relu")
    distribution = texts.get("output_distribution", "tanh_gaussian")
    if nonlinearity not in _NONLINEARITIES or distribution not in ("tanh_gaussian", "gaussian"):
        raise SyntherError(
            f"{path}: nonlinearity '{nonlinearity}' with output '{distribution}' is not supported"
        )
    return Policy(name, arrays, nonlinearity, distribution == "tanh_gaussian")


def _check_shapes(path: str | Path, arrays: dict[str, np.ndarray]) -> None:
    """Raise a `SyntherError` unless every weight (out, in) takes what the layer before gives."""
    inputs = {"fc1": "fc0", "last_fc": "fc1", "last_fc_log_std": "fc1"}
    for layer in ("fc0", *inputs):
        weight, bias = arrays[f"{layer}/weight"], arrays[f"{layer}/bias"]
        before = arrays[f"{inputs[layer]}/bias"].shape if layer in inputs else weight.shape[1:]
        if weight.ndim != 2 or weight.shape != (*bias.shape, *before):
            raise SyntherError(
                f"{path}: {layer}/weight has shape {weight.shape}, which does not fit its bias or "
                "the layer before: it is (out, in)"
            )
    if arrays["last_fc/bias"].shape != arrays["last_fc_log_std/bias"].shape:
        raise SyntherError(f"{path}: last_fc and last_fc_log_std differ in width")


def belongs_to(path: Path) -> str | None:
    """Return the task that a policy's file is of; None where nothing tells.

    Its own name tells, or `returns.json` beside it, or its folder's name: never its widths, which
    HalfCheetah and Walker2d share.
    """
    table = path.with_name("returns.json")
    said = read_json(table, "make the policies anew").get("task") if table.is_file() else None
    return named_task(path.stem) or named_task(str(said)) or named_task(path.absolute().parent.name)


def policy_files(folder: Path, task: str) -> list[Path]:
    """Return the policy files in FOLDER/TASK where that exists, else in FOLDER.

    Those of another task are left out.
    """
    place = folder / task if (folder / task).is_dir() else folder
    if not place.is_dir():
        raise SyntherError(f"{folder} is not a folder of policies (.npz): check --policies")
    found = [path for path in place.glob("[!.]*.npz") if belongs_to(path) in (None, task)]
    return sorted(found, key=lambda path: (len(path.stem), path.stem))


def load_policies(folder: Path, task: str, observation_dim: int, action_dim: int) -> list[Policy]:
    """Return a folder's policies that are of a task, in the order of their training.

    The order is that of their names, shorter first, so that policy_9 precedes policy_10.

    Raises:
        SyntherError: none is of it, or one fits its widths and can't be told.
    """
    files = policy_files(folder, task)
    read = {path: load_policy(path) for path in files}
    fitting = {path: p for path, p in read.items() if p.widths == (observation_dim, action_dim)}
    for path in fitting:
        if belongs_to(path) is None:
            raise SyntherError(
                f"{path} may be a policy of any task of these widths: name it {task}_{path.name}, "
                f"or put it into a folder {task}, if it is that task's"
            )
    if not fitting:
        raise SyntherError(
            f"no policy in {folder} is of task '{task}' and takes {observation_dim} observations "
            f"and gives {action_dim} actions: check --policies and --task"
        )
    return list(fitting.values())


def recorded_returns(folder: Path, task: str) -> dict[str, float]:
    """Return the mean returns that `returns.json` beside a task's policies gives, by name.

    Empty where there is no such file. Known forms: this project's ({"returns": {NAME:
    {"return_mean": ...}}}) and the flat one of the published D4RL snapshots.
    """
    for place in (folder / task, folder, folder.parent):
        path = place / "returns.json"
        if path.is_file():
            try:
                content = read_json(path, "make the policies anew")
                if content.get("task", task) != task:
                    continue
                table = content.get("returns", content)
                return {name: float(entry["return_mean"]) for name, entry in table.items()}
            except (SyntherError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise SyntherError(f"{path} is not a table of returns: {error}") from error
    return {}
