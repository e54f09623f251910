#!/usr/bin/env python3
"""Runs a Snakemake job as a Kubernetes Job; the profile workflow/profiles/kubernetes calls it.

    kubernetes_job.py submit JOBSCRIPT    creates the Job and prints its name
    kubernetes_job.py status NAME         prints running, success or failed
    kubernetes_job.py NAME ...            deletes Jobs

What a Job looks like is workflow/profiles/kubernetes/job.yaml, where a cluster's own names stand;
memory, processors, GPUs and time are the rule's. All pods share a volume, at the path where
Snakemake runs: a pod that is evicted is made anew by the Job, and goes on from its checkpoint.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).resolve().parents[1] / "profiles/kubernetes/job.yaml"
GPU = "nvidia.com/gpu"


def properties(script: str) -> dict[str, Any]:
    """Return what Snakemake writes about a job into its script: rule, threads, resources."""
    found = re.search(r"^# properties = (\{.*\})$", script, re.M)
    if not found:
        raise ValueError("no line `# properties = {...}`: not a job script of Snakemake's")
    return json.loads(found[1])


def manifest(template: dict[str, Any], job: dict[str, Any], script: Path, name: str) -> dict:
    """Return the Job for a job script.

    Args:
        template: the content of job.yaml.
        job: what `properties` returned.
        script: the job script, on the shared volume.
        name: of the Job.
    """
    made = json.loads(json.dumps(template))
    resources = job.get("resources", {})
    made["metadata"] |= {
        "name": name,
        "labels": made["metadata"].get("labels", {})
        | {
            "rule": re.sub(r"[^A-Za-z0-9_.-]", "-", str(job.get("rule") or job.get("groupid")))[:63]
        },
    }
    if runtime := resources.get("runtime"):
        made["spec"]["activeDeadlineSeconds"] = int(runtime) * 60
    container = made["spec"]["template"]["spec"]["containers"][0]
    container["command"] = ["/bin/sh", str(script)]
    container["workingDir"] = str(Path.cwd())
    # The checkout on the volume, its code and its config/, not the copy in the image.
    container["env"] = [*container.get("env", []), {"name": "PYTHONPATH", "value": str(Path.cwd())}]
    memory, gpus = f"{int(resources.get('mem_mb', 2000))}M", int(resources.get("gpu", 0))
    cpus = resources.get("cpus_per_task") or job.get("threads", 1)
    asked = {"cpu": str(cpus), "memory": memory}
    limits = {"memory": memory}
    if gpus:
        asked[GPU] = limits[GPU] = str(gpus)
    container["resources"] = {"requests": asked, "limits": limits}
    return made


def kubectl(*arguments: str, given: str | None = None) -> str:
    """Run kubectl in the template's namespace; return what it prints."""
    namespace = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))["metadata"]["namespace"]
    done = subprocess.run(
        ["kubectl", "--namespace", namespace, *arguments],
        input=given,
        capture_output=True,
        encoding="utf-8",
    )
    if done.returncode:
        raise OSError(f"kubectl {arguments[0]}: {done.stderr.strip()}")
    return done.stdout


def submit(path: Path) -> str:
    """Create the Job of a job script; return its name."""
    job = properties(path.read_text(encoding="utf-8"))
    name = f"synther-{uuid.uuid4().hex[:12]}"
    template = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))
    kubectl("create", "-f", "-", given=json.dumps(manifest(template, job, path.absolute(), name)))
    return name


def state(job: dict[str, Any]) -> str:
    """Return what a Job's status says: running, success or failed."""
    for condition in job.get("status", {}).get("conditions", []):
        if condition["status"] == "True" and condition["type"] in ("Complete", "Failed"):
            return "success" if condition["type"] == "Complete" else "failed"
    return "running"


def main(arguments: Sequence[str]) -> int:
    """Submit, ask after or delete Jobs."""
    try:
        match list(arguments):
            case ["submit", path]:
                print(submit(Path(path)))
            case ["status", name]:
                print(state(json.loads(kubectl("get", "job", name, "--output", "json"))))
            case [] | ["submit" | "status", *_]:
                print(__doc__, file=sys.stderr)
                return 2
            case names:
                kubectl("delete", "job", "--ignore-not-found", "--wait=false", *names)
    except (OSError, ValueError, LookupError) as error:
        print(f"{os.path.basename(__file__)}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
