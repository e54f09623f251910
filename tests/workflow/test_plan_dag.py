"""What `synther plan` counts is what Snakemake would run."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from test_dag import ROOT, copy_workflow, snakemake

from synther.planning.costs import Requests
from synther.planning.jobs import Jobs
from synther.planning.paths import maker


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["quick", "paper"])
def test_the_jobs_are_snakemake_s(preset: str, tmp_path: Path) -> None:
    """Rule by rule and file by file: outputs, logs, memory, minutes and GPUs of the dry run."""
    done = snakemake(copy_workflow(tmp_path), "-n", "--config", f"preset={preset}", "device=cuda")
    assert done.returncode == 0, done.stdout + done.stderr
    theirs = {}
    for block in done.stdout.split("\nrule ")[1:]:
        name, _, rest = block.partition(":")
        lines = [line.strip().partition(": ") for line in rest.splitlines() if ": " in line]
        fields = {key: value for key, _, value in lines}
        if name == "all":
            continue
        asked = dict(item.split("=", 1) for item in fields["resources"].split(", ") if "=" in item)
        theirs[fields["output"].split(", ")[0]] = (
            name.replace("_noise", "_generator"),  # the same, sent where there are no GPUs
            set(fields["output"].split(", ")),
            fields["log"],
            *(asked.get(key) for key in ("mem_mb", "runtime", "gpu")),
            int(fields.get("threads", 1)),
        )
    jobs, requests = Jobs(preset).all_jobs(), Requests(preset, "cuda")
    ours = {}
    for path, job in jobs.items():
        rule, wildcards = maker(path)
        asked = [str(getattr(requests, key)(rule, wildcards, 1)) for key in ("mem_mb", "runtime")]
        gpu = str(requests.gpu(rule, wildcards, 1)) if "gpu=" in _rule(rule) else None
        threads = min(requests.threads(rule, wildcards, 1), len(os.sched_getaffinity(0)))
        ours[path] = (job.rule, set(job.outputs), job.log, *asked, gpu, threads)
    assert ours.keys() == theirs.keys()
    assert {path: ours[path] for path in ours if ours[path] != theirs[path]} == {}


def _rule(name: str) -> str:
    """Return the text of a rule, or of the one that it is a variant of."""
    text = "\n\n\n".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    if variant := re.search(rf"^use rule (\w+) as {name} with:", text, re.MULTILINE):
        name = variant[1]
    found = re.search(rf"^rule {name}:.*?(?=\n\n\n|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, name
    return found[0]
