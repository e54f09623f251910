"""Finished runs in Weights & Biases: a copy for looking at; no table is made from it.

Training never talks to a tracker. What it left, rows and record, is handed over afterwards, so that
runs look the same whether they were tracked or not, and any machine can do it.
"""

import json
import os
import shutil
import struct
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd

from synther.errors import SyntherError
from synther.jobs.files import claimed, require_file, sha256
from synther.jobs.folders import files_below

KINDS = ("offline", "online", "pixels")
"""Folders of results/PRESET/ that hold training runs."""


def finished_runs(preset: str, root: str | Path = "results") -> list[Path]:
    """Return the result files of all training runs of a preset that have their record beside."""
    folders = [Path(root) / preset / kind for kind in KINDS]
    found = [path for folder in folders for path in files_below(folder, "*.parquet")]
    return [path for path in found if path.with_suffix(".json").is_file()]


def curves(rows: pd.DataFrame) -> list[dict[str, float]]:
    """Return what is shown of result rows, a dict a step: means over episodes, and over seeds."""
    shown = []
    for step, at_step in rows.groupby("step", sort=True):
        seeds = at_step.groupby("seed")[["score", "return", "length"]].mean()
        point = {"step": int(step), **{f"mean/{name}": float(seeds[name].mean()) for name in seeds}}
        point |= {f"score/seed-{seed}": float(score) for seed, score in seeds["score"].items()}
        shown.append(point)
    return shown


def sync_runs(
    results: Iterable[Path], project: str, folder: Path, online: bool = False
) -> tuple[list[str], list[str]]:
    """Hand finished runs to wandb: as offline runs in a folder, or to its server.

    A run appears in the folder when it is whole: wandb itself says nothing of a full disk, and
    writes elsewhere where it can't write. Return the names of the runs handed over, and of those
    that were already.

    Args:
        results: parquet files, each with its record (.json) beside it.
        project: name of wandb's project.
        folder: in which `wandb/` lies, or is made.
        online: send them; otherwise nothing leaves the machine.

    Raises:
        SyntherError: wandb is not installed, or refuses; the folder can't be written; a run did not
            arrive whole; a result or its record is damaged.
    """
    new, old = [], []
    kinds = ("run",) if online else ("offline-run", "run")
    try:
        import wandb
    except ImportError as error:
        raise SyntherError(
            "wandb is not installed: pip install 'synther[wandb]'; tables and figures never need it"
        ) from error
    with _own_variables(), claimed(folder / "wandb" / "runs") as place:
        staging = place.with_name(".runs.parts")
        shutil.rmtree(staging, ignore_errors=True)  # of one that was killed
        for path in results:
            rows, record = _read(path)
            name = "/".join(path.with_suffix("").parts[-6:])
            identity = sha256(path)[:16]  # the same wherever it lies and whenever it is sent
            if any(_stored(place.parent, kind, identity) for kind in kinds):
                old.append(name)
                continue
            for half in place.parent.glob(f"{kinds[0]}-*-{identity}"):
                shutil.rmtree(half)
            about = {"project": project, "id": identity, "name": name}
            try:
                made = _hand_over(wandb, about, curves(rows), record, staging, online)
                made.rename(place.with_name(made.name))
            except (wandb.Error, OSError, ValueError) as error:
                hint = "; without --online it needs no network" if online else ""
                raise SyntherError(f"wandb refuses {path}: {error}{hint}") from error
            finally:
                shutil.rmtree(staging, ignore_errors=True)
            new.append(name)
    return new, old


