"""Which task a file is of: what it says itself, or else its name.

Widths tell tasks badly apart: HalfCheetah and Walker2d share all of theirs, and so do the mazes.
Every file of rows that is written here says whose they are: an HDF5 file in its metadata, an `.npz`
in its archive's comment (which no other reader sees), a model's folder in fit.json. D4RL's own
files, and those of others, are told by their names, where these begin with a task's.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from synther import config
from synther.datasets import dataset_of_file
from synther.datasets.hdf5_reader import open_hdf5, own_text
from synther.errors import SyntherError
from synther.jobs.files import read_json
from synther.transitions import npz_says


def named_task(name: str) -> str | None:
    """Return the task that a name is, names a dataset or policy of, or begins with; the longest."""
    if name in (datasets := config.load("datasets"))["datasets"]:
        return str(datasets["datasets"][name]["task"])
    for task, policies in config.load("behaviour")["d4rl"]["tasks"].items():
        if name in policies["snapshots"]:
            return str(task)
    words = f"{_plain(name)}-"
    begun = [task for task in datasets["tasks"] if words.startswith(f"{_plain(task)}-")]
    return max(begun, key=len, default=None)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower())


def belonging(path: str | Path) -> tuple[str | None, bool]:
    """Return which task a file, or a fitted model's folder, is of, and whether it says so itself.

    Else its name does. The task is None where nothing tells.

    Raises:
        SyntherError: it is an HDF5 file that can't be read.
    """
    path = Path(path)
    said: str | None = None
    if path.is_dir():
        record = path / "fit.json"
        said = read_json(record).get("task") if record.is_file() else None
    elif path.suffix.lower() in (".hdf5", ".h5"):
        with open_hdf5(path, (), "a dataset") as file:
            said = own_text(file, "metadata/task") or own_text(file.attrs, "task")
    elif path.suffix.lower() == ".npz":
        said = npz_says(path).get("task")
    if isinstance(said, str) and (task := named_task(said)):
        return task, True
    return named_task(dataset_of_file(path) or path.stem), False


def require_task(path: str | Path, task: str | None, said: str | None = None) -> None:
    """Refuse a file that is of another task than `task`; None takes any.

    What can't be told passes: the authors' samples say nothing of their task, and nor do rows of
    somebody's own. `said` is the one that it says it is of, where the caller has read that.
    """
    found, by_itself = (said, True) if said else belonging(path)
    if task is None or found is None or found == task:
        return
    if by_itself:
        raise SyntherError(
            f"{path} is of task '{found}', as it says itself, not of '{task}': give a file of "
            f"that task, or --task {found}"
        )
    if not task.startswith(f"{found}-"):
        raise SyntherError(
            f"{path} is of task '{found}' by its name, not of '{task}': give a file of that "
            f"task or --task {found}, or rename it where the name is wrong"
        )


def common_task(paths: Iterable[str | Path], task: str | None = None) -> str | None:
    """Return the task that files are of, all of one: `task`, or else what they say or are named.

    Raises:
        SyntherError: one is of another task.
    """
    paths = list(paths)
    if task is None:
        told = [found for found in map(belonging, paths) if found[0]]
        task, _ = max(told, key=lambda found: found[1], default=(None, False))
    for path in paths:
        require_task(path, task)
    return task
