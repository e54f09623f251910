"""Writes HDF5 files with D4RL v2's keys, shapes and types, so that any D4RL reader takes them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from synther.datasets.policies import Policy
from synther.errors import SyntherError, unknown_name
from synther.jobs.files import atomic_path, try_room

# Key: (type, number of dimensions), in the order in which they are written.
REQUIRED: dict[str, tuple[type, int]] = {
    "observations": (np.float32, 2),
    "actions": (np.float32, 2),
    "rewards": (np.float32, 1),
    "next_observations": (np.float32, 2),
    "terminals": (np.bool_, 1),
    "timeouts": (np.bool_, 1),
}
OPTIONAL: dict[str, tuple[type, int]] = {
    "infos/qpos": (np.float64, 2),
    "infos/qvel": (np.float64, 2),
    "infos/action_log_probs": (np.float32, 1),
}
ABOUT_BYTES = 1 << 15
"""Of a file, besides what it holds: more than HDF5's own tables take."""


def write_d4rl_hdf5(
    path: str | Path,
    arrays: Mapping[str, np.ndarray],
    metadata: Mapping[str, Any],
    policy: Policy | None,
) -> None:
    """Write a D4RL v2 file, atomically; the same input gives the same bytes.

    The arrays are stored contiguous and uncompressed: gzip saves D4RL's own files about a quarter
    of the disk, but costs several times the reading time in every run that trains on the file, and
    makes its bytes depend on the version of zlib.

    Args:
        arrays: `observations`, `next_observations` (N, d), `actions` (N, a), `rewards`,
            `terminals`, `timeouts` (N,); optionally `infos/qpos` (N, nq), `infos/qvel` (N, nv) and
            `infos/action_log_probs` (N,). They are cast to the types above.
        metadata: scalars stored under `metadata/`: `algorithm` (str), `iteration` (int), and any
            others (`physics`, `seed`): str, bool, int or float.
        policy: the last behaviour policy, stored under `metadata/policy/`; or None.

    Raises:
        SyntherError: a key is missing or unknown, shapes or widths do not fit each other, a value
            is NaN or infinite or not a flag, or the file can't be written.
    """
    import h5py

    path = Path(path)
    content: dict[str, Any] = dict(_checked_arrays(path, arrays))
    for key in sorted(metadata):
        content[f"metadata/{key}"] = _scalar(path, key, metadata[key])
    if policy is not None:
        widths = content["observations"].shape[1], content["actions"].shape[1]
        if policy.widths != widths:
            raise SyntherError(
                f"{path}: policy '{policy.name}' is of widths {policy.widths}, the rows of {widths}"
            )
        for key, value in policy.d4rl_metadata().items():
            stored = _scalar(path, key, value) if isinstance(value, str) else value
            content[f"metadata/policy/{key}"] = stored
    with atomic_path(path) as temporary:
        size = sum(np.asarray(value).nbytes for value in content.values())
        try_room(temporary, size + ABOUT_BYTES)
        # Nobody else knows the temporary name, and some file systems have no locks
        with h5py.File(temporary, "w", locking=False) as file:
            for key, value in content.items():
                file.create_dataset(key, data=value, track_times=False)


def _checked_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    layout = REQUIRED | OPTIONAL
    missing = [key for key in REQUIRED if key not in arrays]
    if missing:
        raise SyntherError(f"{path}: {', '.join(missing)} missing from the arrays to write")
    for key in arrays:
        if key not in layout:
            raise unknown_name("array", key, layout, str(path))
    n = len(arrays["rewards"])
    if n == 0:
        raise SyntherError(f"{path}: there are no rows to write")
    checked: dict[str, np.ndarray] = {}
    for key, (kind, dimensions) in layout.items():
        if key not in arrays:
            continue
        array = np.asarray(arrays[key])
        if array.dtype.kind not in "biuf":
            raise SyntherError(f"{path}: {key} are of type {array.dtype}, not numbers")
        if array.ndim != dimensions or len(array) != n:
            shape = f"({n},)" if dimensions == 1 else f"({n}, width)"
            raise SyntherError(f"{path}: {key} have shape {array.shape}, expected {shape}")
        if kind is np.bool_ and not np.isin(array, (0, 1)).all():
            raise SyntherError(f"{path}: {key} must be flags, 0 or 1")
        with np.errstate(over="ignore"):
            checked[key] = np.ascontiguousarray(array, dtype=kind)
        if not np.isfinite(checked[key]).all():
            raise SyntherError(f"{path}: {key} hold NaN or infinite values")
    observed, following = checked["observations"].shape, checked["next_observations"].shape
    if following != observed:
        raise SyntherError(f"{path}: next_observations have shape {following}, expected {observed}")
    return checked


def _scalar(path: Path, key: str, value: Any) -> Any:
    if not re.fullmatch(r"[A-Za-z0-9_]+", key) or key == "policy":
        raise SyntherError(
            f"{path}: '{key}' can't name metadata: use letters, digits and underscores, and pass "
            "the policy as `policy`"
        )
    if isinstance(value, str) and value:
        return np.bytes_(value.encode())  # D4RL's own: fixed-length bytes, not HDF5's varying text
    if isinstance(value, (bool, np.bool_)):
        return np.bool_(value)
    if isinstance(value, (int, np.integer)):
        fits = -(2**31) <= value < 2**31
        return np.int32(value) if fits else np.int64(value)
    if isinstance(value, (float, np.floating)):
        return np.float64(value)
    raise SyntherError(f"{path}: metadata {key} is {value!r}; it must be a text or a number")
