"""What the training verbs share: the fields of their jobs, and what they say at the end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from synther.config.specs import task_spec
from synther.errors import SyntherError
from synther.jobs.files import claimed
from synther.training.job import TrainingJob, parse_seeds

if TYPE_CHECKING:
    from synther.training.results import ResultRows

Job = TypeVar("Job", bound=TrainingJob)


def result_path(out: str) -> Path:
    """Return the path of a result.

    Raises:
        SyntherError: it is not a .parquet.
    """
    path = Path(out)
    if path.suffix != ".parquet":
        raise SyntherError(f"--out {out} must end in .parquet")
    return path


def job_fields(
    options: argparse.Namespace, task: str, module: str, settings: Any, device: str
) -> dict[str, Any]:
    """Return the fields of `TrainingJob`."""
    limits = task_spec(task)
    return {
        "task": task,
        "agent": options.agent,
        "module": module,
        "settings": settings,
        "seeds": parse_seeds(options.seeds),
        "out": result_path(options.out),
        "reference": (limits["reference_min"], limits["reference_max"]),
        "preset": options.preset or "none",
        "device": device,
        "threads": options.threads,
    }


def run(job: Job, train: Callable[[Job], ResultRows]) -> None:
    """Train, and print to stderr where the result is, and its last mean score over seeds."""
    with claimed(job.out):
        rows = train(job)
    print(f"{job.out}: score {rows.last_score:.1f} over {rows.seeds} seeds", file=sys.stderr)
