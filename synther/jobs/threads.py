"""How many cores this process has, and how many of them mathematics gets.

Small products gain nothing from a second thread, and lose much where other processes want the cores
too: every product waits for the thread that the scheduler put off. So mathematics has one thread,
and in `mathematics` one more for every `PER_THREAD` of the work that is shared out. Simulators get
all threads, because of an evaluation's time nine tenths are theirs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

PER_THREAD = 1 << 25
"""Floating-point operations of the largest product that are worth a thread. Of two threads that
share an update of TD3+BC, BC, IQL or the denoiser, the first is busy for 0.86 to 1.23 of the time
that one takes alone where that product is below 2^24, for 0.66 to 1.03 at 2^25, and for 0.58 to
0.80 from 2^26 on, where both together take 1.03 to 1.36 of it (torch 2.13, AVX-512)."""
_granted: int | None = None


def cores() -> int:
    """Return the cores that this process may use: the least of affinity and cgroups' quotas.

    A quota of one and a half is one: a second thread would stand still half of the time.
    """
    return max(1, min([len(os.sched_getaffinity(0)), *map(int, _quotas())]))


def _quotas(proc: Path = Path("/proc/self")) -> Iterator[float]:
    """Yield the quotas, in cores, of this process's cgroups, 1 and 2, and all above them."""
    try:
        groups, mounts = (
            (proc / name).read_text(encoding="utf-8").splitlines()
            for name in ("cgroup", "mountinfo")
        )
    except OSError:  # no Linux, or a sandbox without /proc
        return
    split = (line.split(":", 2) for line in groups)
    names = {part: name for _, parts, name in split for part in parts.split(",")}
    for mount in map(str.split, mounts):
        kind = mount[mount.index("-") + 1]
        if kind == "cgroup2" or (kind == "cgroup" and "cpu" in mount[-1].split(",")):
            root, folder = mount[3], Path(mount[4])
            name = PurePosixPath(names.get("" if kind == "cgroup2" else "cpu", root))
            # In a container the mount may begin at its own group, deep in the machine's tree
            inside = name.relative_to(root) if name.is_relative_to(root) else PurePosixPath()
            found = (_quota(folder / part) for part in (inside, *inside.parents))
            yield from (quota for quota in found if quota is not None)


def _quota(group: Path) -> float | None:
    """Return a cgroup's share of the processors, in cores; None where it has no limit."""
    try:
        if (group / "cpu.max").exists():
            quota, period = (group / "cpu.max").read_text(encoding="utf-8").split()
        else:
            quota = (group / "cpu.cfs_quota_us").read_text(encoding="utf-8")
            period = (group / "cpu.cfs_period_us").read_text(encoding="utf-8")
        return float(quota) / float(period) if float(quota) > 0 else None
    except (OSError, ValueError):  # not there, or "max"
        return None


def grant(threads: int) -> None:
    """Give torch at most so many threads: one, and in `mathematics` what the work is worth."""
    import torch

    global _granted
    _granted = threads
    torch.set_num_threads(1)


def worth(operations: int, threads: int) -> int:
    """Return how many of so many threads a product of these floating-point operations is worth."""
    return max(1, min(threads, operations // PER_THREAD))


def largest_product(networks: nn.Module, batch: int) -> int:
    """Return the floating-point operations of the largest layer's product with `batch` inputs.

    Weights of several networks are stacked: a layer is one product for all of the stack.
    """
    return 2 * batch * max(weight.numel() for weight in networks.parameters())


@contextmanager
def mathematics(operations: int = 0, device: object = "cpu") -> Iterator[None]:
    """Within the block, give torch the threads that its largest product is worth.

    That has so many floating-point `operations`. What feeds a GPU needs one thread.
    """
    import torch

    before = torch.get_num_threads()
    allowed = before if _granted is None else _granted
    torch.set_num_threads(worth(operations if str(device) == "cpu" else 0, allowed))
    try:
        yield
    finally:
        torch.set_num_threads(before)
