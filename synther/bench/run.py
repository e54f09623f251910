"""All sections in one process: a table to read, and a file for `synther plan` and for records."""

import importlib
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tabulate import tabulate

from synther.bench.measure import Measurement
from synther.errors import unknown_name
from synther.jobs import provenance
from synther.jobs.files import write_json

SECTIONS = {
    "agents": "synther.bench.agents",
    "diffusion": "synther.bench.diffusion",
    "evaluation": "synther.bench.simulators",
    "data": "synther.bench.data",
    "start-up": "synther.bench.startup",
}
"""Name -> module whose `measure(device)` yields the section's measurements."""
ONE_THREAD = ("agents", "diffusion")
"""What is measured as the workflow's jobs run on a CPU: side by side, one thread and core each."""
HEADER = ("", "measured", "limit", "", "ratio", "target", "")


def measure(device: str, sections: Iterable[str] = SECTIONS) -> Iterator[Measurement]:
    """Yield the measurements of some sections, in their order.

    Raises:
        SyntherError: there is no such section.
    """
    import torch

    for section in sections:
        if section not in SECTIONS:
            raise unknown_name("section", section, SECTIONS)
        threads = torch.get_num_threads()
        with ExitStack() as alone:
            if section in ONE_THREAD:
                torch.set_num_threads(1)
                alone.callback(torch.set_num_threads, threads)
                if device == "cpu":
                    alone.enter_context(one_core())
            yield from importlib.import_module(SECTIONS[section]).measure(device)


@contextmanager
def one_core() -> Iterator[None]:
    """Keep to one core, where the system can: JAX starts as many threads as it sees cores.

    Work that is handed between its threads costs a compiled update a fifth of its CPU time.
    """
    affinity = getattr(os, "sched_getaffinity", lambda _: None)(0)
    if affinity:
        os.sched_setaffinity(0, {min(affinity)})
    try:
        yield
    finally:
        if affinity:
            os.sched_setaffinity(0, affinity)


def _number(value: float) -> str:
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 3
    return f"{value:,.{digits}f}"


def row(found: Measurement) -> tuple[str, ...]:
    """Return a measurement as the cells under `HEADER`."""
    unit = found.unit
    bound = "" if found.target is None else f"{'≤' if found.at_most else '≥'} {found.target:g}"
    return (
        f"{found.section}: {found.name}",
        f"{_number(found.value)} {unit}",
        "" if found.limit is None else f"{_number(found.limit)} {unit}",
        found.against,
        "" if found.ratio is None else f"{found.ratio:.2f}",
        bound,
        {True: "met", False: "MISSED", None: ""}[found.met],
    )


def markdown(found: Iterable[Measurement]) -> str:
    """Return measurements as a Markdown table, its columns aligned for a terminal."""
    return tabulate(map(row, found), HEADER, tablefmt="github", disable_numparse=True)


def rates(found: Iterable[Measurement]) -> dict[str, Any]:
    """Return the rates that costs are planned by: seed-updates, fit steps, samples, steps a second.

    An agent's rate is that of its largest stack.
    """
    known: dict[str, Any] = {"agent_seed_updates_per_s": {}, "env_steps_per_s": {}}
    for m in found:
        if m.section == "agents" and m.unit == "seed-updates/s":
            known["agent_seed_updates_per_s"][m.name.partition(",")[0]] = m.value
        elif m.section == "evaluation":
            known["env_steps_per_s"][m.name.partition(",")[0]] = m.value
        elif m.section == "diffusion" and m.unit == "rows/s":
            sampling = m.name.startswith("sampling")
            known["samples_per_s" if sampling else "diffusion_fit_rows_per_s"] = m.value
    return known


def save(found: list[Measurement], device: str, folder: Path) -> Path:
    """Write the measurements, with hardware and versions, to a new file of `folder`."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    path = folder / f"{device.replace(':', '-')}-{stamp}.json"
    record = {
        **provenance.describe(device),
        "device": device,
        "measured_at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "rates": rates(found),
        "measurements": [{**asdict(m), "ratio": m.ratio, "met": m.met} for m in found],
    }
    write_json(path, record)
    return path
