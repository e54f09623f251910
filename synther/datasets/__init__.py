"""Where real transitions come from: D4RL's files, downloaded, and stand-ins collected here.

A dataset is named in config/datasets.yaml. This module imports neither torch nor h5py until a
dataset is read.
"""

import urllib.parse
from pathlib import Path

from synther import config
from synther.config.specs import PIXEL_KINDS, dataset_files
from synther.errors import SyntherError
from synther.transitions import Transitions


def source_file(name: str) -> Path | None:
    """Return the file of one's own that a dataset's `file://` address names, if it has one."""
    address = urllib.parse.urlsplit(config.spec(name, "dataset").get("url", ""))
    if address.scheme != "file":
        return None
    return Path(urllib.parse.unquote(address.path))


def dataset_path(name: str, root: str | Path = "data") -> Path:
    """Return the HDF5 file of a dataset, downloading it first if it is published and not there.

    A file of D4RL's that is there is held against its published size only; `download` checks its
    SHA-256.

    Raises:
        SyntherError: the name is unknown or of a dataset of pixels, the download fails, or the
            dataset is yet to be collected.
    """
    spec = config.spec(name, "dataset")
    if spec["kind"] in PIXEL_KINDS:
        raise SyntherError(f"{name} is a dataset of pixels, not of states: see `synther pixels`")
    (path,) = dataset_files(name, root)
    if path.is_file() and spec.get("bytes", path.stat().st_size) == path.stat().st_size:
        return path
    if spec["kind"] == "collected":
        raise SyntherError(
            f"{path} is missing: {name} is not downloaded but made here, with "
            f"`synther collect --dataset {name}`"
        )
    return fetch(name, root)


def fetch(name: str, root: str | Path = "data") -> Path:
    """Make sure that a published dataset of states is there, whole and verified; return its file.

    Raises:
        SyntherError: as for `synther.datasets.download.download`, or OGBench's package is missing.
    """
    if config.spec(name, "dataset")["kind"] == "ogbench":
        from synther.datasets.ogbench import fetch as relabelled

        return relabelled(name, root)
    from synther.datasets.download import download

    return download(name, root)


def dataset_of_file(path: str | Path) -> str | None:
    """Return the dataset that a file is by its name: NAME.hdf5, or D4RL's own name of the file."""
    path, known = Path(path), config.load("datasets")["datasets"]
    if path.stem in known:
        return path.stem
    named = [n for n, spec in known.items() if str(spec.get("url", "")).endswith(f"/{path.name}")]
    return named[0] if named else None


def is_published(path: str | Path) -> bool:
    """Return whether a file is one of D4RL's own, by its name and its published size.

    What rows follow on each other in such a one is D4RL's to say: the results that others report
    were trained on what its `qlearning_dataset` makes of them.
    """
    named = dataset_of_file(path)
    spec = config.spec(named, "dataset") if named else {}
    return spec.get("kind") == "d4rl" and spec.get("bytes") == Path(path).stat().st_size


def load_dataset(name: str, root: str | Path = "data") -> Transitions:
    """Return the transitions of a dataset, read as D4RL's `qlearning_dataset` reads them.

    Raises:
        SyntherError: as for `dataset_path` and `synther.datasets.d4rl.load_transitions`.
    """
    path = dataset_path(name, root)
    from synther.datasets.d4rl import load_transitions

    return load_transitions(path, task=config.spec(name, "dataset")["task"])
