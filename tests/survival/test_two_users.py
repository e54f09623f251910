"""What docs/hpc.md offers for several users, tried by a second one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
NOBODY = 65534
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root becomes another user"
)
CLAIM = """
import sys
from synther.jobs.devices import claim_gpu, lock_folder
print(claim_gpu(["a", "b"], lock_folder())[0], flush=True)
sys.stdin.read()
"""
MAKE = """
import sys
from synther.jobs.files import claimed
with claimed(sys.argv[1]) as path:
    path.write_text("whole")
"""


def other_user(*command: object) -> list[str]:
    """Return a command as another user runs it, who may read everything and write nothing."""
    reads = "+dac_read_search"  # wherever this Python lies
    return [
        *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
        *(f"--inh-caps={reads}", f"--ambient-caps={reads}", f"--bounding-set=-all,{reads}"),
        *map(str, command),
    ]


@pytest.fixture
def shared_folder(tmp_path: Path) -> Path:
    """A folder that all users write in, below ones that only its maker can change."""
    folder = tmp_path / "everyone"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


def variables(**more: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(REPOSITORY), "HOME": "/nonexistent"} | more


def test_gpus_are_shared_out_among_users(shared_folder):
    environment = variables(SYNTHER_GPU_LOCKS=str(shared_folder / "locks"))
    started = []
    for command in ((sys.executable, "-c", CLAIM), other_user(sys.executable, "-c", CLAIM)):
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        started.append((process, process.stdout.readline().strip()))
    assert [index for _, index in started] == ["0", "1"]
    for process, _ in started:
        process.communicate("")


def test_what_one_user_s_killed_job_left_does_not_stop_another_s(shared_folder):
    out = shared_folder / "rows.parquet"
    (shared_folder / ".rows.parquet.lock").write_text("process 7 on node1")
    done = subprocess.run(
        other_user(sys.executable, "-c", MAKE, out), env=variables(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert out.read_text() == "whole"


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="no checkout")
def test_the_commit_of_another_user_s_checkout_is_told():
    code = "from synther.jobs import provenance; print(provenance.commit())"
    told = [
        subprocess.run(
            command, env=variables(), capture_output=True, text=True, check=True, cwd="/"
        ).stdout
        for command in ((sys.executable, "-c", code), other_user(sys.executable, "-c", code))
    ]
    assert told[0] == told[1] != "unknown\n"


def test_results_of_another_user_can_be_listed_and_verified():
    for arguments in (
        ("status", "--preset", "quick"),
        ("plan", "--preset", "quick"),
        ("compare", "results/reference", "paper", "--reps", "10"),
        ("verify", "--no-checksums"),
    ):
        done = subprocess.run(
            other_user(sys.executable, "-m", "synther.cli", *arguments),
            env=variables(),
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (arguments, done.stderr)


def test_who_may_not_write_where_nothing_ever_ran_is_told(tmp_path):
    for name in ("config", "workflow", "profiles", "Snakefile"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    done = subprocess.run(
        other_user(sys.executable, "-m", "synther.cli", "plan", "--preset", "quick"),
        env=variables(SYNTHER_CONFIG=str(REPOSITORY / "config")),
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert ".snakemake can't be written" in done.stderr
    assert "Traceback" not in done.stderr
