"""Finished runs in Weights & Biases: a copy for looking at; no table is made from it.

Training never talks to a tracker. What it left, rows and record, is handed over afterwards, so that
runs look the same whether they were tracked or not, and any machine can do it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from synther.errors import SyntherError
from synther.files import files_below, require_file

KINDS = ("offline", "online", "pixels")
"""Folders of results/PRESET/ that hold training runs."""


def finished_runs(preset: str, root: str | Path = "results") -> list[Path]:
    """Return the result files of all training runs of a preset that have their record beside."""
    folders = [Path(root) / preset / kind for kind in KINDS]
    found = [path for folder in folders for path in files_below(folder, "*.parquet")]
    return [path for path in found if path.with_suffix(".json").is_file()]


def run_id(path: Path) -> str:
    """Return a run's id: the same result has the same, wherever it lies and whenever it is sent."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


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

    Args:
        results: parquet files, each with its record (.json) beside it.
        project: name of wandb's project.
        folder: in which `wandb/` lies, or is made.
        online: send them; otherwise nothing leaves the machine.

    Returns:
        Names of the runs handed over, and of those that were already.

    Raises:
        SyntherError: wandb is not installed, or refuses; a result or its record is damaged.
    """
    wandb = _wandb()
    new, old = [], []
    for path in results:
        rows, record = _read(path)
        name, identity = "/".join(path.with_suffix("").parts[-6:]), run_id(path)
        kinds = ("run",) if online else ("run", "offline-run")
        if any(list(folder.glob(f"wandb/{kind}-*-{identity}")) for kind in kinds):
            old.append(name)
            continue
        try:
            run = wandb.init(
                project=project,
                id=identity,
                name=name,
                group="/".join(str(record[key]) for key in ("preset", "dataset", "source")),
                job_type=str(record["agent"]),
                config=record,
                dir=str(folder),
                mode="online" if online else "offline",
                settings=wandb.Settings(
                    silent=True, console="off", disable_git=True, disable_code=True,
                    x_disable_stats=True, x_disable_meta=True,
                ),
            )  # fmt: skip
            run.define_metric("*", step_metric="step")
            for point in curves(rows):
                run.log(point)
            run.finish()
        except (wandb.Error, OSError, ValueError) as error:
            raise SyntherError(
                f"wandb refuses {path}: {error}; without --online it needs no network"
            ) from error
        new.append(name)
    return new, old


def _wandb() -> Any:
    try:
        import wandb
    except ImportError as error:
        raise SyntherError(
            "wandb is not installed: pip install 'synther[wandb]'; tables and figures never need it"
        ) from error
    return wandb


def _read(path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    record = require_file(path.with_suffix(".json"), "make the result anew")
    try:
        rows = pd.read_parquet(require_file(path), use_threads=False)
        content = json.loads(record.read_text())
        missing = {"preset", "dataset", "source", "agent"} - set(content)
        if missing or "step" not in rows:
            raise ValueError(f"no training run: {', '.join(sorted(missing)) or 'no steps'}")
    except (ValueError, OSError) as error:  # pyarrow's errors are ValueErrors
        raise SyntherError(f"{path} can't be read ({error}): make the result anew") from error
    return rows, content
