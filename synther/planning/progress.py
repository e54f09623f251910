"""How far a preset is, from its files alone: results, logs, checkpoints and Snakemake's markers."""

from __future__ import annotations

import json
import re
import time
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from synther.files import walk
from synther.planning.rates import Rates
from synther.planning.work import Job

STATES = ("done", "running", "queued", "stopped", "failed", "left")
FRESH_S = 180.0
"""Without a line in its log or a checkpoint for so long, a job is taken for stopped: both come more
often (`synther.progress.LINE_INTERVAL_S`, `synther.checkpoint.INTERVAL_S`)."""
_LINE = re.compile(r"(?P<done>[\d,]+)/(?P<total>[\d,]+) \w+ \(\d+%\)")
_TAIL_BYTES = 4096
_CLOCKS_S = 2.0
"""How far the clocks of a file server and of this machine may be apart."""


@dataclass(frozen=True)
class JobState:
    """What is known of one job.

    Attributes:
        state: done; running; queued, begun by Snakemake and silent yet; stopped, begun and then
            silent, or ended with a checkpoint; failed, its log ends with an error; left.
        share: of the work, where the log says it; 1 when done.
        seconds_left: an estimate.
        reason: of a failure, the log's last line.
    """

    job: Job
    state: str
    share: float = 0.0
    seconds_left: float = 0.0
    reason: str = ""


def marked_outputs(root: Path) -> dict[str, float]:
    """Return the files that Snakemake has marked as begun and not ended, and when it did so.

    Snakemake keeps a file of that name, in base64, in .snakemake/incomplete/; a name too long for
    one file goes on in a folder.
    """
    folder, found = root / ".snakemake/incomplete", dict[str, float]()
    for path in walk(folder):
        try:
            if path.is_file():
                parts = [part.removeprefix("@") for part in path.relative_to(folder).parts]
                found[urlsafe_b64decode("".join(parts)).decode()] = path.stat().st_mtime
        except (OSError, ValueError):  # gone meanwhile, or no marker
            continue
    return found


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _tail(path: Path) -> list[str]:
    try:
        with open(path, "rb") as handle:
            handle.seek(0, 2)
            handle.seek(max(0, handle.tell() - _TAIL_BYTES))
            text = handle.read().decode(errors="replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()]


def _share(lines: list[str]) -> float:
    """Return the share that the last progress line tells of; 0 without any."""
    for line in reversed(lines):
        if found := _LINE.search(line):
            done, total = (int(found[key].replace(",", "")) for key in ("done", "total"))
            return min(1.0, done / total) if total else 0.0
    return 0.0


def _error(lines: list[str]) -> str:
    """Return the error that a log ends with, or nothing: being told to end is none."""
    last = lines[-1] if lines else ""
    told = re.match(r"synther \w+: (?!ended by|interrupted)", last)
    traced = any(line.startswith("Traceback (most recent call last)") for line in lines)
    raised = traced and re.match(r"[\w.]+(Error|Exception|Exit)\b", last)
    shell = re.match(r"(/\S+|sh|bash|srun|slurmstepd)(: line \d+)?: ", last)
    return last if told or raised or shell else ""


def job_state(
    job: Job, seconds: float, marks: Mapping[str, float], root: Path, now: float
) -> JobState:
    """Return the state of one job.

    Args:
        job: the job.
        seconds: what all of it takes, estimated.
        marks: what `marked_outputs` returned.
        root: the repository's root.
        now: the time, in seconds since 1970.
    """
    begun = max((marks.get(path, 0.0) for path in job.outputs), default=0.0)
    if not begun and all((root / path).exists() for path in job.outputs):
        return JobState(job, "done", 1.0)
    lines = _tail(root / job.log)
    share = _share(lines)
    left = seconds * (1.0 - share)
    spoke, saved = (_modified(root / path) for path in (job.log, _checkpoint(job)))
    if begun and spoke < begun - _CLOCKS_S:  # the log is of an earlier try
        return JobState(job, "queued", 0.0, left)
    if begun and now - max(spoke, saved) < FRESH_S:
        return JobState(job, "running", share, left)
    if not saved:
        left = seconds
    if error := _error(lines):
        return JobState(job, "failed", share, left, error)
    if begun or saved:
        return JobState(job, "stopped", share, left)
    return JobState(job, "left", 0.0, seconds)


def _checkpoint(job: Job) -> Path:
    """Return where a job's checkpoint lies, if it makes one."""
    first = Path(job.outputs[0])
    if first.name == "model.pt":
        return first.parent / "fit.ckpt"
    if first.name == "samples.npz" or job.rule == "render_dataset":
        return first.with_name(f".{first.name}.parts")
    return first.with_suffix(".ckpt")


def _measured_seconds(job: Job, root: Path) -> float | None:
    """Return how long a job that is done took, by its record."""
    for path in job.outputs:
        if path.endswith(".json") and not path.endswith("/settings.json"):
            try:
                return float(json.loads((root / path).read_text(encoding="utf-8"))["wall_time_s"])
            except (OSError, ValueError, KeyError, TypeError):
                return None
    return None


def survey(
    jobs: Mapping[str, Job], rates: Rates, root: str | Path = ".", now: float | None = None
) -> list[JobState]:
    """Return the state of every job.

    Time left is the estimate, corrected by what the jobs of the same rule took that are done here.

    Args:
        jobs: first output -> job.
        rates: of the machine.
        root: the repository's root.
        now: the time, in seconds since 1970.
    """
    root, now = Path(root), time.time() if now is None else now
    marks = marked_outputs(root)
    taken: dict[str, list[float]] = {}
    states = []
    for job in jobs.values():
        state = job_state(job, rates.job_seconds(job), marks, root, now)
        states.append(state)
        if state.state == "done" and (seconds := _measured_seconds(job, root)) is not None:
            sums = taken.setdefault(job.rule, [0.0, 0.0])
            sums[0] += seconds + rates.startup_s
            sums[1] += rates.job_seconds(job)
    ratio = {rule: took / estimate for rule, (took, estimate) in taken.items()}
    return [
        JobState(s.job, s.state, s.share, s.seconds_left * ratio.get(s.job.rule, 1.0), s.reason)
        for s in states
    ]
