"""Cores: the least of affinity and quotas. Mathematics: one thread until the work is worth more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from synther.agents.td3_bc import TD3BC, TD3BCSettings
from synther.cli import verbs
from synther.generators.diffusion import DiffusionSettings
from synther.generators.diffusion.denoiser import ResidualMLP
from synther.jobs import threads

V2 = "30 25 0:26 {root} {folder} rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
V1 = "31 25 0:27 {root} {folder} rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct"


def _machine(tmp_path: Path, groups: str, mount: str, root: str = "/") -> tuple[Path, Path]:
    """Return a pretended /proc/self, and where its cgroups are mounted."""
    folder = tmp_path / "cgroup"
    folder.mkdir()
    (tmp_path / "cgroup.txt").write_text(groups)
    proc = tmp_path / "self"
    proc.mkdir()
    (proc / "cgroup").write_text(groups)
    (proc / "mountinfo").write_text(
        "22 25 0:21 / /proc rw - proc proc rw\n" + mount.format(root=root, folder=folder) + "\n"
    )
    return proc, folder


def _limit(group: Path, version: int, quota: str, period: str = "100000") -> None:
    group.mkdir(parents=True, exist_ok=True)
    if version == 2:
        (group / "cpu.max").write_text(f"{quota} {period}\n")
    else:
        (group / "cpu.cfs_quota_us").write_text(f"{quota}\n")
        (group / "cpu.cfs_period_us").write_text(f"{period}\n")


def test_a_quota_above_the_own_group_counts(tmp_path):
    proc, folder = _machine(tmp_path, "0::/slurm/job_7/step_0\n", V2)
    _limit(folder / "slurm/job_7/step_0", 2, "max")
    _limit(folder / "slurm/job_7", 2, "250000")
    _limit(folder / "slurm", 2, "800000")
    assert list(threads._quotas(proc)) == [2.5, 8.0]


def test_version_1_in_a_container_whose_mount_is_its_own_group(tmp_path):
    groups = "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n0::/system.slice\n"
    proc, folder = _machine(tmp_path, groups, V1, root="/docker/abc")
    _limit(folder, 1, "150000")
    assert list(threads._quotas(proc)) == [1.5]


def test_without_a_limit_or_without_proc_there_is_no_quota(tmp_path):
    proc, folder = _machine(tmp_path, "4:cpu,cpuacct:/\n", V1)
    _limit(folder, 1, "-1")
    assert list(threads._quotas(proc)) == []
    assert list(threads._quotas(tmp_path / "none")) == []


@pytest.mark.parametrize(("quota", "cores"), [(0.5, 1), (1.0, 1), (1.9, 1), (2.0, 2), (64.0, 3)])
def test_cores_are_the_smaller_of_affinity_and_quota(monkeypatch, quota, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2})
    monkeypatch.setattr(threads, "_quotas", lambda: iter([16.0, quota]))
    assert threads.cores() == cores


def test_every_verb_and_simulator_counts_cores_so(monkeypatch):
    from synther.envs import make_batched_env

    monkeypatch.setattr(threads, "_quotas", lambda: iter([1.0]))
    assert verbs.parse(["plan"])[1].cores == 1
    assert verbs.parse(["train", "--data", "x", "--out", "y"])[1].training.threads == 1
    assert verbs.parse(["bench"])[1].computing.threads == 1
    assert make_batched_env("hopper", 4).threads == 1


@pytest.mark.parametrize(
    ("seeds", "width", "allowed", "expected"),
    [
        (1, 64, 16, 1),  # 4 MFLOP
        (1, 256, 16, 2),  # 67
        (8, 256, 16, 16),  # 537
        (8, 256, 2, 2),
    ],
)
def test_agents_get_the_threads_that_their_products_are_worth(seeds, width, allowed, expected):
    agent = TD3BC(17, 6, range(seeds), TD3BCSettings(hidden=(width, width)))
    operations = threads.largest_product(agent, 256)
    assert operations == 2 * 256 * seeds * 2 * width**2  # two critics
    assert threads.worth(operations, allowed) == expected


def test_a_denoiser_counts_a_layer_and_not_all_of_them():
    network = ResidualMLP(27, DiffusionSettings(width=128))
    assert network.operations(256) == 2 * 256 * 128 * 128
    assert threads.worth(network.operations(256), 8) == 1
    assert threads.worth(ResidualMLP(27, DiffusionSettings(width=1024)).operations(256), 8) == 8


def test_mathematics_has_one_thread_but_for_large_products_on_the_cpu(monkeypatch):
    monkeypatch.setattr(threads, "_granted", None)
    before = torch.get_num_threads()
    try:
        threads.grant(2)
        assert torch.get_num_threads() == 1
        with threads.mathematics(1 << 30):
            assert torch.get_num_threads() == 2
            with threads.mathematics():  # an evaluation within
                assert torch.get_num_threads() == 1
            assert torch.get_num_threads() == 2
        with threads.mathematics(1 << 30, "cuda:0"):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


CHILD = """
import json, os, time
{first}
import torch
torch.set_num_threads(2)
a = torch.randn(300, 300)
a @ a
others = 0.0
for _ in range(15):
    a @ a
    cpu, own = time.process_time(), time.thread_time()
    time.sleep(0.1)
    others += time.process_time() - cpu - (time.thread_time() - own)
print(json.dumps([os.environ.get("OMP_WAIT_POLICY"), others]))
"""


def _waiting(first: str, **variables: str) -> tuple[str, float]:
    """Return the policy, and the processor's seconds of a second thread with nothing to do."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", CHILD.format(first=first)],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    policy, seconds = json.loads(done.stdout)
    return policy, seconds


def test_threads_that_wait_sleep_in_a_program_that_imports_the_package():
    policy, asleep = _waiting("import synther")
    assert policy == "PASSIVE"
    policy, spinning = _waiting("import synther", OMP_WAIT_POLICY="ACTIVE")
    assert policy == "ACTIVE"  # as it was asked for
    assert 5 * asleep < spinning
