"""Runs commands of `synther` in forked children and kills each at random moments until it is done.

`python killing.py '[{"arguments": [...], "kills": 8, "seed": 0}, ...]'` prints how every life of
every command ended: a signal's number below 0, or an exit code. What takes seconds to import is
imported once, before the forks.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time

import h5py  # noqa: F401
import mujoco  # noqa: F401
import pandas  # noqa: F401
import pyarrow.parquet  # noqa: F401
import torch

from synther import cli, config
from synther.cli import data, generate, train  # noqa: F401
from synther.jobs import provenance


def life(arguments: list[str], ends: float | None, number: int) -> tuple[int, float]:
    """Run a command for at most `ends` seconds; return how it ended and how long it took."""
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            torch.set_num_threads(1)
            code = cli.main(arguments)
        finally:
            sys.stderr.flush()
            os._exit(code)
    while ends is None or time.monotonic() - started < ends:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status), time.monotonic() - started
        time.sleep(0.002)
    os.kill(child, number)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), time.monotonic() - started


def main() -> None:
    """Run all commands."""
    provenance.commit()  # what is read once is read before the forks
    for name in ("agents", "datasets", "sources"):
        config.load(name)
    found, lasts = [], 1.0
    for job in json.loads(sys.argv[1]):
        chance = random.Random(job.get("seed", 0))
        number = signal.Signals[job.get("signal", "SIGKILL")]
        ends, kills = [], job.get("kills", 0)
        while not ends or ends[-1] not in (0, 1, 2):
            limit = chance.uniform(0.05, 0.35) * lasts if len(ends) < kills else None
            code, took = life(job["arguments"], limit, number)
            ends.append(code)
        if not kills:  # the same command comes again, to be killed: this is how long it lasts
            lasts = took
        found.append(ends)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