def _hand_over(
    wandb: Any,
    about: dict[str, Any],
    points: list[dict[str, float]],
    record: dict[str, Any],
    folder: Path,
    online: bool,
) -> Path:
    """Write a run below a folder that is made for it, or send it too; return the run's own folder.

    Raises:
        OSError: the run did not arrive whole.
    """
    folder.mkdir()
    run = wandb.init(
        **about,
        group="/".join(str(record[key]) for key in ("preset", "dataset", "source")),
        job_type=str(record["agent"]),
        config=record,
        dir=str(folder.absolute()),  # wandb's other process may have another working folder
        mode="online" if online else "offline",
        settings=wandb.Settings(
            silent=True, console="off", disable_git=True, disable_code=True,
            x_disable_stats=True, x_disable_meta=True, sagemaker_disable=True,
        ),
    )  # fmt: skip
    run.define_metric("*", step_metric="step")
    for point in points:
        run.log(point)
    run.finish()
    if online:
        _awaited(
            lambda: wandb.Api().run(run.path).state == "finished",
            "its server does not call the run finished",
        )
    kind = "run" if online else "offline-run"
    made = _awaited(
        lambda: _stored(folder / "wandb", kind, about["id"]),
        f"it left no whole run in {folder.parent}: see what the disk has free",
    )
    return Path(made)


def _awaited(find: Callable[[], Any], otherwise: str) -> Any:
    """Return what is found in time: wandb ends a run behind our backs."""
    until = time.monotonic() + WAIT_S
    while not (found := find()):
        if time.monotonic() > until:
            raise OSError(otherwise)
        time.sleep(0.05)
    return found


def _stored(folder: Path, kind: str, identity: str) -> Path | None:
    """Return the folder of a whole run, if there is one: its records end with the run's end."""
    for found in sorted(folder.glob(f"{kind}-*-{identity}")):
        file = found / f"run-{identity}.wandb"
        if file.is_file() and _ends_well(file.read_bytes()):
            return found
    return None


WAIT_S = 10.0
"""Until a run is given up whose end does not come."""
BLOCK = 32_768
"""Bytes of a block of wandb's files, which are logs of LevelDB's kind behind a head of 7 bytes."""


def _ends_well(content: bytes) -> bool:
    """Return whether the last record of a run's file is its end, and nothing before it is cut."""
    from wandb.proto import wandb_internal_pb2

    at, parts, last = 7, b"", None
    if not content.startswith(b":W&B"):
        return False
    while at < len(content):
        room = BLOCK - at % BLOCK
        if room < 7:  # too little for a head: zeros
            at += room
            continue
        if at + 7 > len(content):
            return False
        check, size, kind = struct.unpack_from("<IHB", content, at)
        part = content[at + 7 : at + 7 + size]
        if zlib.crc32(part, zlib.crc32(bytes([kind]))) != check:
            return False
        at, parts = at + 7 + size, parts + part
        if kind in (1, 4):  # the whole of a record, or its last part
            last, parts = parts, b""
    return last is not None and wandb_internal_pb2.Record.FromString(last).HasField("exit")


KEPT = (
    *("API_KEY", "BASE_URL", "ENTITY", "IDENTITY_TOKEN_FILE", "CREDENTIALS_FILE"),
    *("CACHE_DIR", "CONFIG_DIR", "DATA_DIR", "INSECURE_DISABLE_SSL"),
    *("HTTP_TIMEOUT", "INIT_TIMEOUT", "_SERVICE_WAIT"),
)
"""Variables of wandb that say who sends and where to; others are of a run, and not of these."""


@contextmanager
def _own_variables() -> Iterator[None]:
    """Keep variables of another run, such as a sweep's, from what is stored inside the block."""
    with mock.patch.dict(os.environ):
        for name in list(os.environ):
            if name.startswith("WANDB_") and name[6:] not in KEPT:
                del os.environ[name]
        yield


def _read(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    record = require_file(path.with_suffix(".json"), "make the result anew")
    try:
        rows = pd.read_parquet(require_file(path), use_threads=False)
        content = json.loads(record.read_text(encoding="utf-8"))
        missing = {"preset", "dataset", "source", "agent"} - set(content)
        if missing or "step" not in rows:
            raise ValueError(f"no training run: {', '.join(sorted(missing)) or 'no steps'}")
    except (ValueError, OSError) as error:  # pyarrow's errors are ValueErrors
        raise SyntherError(f"{path} can't be read ({error}): make the result anew") from error
    return rows, content
