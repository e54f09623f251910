"""D4RL's own behaviour policies: its medium one, and published snapshots from random to expert.

The medium policy stands in the metadata of the dataset that it collected. The snapshots were
released with DOPE (Fu et al. 2021, arXiv 2103.16596) as pickles. All are held against the digest of
their layers that config/behaviour.yaml records, wherever they come from.
"""

import hashlib
import io
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from synther import config
from synther.datasets.addresses import PlaceFails, open_address
from synther.datasets.hdf5_reader import open_hdf5
from synther.datasets.policies import KEYS, MEDIUM, Policy, load_policy, policy_from
from synther.errors import SyntherError, unknown_name
from synther.jobs import provenance
from synther.jobs.files import atomic_path, write_json
from synther.jobs.folders import files_below

MIRROR = "SYNTHER_POLICIES"
"""Environment variable: a folder that has the policies as NAME.npz, itself or below."""


def digest(policy: Policy) -> str:
    """Return the SHA-256 of a policy's layers (float32) and of how it uses them."""
    content = hashlib.sha256(f"{policy.nonlinearity} {policy.squashed}".encode())
    for name in sorted(policy.arrays):
        array = np.ascontiguousarray(policy.arrays[name], dtype="<f4")
        content.update(f" {name} {array.shape} ".encode())
        content.update(array.tobytes())
    return content.hexdigest()


def fetch_policies(task: str, out: str | Path, root: str | Path = "data") -> dict[str, Any]:
    """Write D4RL's policies of a task to a folder that `synther collect --policies` takes.

    Places tried, in order: the folder $SYNTHER_POLICIES; the published address of the snapshots,
    and for the medium policy D4RL's dataset, which is looked for below `root` or downloaded to it.
    Return the content of returns.json, which is written last: mean returns and origins.

    Raises:
        SyntherError: D4RL's policies of this task are not known, or one can't be had.
    """
    known = config.load("behaviour")["d4rl"]
    if task not in known["tasks"]:
        where = str(config.config_dir() / "behaviour.yaml")
        raise unknown_name("task", task, known["tasks"], f"the d4rl section of {where}")
    spec, returns = known["tasks"][task], {}
    published = f"{known['address']}/{spec.get('folder', task)}"
    for name, entry in {MEDIUM: spec["medium"], **spec["snapshots"]}.items():
        policy, origin = _find(name, entry, root, published)
        if digest(policy) != entry["sha256"]:
            raise SyntherError(
                f"{origin} is not the policy that config/behaviour.yaml records as '{name}' of "
                f"{task}: remove it, or correct ${MIRROR}"
            )
        with atomic_path(Path(out) / f"{name}.npz") as path, open(path, "wb") as handle:
            np.savez(handle, **policy.d4rl_metadata())  # type: ignore[arg-type]
        returns[name] = {"return_mean": entry["return_mean"], "origin": origin}
    record = {"task": task, "returns": returns, **provenance.describe()}
    write_json(Path(out) / "returns.json", record)
    return record


def _find(name: str, entry: dict[str, Any], root: str | Path, published: str) -> tuple[Policy, str]:
    """Return a policy, and where it was found."""
    wanted = f"{entry.get('dataset', name)}.npz"
    if folder := os.environ.get(MIRROR):
        if not Path(folder).is_dir():
            raise SyntherError(f"{MIRROR} is '{folder}', which is no folder: correct or unset it")
        for path in files_below(folder, wanted):
            return load_policy(path), wanted
    if dataset := entry.get("dataset"):
        from synther.datasets.download import download

        file = download(dataset, root)
        with open_hdf5(file, ("metadata/policy",), "D4RL's file of a policy's rows") as read:
            group = read["metadata/policy"]
            found = {key: np.asarray(group[key][()]) for key in KEYS if key in group}
        return policy_from(found, str(file), dataset), f"metadata of {dataset}"
    address = f"{published}/{name}.pkl"
    try:
        with open_address(address, 0) as (_, _, chunks):
            content = b"".join(chunks)
    except PlaceFails as error:
        raise SyntherError(
            f"{address} can't be fetched ({error}): try again later, or set {MIRROR} to a folder "
            f"that has {wanted}"
        ) from error
    return policy_from(_unpickled(content, address), address, name), address


class _ArraysOnly(pickle.Unpickler):
    """Reads numpy arrays and plain values; whatever else a pickle names is refused."""

    _ALLOWED = (
        *(("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")),
        *(
            (f"{package}.multiarray", name)
            for package in ("numpy.core", "numpy._core")
            for name in ("_reconstruct", "scalar")
        ),
    )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return super().find_class(module, name)


def _unpickled(content: bytes, origin: str) -> dict[str, Any]:
    """Return the entries of a pickled policy: numpy arrays and words."""
    try:
        found = _ArraysOnly(io.BytesIO(content), encoding="latin1").load()
        return {str(name): np.asarray(value) for name, value in found.items()}
    except Exception as error:  # a damaged pickle may raise anything
        raise SyntherError(f"{origin} is not a pickled policy ({error}): fetch it anew") from error
