"""The Kubernetes profile: manifests against a schema, and a run with a kubectl that is pretended.

No cluster is at hand here. The pretended kubectl runs a manifest's command on this machine, and
answers as the API does; what it cannot show is the cluster's part: images, volumes, eviction.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest
import yaml
from test_dag import ROOT, copy_workflow, environment, snakemake
from test_slurm import small

SCRIPT = ROOT / "workflow/scripts/kubernetes_job.py"
PROFILE = ROOT / "workflow/profiles/kubernetes"
NAME = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$"}
LABELS = {
    "type": "object",
    "additionalProperties": {
        "type": "string",
        "pattern": "^([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?$",
    },
}
QUANTITIES = {
    "type": "object",
    "additionalProperties": {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(m|[KMGT]i?)?$"},
}


def strict(required: dict, **optional: dict) -> dict:
    """An object with these properties and no others."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": required | optional,
    }


# What batch/v1 says of the fields that are used, and of no others: a misspelt one is refused.
CONTAINER = strict(
    {
        "name": NAME,
        "image": {"type": "string", "pattern": r"^[^ :]+:[^ :]+$"},
        "command": {"type": "array", "items": {"type": "string"}},
        "workingDir": {"type": "string", "pattern": "^/"},
        "env": {
            "type": "array",
            "items": strict({"name": {"type": "string"}, "value": {"type": "string"}}),
        },
        "resources": strict({"requests": QUANTITIES, "limits": QUANTITIES}),
        "volumeMounts": {
            "type": "array",
            "items": strict({"name": NAME, "mountPath": {"type": "string", "pattern": "^/"}}),
        },
    }
)
JOB = strict(
    {
        "apiVersion": {"const": "batch/v1"},
        "kind": {"const": "Job"},
        "metadata": strict({"name": NAME, "namespace": NAME, "labels": LABELS}),
        "spec": strict(
            {
                "backoffLimit": {"type": "integer", "minimum": 0},
                "template": strict(
                    {
                        "metadata": strict({"labels": LABELS}),
                        "spec": strict(
                            {
                                "restartPolicy": {"enum": ["Never", "OnFailure"]},
                                "containers": {"type": "array", "items": CONTAINER, "minItems": 1},
                                "volumes": {
                                    "type": "array",
                                    "items": strict(
                                        {
                                            "name": NAME,
                                            "persistentVolumeClaim": strict({"claimName": NAME}),
                                        }
                                    ),
                                },
                            },
                            terminationGracePeriodSeconds={"type": "integer", "minimum": 0},
                        ),
                    }
                ),
            },
            activeDeadlineSeconds={"type": "integer", "minimum": 1},
            ttlSecondsAfterFinished={"type": "integer", "minimum": 0},
        ),
    }
)

