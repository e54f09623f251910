"""How far jobs are: what Snakemake says of them, and their logs, checkpoints and records."""

import json
import re
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from synther import config
from synther.planning.dag import Job

STATES = ("done", "running", "queued", "stopped", "failed", "left")
FRESH_S = 180.0
"""Without a line in its log or a checkpoint for so long, a job is taken for stopped: both come more
often (`synther.jobs.progress.LINE_INTERVAL_S`, `synther.jobs.checkpoint.INTERVAL_S`)."""
_LINE = re.compile(r"(?P<done>[\d,]+)/(?P<total>[\d,]+) \w+ \(\d+%\)")
_TAIL_BYTES = 4096
_CLOCKS_S = 2.0
"""How far the clocks of a file server and of this machine may be apart."""


@dataclass(frozen=True)
class JobState:
    """What is known of one job.

    It is done where Snakemake would not run it: its files are there, or nothing asks for them any
    more; running; queued, begun by Snakemake and silent yet; stopped, begun and then silent, or
    ended with a checkpoint; failed, its log ends with an error; or left.
    """

    job: Job
    state: str
    share: float = 0.0  # of the work, where the log says it; 1 when done
    seconds_left: float = 0.0  # an estimate
    reason: str = ""  # of a failure, the log's last line

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        own = {key: value for key, value in vars(self).items() if key != "job"}
        job = self.job
        return {"rule": job.rule, "output": job.outputs[0], "log": job.log, **own}


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # not there, or gone meanwhile
        return 0.0


def _tail(path: Path) -> list[str]:
    try:
        text = path.read_bytes()[-_TAIL_BYTES:].decode(errors="replace")
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


def job_state(job: Job, now: float) -> JobState:
    """Return the state of one job, at a time in seconds since 1970."""
    if not job.is_due:
        return JobState(job, "done", 1.0)
    lines = _tail(Path(job.log))
    share = _share(lines)
    left = job.seconds * (1.0 - share)
    spoke = _modified(Path(job.log)) if job.log else 0.0
    saved = _modified(_checkpoint(job))
    if job.begun and spoke < job.begun - _CLOCKS_S:  # the log is of an earlier try
        return JobState(job, "queued", 0.0, left)
    if job.begun and now - max(spoke, saved) < FRESH_S:
        return JobState(job, "running", share, left)
    if not saved:
        left = job.seconds
    if error := _error(lines):
        return JobState(job, "failed", share, left, error)
    if job.begun or saved:
        return JobState(job, "stopped", share, left)
    return JobState(job, "left", 0.0, job.seconds)


def _checkpoint(job: Job) -> Path:
    """Return where a job's checkpoint lies, if it makes one."""
    first = Path(job.outputs[0])
    if first.name == "model.pt":
        return first.parent / "fit.ckpt"
    if first.name == "samples.npz" or job.rule == "render_dataset":
        return first.with_name(f".{first.name}.parts")
    return first.with_suffix(".ckpt")


def _measured_seconds(job: Job) -> float | None:
    """Return how long a job that is done took, by its record."""
    for path in job.outputs:
        if path.endswith(".json") and not path.endswith("/settings.json"):
            try:
                return float(json.loads(Path(path).read_text(encoding="utf-8"))["wall_time_s"])
            except (OSError, ValueError, KeyError, TypeError):
                return None
    return None


def survey(jobs: Iterable[Job]) -> list[JobState]:
    """Return the state of every job.

    Time left is the estimate, corrected by what the jobs of the same rule took that are done here.
    """
    now, startup_s = time.time(), config.load("rates")["startup_s"]
    states = [job_state(job, now) for job in jobs]
    taken: dict[str, float] = defaultdict(float)
    estimated: dict[str, float] = defaultdict(float)
    for state in states:
        job = state.job
        if state.state == "done" and (seconds := _measured_seconds(job)) is not None:
            taken[job.rule] += seconds + startup_s
            estimated[job.rule] += job.seconds
    return [
        replace(s, seconds_left=s.seconds_left * taken[rule] / estimated[rule])
        if estimated[rule := s.job.rule]
        else s
        for s in states
    ]
