"""The Kubernetes profile: a run with an API server that is pretended, and a bucket.

No cluster is at hand here. The pretended server takes what the plugin sends, runs a pod's command
on this machine in an empty folder, and answers as the API does; what it cannot show is the
cluster's part: images, scheduling, eviction.
"""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_dag import ROOT, copy_workflow, environment
from test_slurm import small

PROFILE = ROOT / "workflow/profiles/kubernetes"
GPU = "nvidia.com/gpu"
HERE = "results/quick/offline/hopper-medium-local"


class Cluster(ThreadingHTTPServer):
    """An API server of jobs and secrets, whose pods are processes here.

    Attributes:
        jobs: name -> what was asked for.
        secrets: name -> key -> value.
        pods: name -> the process; the first is lost at once, and so is one that asks for a GPU.
        folder: of the pods' own disks.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.folder = folder
        self.jobs: dict[str, dict[str, Any]] = {}
        self.pods: dict[str, subprocess.Popen[bytes]] = {}
        self.secrets: dict[str, dict[str, str]] = {}

    def run(self, job: dict[str, Any]) -> None:
        name, is_first = job["metadata"]["name"], not self.jobs
        self.jobs[name] = job
        (one,) = job["spec"]["template"]["spec"]["containers"]
        here = self.folder / name
        here.mkdir(parents=True)
        # The plugin's package is in this environment, and nothing is to be downloaded
        (here.parent / "pip").write_text("#!/bin/sh\n")
        (here.parent / "pip").chmod(0o755)
        given = {
            variable["name"]: self.secrets[entry["name"]][entry["key"]]
            for variable in one["env"]
            for entry in [variable["valueFrom"]["secretKeyRef"]]
        }
        kept = {key: os.environ[key] for key in ("HOME", "PYTHONPATH") if key in os.environ}
        path = f"{here.parent}:{Path(sys.executable).parent}:/usr/bin:/bin"
        with open(self.folder / f"{name}.log", "wb") as log:
            is_lost = is_first or GPU in one["resources"]["requests"]
            self.pods[name] = subprocess.Popen(
                ["false"] if is_lost else [*one["command"], *one["args"]],
                cwd=here,
                env={**kept, **given, "PATH": path, "OMP_NUM_THREADS": "1"},
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    def status(self, name: str) -> dict[str, Any]:
        code = self.pods[name].poll()
        return {} if code is None else {"failed" if code else "succeeded": 1}


class Answer(BaseHTTPRequestHandler):
    server: Cluster

    def answer(self, content: dict[str, Any], code: int = 200) -> None:
        data = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/secrets"):
            values = {key: base64.b64decode(v).decode() for key, v in sent["data"].items()}
            self.server.secrets[sent["metadata"]["name"]] = values
        else:
            assert self.path == "/apis/batch/v1/namespaces/default/jobs"
            self.server.run(sent)
        self.answer(sent, 201)

    def do_GET(self) -> None:
        if found := re.search(r"/jobs/([^/]+)/status$", self.path):
            self.answer({"status": self.server.status(found[1])})
        else:
            assert "/pods?" in self.path
            self.answer({"items": []})

    def do_DELETE(self) -> None:
        self.answer({})

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    pytest.importorskip("snakemake_executor_plugin_kubernetes", reason="synther[kubernetes]")
    server = Cluster(tmp_path / "nodes")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "here", "cluster": {"server": url}}],
        "users": [{"name": "me", "user": {}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(content))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    yield server
    server.shutdown()
    server.server_close()


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", *arguments),
            *("--profile", "workflow/profiles/kubernetes"),
            *("--default-storage-prefix", "s3://experience/synther"),
        ],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
def test_jobs_run_as_pods_would(cluster: Cluster, bucket: Any, tmp_path: Path) -> None:
    folder = small(tmp_path / "run")
    done = run(folder, f"{HERE}/real-10pct/td3_bc/seeds-0-1.parquet", "--config", "device=cuda")
    logs = "".join(path.read_text() for path in cluster.folder.glob("*.log"))
    said = done.stdout + done.stderr + logs
    # The pod of both jobs that prepare data was lost, and made anew; no node has a GPU
    share = "results/quick/subsets/hopper-medium-local/10pct.npz"
    assert f"synther/{share}" in [one.key for one in bucket.objects.all()], said
    assert done.returncode == 1
    assert not (folder / "results").exists()
    made = [each["spec"]["template"]["spec"]["containers"][0] for each in cluster.jobs.values()]
    assert [GPU in one["resources"]["requests"] for one in made] == [False] * 2 + [True] * 3, said
    for job in cluster.jobs.values():
        assert_valid(job)
    asked = made[-1]["resources"]
    assert asked["limits"][GPU] == asked["requests"][GPU] == "1"
    assert asked["limits"]["memory"] == asked["requests"]["memory"]
    memory = [int(one["resources"]["requests"]["memory"].removesuffix("M")) for one in made[2:]]
    assert memory == sorted(set(memory))  # more at every attempt
    (secret,) = cluster.secrets.values()
    wanted = {"aws_endpoint_url", "aws_access_key_id", "aws_secret_access_key"}
    assert wanted < set(secret)
    assert secret["aws_secret_access_key"] not in json.dumps(cluster.jobs)


def assert_valid(job: dict[str, Any]) -> None:
    """Hold a manifest against the API's own types, which know no misspelt field."""
    from kubernetes import client

    api = client.ApiClient()
    read = api._ApiClient__deserialize(job, "V1Job")
    assert api.sanitize_for_serialization(read) == job


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
    profile = yaml.safe_load((PROFILE / "config.yaml").read_text())
    assert profile["container-image"].endswith(f":{project['version']}")
    for path in re.findall(r"^COPY (?!\. )(.*) \./$", text, re.M):
        assert all((ROOT / name).is_file() for name in path.split())


def test_containers_have_a_cache_without_a_home(tmp_path: Path) -> None:
    """Snakemake's lies in the home, which a pod's or a host's user may not have there."""
    assert "XDG_CACHE_HOME=/tmp/cache" in (ROOT / "Containerfile").read_text(encoding="utf-8")
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
