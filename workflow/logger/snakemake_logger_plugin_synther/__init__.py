"""Where a run of the workflow is: `snakemake --logger synther`.

On a terminal, one bar shows the jobs done, the time left and the rules that run. Above it stands a
line for every table, figure and page that is finished. Elsewhere (a file, CI) these lines are
plain, and a line for every tenth of the jobs takes the bar's place. A failed job is shown with the
end of its log. Snakemake finds the package by its name, and keeps its own complete log in
.snakemake/log. A dry run is better without this logger, which does not show the list of jobs.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text
from snakemake_interface_logger_plugins.base import LogHandlerBase

LOG_LINES = 15
"""How much of a failed job's log is shown: its error stands at the end."""
SHOWN = (".pdf", ".html")
"""The one file of each table and page that is named; the other formats lie beside it."""


class Pace:
    """How long jobs take, and how long those that are left will take.

    A rule's jobs are taken to last as long as its finished ones did on average, or as all finished
    ones did where it has none. As many are taken to run side by side as did so far.
    """

    def __init__(self, jobs: dict[str, int], now: float) -> None:
        self.left, self.total, self.started = Counter(jobs), sum(jobs.values()), now
        self._took: dict[str, list[float]] = defaultdict(list)

    @property
    def done(self) -> int:
        """Jobs that have finished."""
        return self.total - self.left.total()

    def finish(self, rule: str, seconds: float) -> None:
        """Count one job of a rule as finished, and remember how long it took."""
        self.left[rule] -= 1
        self._took[rule].append(seconds)

    def seconds_left(self, now: float) -> float | None:
        """Return the seconds left by the clock, or None before the first job has finished."""
        every = [seconds for took in self._took.values() for seconds in took]
        if not every or not sum(every):
            return None
        mean = {rule: sum(took) / len(took) for rule, took in self._took.items()}
        overall = sum(every) / len(every)
        work = sum(count * mean.get(rule, overall) for rule, count in self.left.items())
        return work * (now - self.started) / sum(every)


class LogHandler(LogHandlerBase):
    """Shows Snakemake's events, which arrive one by one in a single thread."""

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        """Open the console; the bar starts with the first job."""
        self.console = Console(stderr=not self.common_settings.stdout, highlight=False)
        self.pace: Pace | None = None
        self.bar: Progress | None = None
        self.jobs: dict[int, tuple[dict[str, Any], float]] = {}
        self.tenths = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Show one of Snakemake's records."""
        try:
            event = getattr(record, "event", None)
            show = getattr(self, f"_{event}", None) if event else self._message
            if show is not None:
                show(record.__dict__)
        except Exception:  # as every handler of logging does: no run ends because it can't be shown
            self.handleError(record)

    def close(self) -> None:
        """Take the bar away; Snakemake calls this more than once."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None
        if self.pace is not None:
            took = time.monotonic() - self.pace.started
            self._say(f"{self.pace.done} of {self.pace.total} jobs done in {_words(took)}")
            self.pace = None
        super().close()

    # One method for each of Snakemake's events that is shown, under the event's name.

    def _run_info(self, said: dict[str, Any]) -> None:
        jobs = {rule: count for rule, count in said["stats"].items() if rule != "total"}
        if self.pace is not None or not jobs or self.common_settings.dryrun:
            return
        self.pace = Pace(jobs, time.monotonic())
        self._say(f"{self.pace.total} jobs to run")
        if self.console.is_terminal:
            self._start()

    def _job_info(self, said: dict[str, Any]) -> None:
        self.jobs[said["jobid"]] = (said, time.monotonic())
        self._refresh()

    def _job_finished(self, said: dict[str, Any]) -> None:
        job, since = self.jobs.pop(said["job_id"], (None, 0.0))
        if job is None or self.pace is None:
            return
        self.pace.finish(job["rule_name"], time.monotonic() - since)
        for path in job["output"]:
            if path.startswith("figures/") and path.endswith(SHOWN):
                self._say(Text.assemble(("✓ ", "green"), path))
        tenths = 10 * self.pace.done // max(self.pace.total, 1)
        if self.bar is None and self.tenths < tenths < 10:
            self.tenths = tenths
            self._say(f"  {self.pace.done} of {self.pace.total} jobs done, {self._left()}")
        self._refresh()

    def _job_error(self, said: dict[str, Any]) -> None:
        self.jobs.pop(said["jobid"], None)
        self._say(Text(f"✗ {said['rule_name']}: {', '.join(said['output'])}", style="red"))
        for path in said["log"]:
            self._say(f"  {path}")
            if end := _end_of(Path(path)):
                self._say(Text(end))
        self._refresh()

    def _error(self, said: dict[str, Any]) -> None:
        failed_command = "CalledProcessError" in str(said["msg"])
        if not failed_command:  # whose job is shown, with its log
            self._say(Text(str(said["msg"]), style="red"))

    def _message(self, said: dict[str, Any]) -> None:
        """Show what is no event: warnings, errors, and that there is nothing to do."""
        text = str(said["msg"])
        if said["levelno"] >= logging.WARNING or text.startswith("Nothing to be done"):
            self._say(Text(text, style="red" if said["levelno"] >= logging.ERROR else ""))

    def _say(self, line: str | Text) -> None:
        self.console.print(line, soft_wrap=True, markup=False)

    def _start(self) -> None:
        self.bar = Progress(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.description}", style="dim"),
            console=self.console,
            transient=True,
        )
        self.bar.add_task("", total=self.pace.total, left="")
        self.bar.start()

    def _refresh(self) -> None:
        if self.bar is not None:
            rules = Counter(job["rule_name"] for job, _ in self.jobs.values())
            running = ", ".join(f"{n} x {rule}" if n > 1 else rule for rule, n in rules.items())
            task = self.bar.task_ids[0]
            shown = {"completed": self.pace.done, "left": self._left(), "description": running}
            self.bar.update(task, refresh=True, **shown)  # at once: jobs can be short

    def _left(self) -> str:
        seconds = self.pace.seconds_left(time.monotonic())
        return "" if seconds is None else f"{_words(seconds)} left"


def _words(seconds: float) -> str:
    """Return a time as minutes, or as hours and minutes."""
    minutes = round(seconds / 60)
    if minutes < 1:
        return "less than a minute"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _end_of(log: Path) -> str:
    """Return the last lines of a log, indented; nothing where a job died before it wrote any."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
    except OSError:
        return ""
    return "\n".join(f"  | {line}" for line in lines)
