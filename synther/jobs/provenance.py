"""What made a result: versions, commit, hardware, threads."""

import functools
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from synther.jobs.inherited import own

PACKAGES = ("synther", "torch", "numpy", "mujoco", "gymnasium")


@functools.cache
def commit() -> str:
    """Return the commit of the code in use, with `+changes` if the tree differs, or `unknown`.

    What runs leave is no part of the code, where git keeps it too.
    """
    root = Path(__file__).resolve().parents[2]

    def git(*arguments: str) -> str:
        # The code runs, so it is trusted, whoever's the checkout is; and it is only looked at
        trusting = ("git", "-c", f"safe.directory={root}", "-C", str(root))
        environment = own(os.environ) | {"GIT_OPTIONAL_LOCKS": "0"}
        done = subprocess.run(
            [*trusting, *arguments], capture_output=True, check=True, env=environment
        )
        return os.fsdecode(done.stdout).strip()  # it may name files, in whatever bytes

    try:
        if Path(git("rev-parse", "--show-toplevel")) != root:
            return "unknown"
        code = ("--", ".", ":!results", ":!figures")
        changed = git("status", "--porcelain", *code)
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def version() -> str:
    """Return the version of this package."""
    return importlib.metadata.version("synther")


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def describe(device: str = "cpu") -> dict[str, Any]:
    """Return versions, commit and hardware, ready for JSON."""
    record: dict[str, Any] = {
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in PACKAGES},
        },
        "commit": commit(),
        "hardware": {"cpu": _cpu(), "cores": os.cpu_count(), "device": device},
    }
    if device.startswith("cuda"):
        import torch

        record["hardware"]["gpu"] = torch.cuda.get_device_name(device)
    return record