KUBECTL = """#!{python}
import json, pathlib, subprocess, sys
jobs = pathlib.Path({jobs!r})
namespace, verb, *rest = sys.argv[2:]
if verb == "create":
    job = json.load(sys.stdin)
    assert job["metadata"]["namespace"] == namespace
    place = jobs / job["metadata"]["name"]
    place.with_suffix(".json").write_text(json.dumps(job))
    one = job["spec"]["template"]["spec"]["containers"][0]
    subprocess.Popen(
        ["/bin/sh", "-c", '"$@"; echo $? > ' + str(place) + ".rc", "sh", *one["command"]],
        cwd=one["workingDir"], stdin=subprocess.DEVNULL,
        stdout=open(str(place) + ".log", "w"), stderr=subprocess.STDOUT, start_new_session=True)
elif verb == "get":
    ended = jobs / (rest[1] + ".rc")
    text = ended.read_text().strip() if ended.exists() else ""
    kind = "Complete" if text == "0" else "Failed"
    conditions = [dict(type="SuccessCriteriaMet", status="True"), dict(type=kind, status="True")]
    print(json.dumps(dict(status=dict(conditions=conditions if text else []))))
"""


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("kubernetes_job", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def job_script(**resources: object) -> str:
    content = {"rule": "train_offline", "threads": 4, "resources": resources}
    return f"#!/bin/sh\n# properties = {json.dumps(content)}\necho\n"


def test_a_job_asks_for_what_its_rule_asks(script, tmp_path: Path) -> None:
    job = script.properties(job_script(mem_mb=7000, runtime=90, gpu=1))
    template = yaml.safe_load((PROFILE / "job.yaml").read_text())
    made = script.manifest(template, job, tmp_path / "x.sh", "synther-1")
    jsonschema.validate(made, JOB)
    assert made["spec"]["activeDeadlineSeconds"] == 90 * 60
    container = made["spec"]["template"]["spec"]["containers"][0]
    gpu = "nvidia.com/gpu"
    assert container["resources"] == {
        "requests": {"cpu": "4", "memory": "7000M", gpu: "1"},
        "limits": {"memory": "7000M", gpu: "1"},
    }
    assert container["command"] == ["/bin/sh", str(tmp_path / "x.sh")]
    assert "name" not in template["metadata"]  # a job changes nothing for the next
    without = script.manifest(template, script.properties(job_script(gpu=0)), tmp_path, "synther-2")
    jsonschema.validate(without, JOB)
    assert gpu not in json.dumps(without)


def test_the_schema_refuses_what_is_misspelt(script, tmp_path: Path) -> None:
    template = yaml.safe_load((PROFILE / "job.yaml").read_text())
    template["spec"]["backofLimit"] = template["spec"].pop("backoffLimit")
    made = script.manifest(template, {"rule": "table"}, tmp_path, "synther-1")
    with pytest.raises(jsonschema.ValidationError, match="backof"):
        jsonschema.validate(made, JOB)


@pytest.mark.parametrize(
    ("conditions", "state"),
    [
        ([], "running"),
        ([{"type": "Suspended", "status": "True"}], "running"),
        ([{"type": "FailureTarget", "status": "True"}], "running"),
        ([{"type": "Failed", "status": "False"}], "running"),
        ([{"type": "Failed", "status": "True"}], "failed"),
        (
            [
                {"type": "SuccessCriteriaMet", "status": "True"},
                {"type": "Complete", "status": "True"},
            ],
            "success",
        ),
    ],
)
def test_the_state_of_a_job(script, conditions: list, state: str) -> None:
    assert script.state({"status": {"conditions": conditions}}) == state


def test_without_kubectl_or_a_job_script_it_says_so(script, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "x.sh").write_text(job_script())
    assert script.main(["submit", str(tmp_path / "x.sh")]) == 1
    assert "kubectl" in capsys.readouterr().err
    (tmp_path / "y.sh").write_text("#!/bin/sh\n")
    assert script.main(["submit", str(tmp_path / "y.sh")]) == 1
    assert "not a job script" in capsys.readouterr().err
    assert script.main([]) == script.main(["submit"]) == 2


def test_the_profile_plans_the_paper(tmp_path: Path) -> None:
    pytest.importorskip(
        "snakemake_executor_plugin_cluster_generic", reason="pip install 'synther[kubernetes]'"
    )
    folder = copy_workflow(tmp_path)
    profile = "workflow/profiles/kubernetes"
    done = snakemake(folder, "-n", "--quiet", "rules", "--profile", profile, "figures/table1.pdf")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^train_offline +90$", done.stdout + done.stderr, re.M)


@pytest.mark.slow
def test_jobs_run_as_pods_would(script, tmp_path: Path) -> None:
    pytest.importorskip(
        "snakemake_executor_plugin_cluster_generic", reason="pip install 'synther[kubernetes]'"
    )
    folder, jobs, commands = small(tmp_path / "run"), tmp_path / "jobs", tmp_path / "bin"
    jobs.mkdir()
    commands.mkdir()
    kubectl = commands / "kubectl"
    kubectl.write_text(KUBECTL.format(python=sys.executable, jobs=str(jobs)))
    kubectl.chmod(0o755)
    given = environment(folder)
    target = "results/quick/subsets/hopper-medium-local/10pct.npz"
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--profile", "workflow/profiles/kubernetes", target],
        cwd=folder,
        env=given | {"PATH": f"{commands}:{given['PATH']}"},
        capture_output=True,
        text=True,
    )
    logs = "".join(path.read_text() for path in jobs.glob("*.log"))
    assert done.returncode == 0, done.stdout + done.stderr + logs
    assert (folder / target).stat().st_size > 0
    (made,) = [json.loads(path.read_text()) for path in jobs.glob("*.json")]  # both in one pod
    jsonschema.validate(made, JOB)
    assert made["metadata"]["labels"]["rule"] == "prepare"


def test_the_container_has_the_pinned_versions() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    text = (ROOT / "Containerfile").read_text()
    assert re.findall(r"^FROM .*python:([\d.]+)", text, re.M) == [
        project["requires-python"].removeprefix(">=")
    ]
    (extras,) = re.findall(r'"\.\[([\w,]+)\]"', text)
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
    assert "==" not in text  # versions come from pyproject.toml alone
    makefile = (ROOT / "Makefile").read_text()
    assert set(re.findall(r"lib\w*(?:gl|mesa)\S*", text)) <= set(makefile.split())
    image = yaml.safe_load((PROFILE / "job.yaml").read_text())["spec"]["template"]["spec"]
    assert image["containers"][0]["image"].endswith(f":{project['version']}")
    for path in re.findall(r"^COPY (?!\. )(.*) \./$", text, re.M):
        assert all((ROOT / name).is_file() for name in path.split())


def test_containers_have_a_cache_without_a_home(tmp_path: Path) -> None:
    """Snakemake's lies in the home, which a pod's or a host's user may not have there."""
    pod = yaml.safe_load((PROFILE / "job.yaml").read_text(encoding="utf-8"))
    (variable,) = pod["spec"]["template"]["spec"]["containers"][0]["env"]
    assert variable["name"] == "XDG_CACHE_HOME"
    image = (ROOT / "Containerfile").read_text(encoding="utf-8")
    assert f"XDG_CACHE_HOME={variable['value']}" in image
    folder, homeless = copy_workflow(tmp_path / "checkout"), tmp_path / "file"
    homeless.touch()  # below which nobody, root included, can make a folder
    for cache, code in (({}, 1), ({"XDG_CACHE_HOME": str(tmp_path / "cache")}, 0)):
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "-n", "figures/quick/table1.pdf"],
            cwd=folder,
            env=environment(folder) | {"HOME": str(homeless)} | cache,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stderr
