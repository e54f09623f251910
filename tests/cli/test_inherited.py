"""Variables that were set for other programs end no job and change no number and no record."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from small import SMALL

from synther.envs import pixels
from synther.errors import SyntherError
from synther.jobs import inherited, provenance

REPOSITORY = Path(__file__).parents[2]
FOREIGN = {
    "ATEN_CPU_CAPABILITY": "default",  # other bits
    "GIT_DIR": "/nonexistent",
    "HDF5_DRIVER": "foo",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "MUJOCO_GL": "foo",
    "NUMPY_MADVISE_HUGEPAGE": "foo",
    "OMP_NUM_THREADS": "foo",
    "OMP_THREAD_LIMIT": "1",
    "PANDAS_DATA_MANAGER": "foo",
    "PYOPENGL_PLATFORM": "foo",
    "PYTHONIOENCODING": "ascii",
    "SOURCE_DATE_EPOCH": "foo",
    "TORCH_LOGS": "foo",
}


def _synther(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "synther.cli", *map(str, arguments)],
        env={**os.environ, **variables},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )


def test_a_run_is_the_same_whatever_was_set_for_others(hopper, tmp_path):
    made = {}
    for name, variables in (("quiet", {}), ("foreign", FOREIGN)):
        out = tmp_path / name / "rows.parquet"
        wanted = ["--task", "hopper", "--data", hopper, "--agent", "bc", "--seeds", "0", *SMALL]
        done = _synther(
            *("train", *wanted, "--device", "cpu", "--threads", "2", "--out", out), **variables
        )
        assert done.returncode == 0, done.stderr
        record = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
        for measured in ("wall_time_s", "seed_updates_per_s"):
            del record[measured]
        made[name] = (out.read_bytes(), record)
    assert made["foreign"] == made["quiet"]


def test_states_of_dm_control_need_no_renderer(tmp_path):
    small = [f"--set={text}" for text in ("steps=8", "random_steps=4", "eval_every=8")]
    small += [f"--set={text}" for text in ("eval_episodes=1", "hidden=[8]", "batch_size=8")]
    out = tmp_path / "rows.parquet"
    wanted = ["--task", "dmc-pendulum-swingup", "--agent", "sac", "--seeds", "0", *small]
    done = _synther(
        *("online", *wanted, "--device", "cpu", "--threads", "1", "--out", out),
        MUJOCO_GL="EGL",  # dm_control knows egl alone
        PYOPENGL_PLATFORM="osmesa",
    )
    assert done.returncode == 0, done.stderr


def test_a_figure_is_drawn_whatever_was_set_for_others(tmp_path):
    wanted = ["table", "--preset", "reference", "--experiment", "table1"]
    for name, variables in (("quiet", {}), ("foreign", FOREIGN)):
        done = _synther(*wanted, "--out", tmp_path / name / "table", **variables)
        assert done.returncode == 0, done.stderr
    for path in (tmp_path / "quiet").iterdir():
        assert path.read_bytes() == (tmp_path / "foreign" / path.name).read_bytes(), path.name


def test_the_library_takes_no_renderer_that_nobody_knows():
    code = "from synther import make_env; make_env('dmc-pendulum-swingup', 1)"
    for named in ("foo", "EGL"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "MUJOCO_GL": named, "PYOPENGL_PLATFORM": "foo"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr


def test_what_is_kept():
    given = {"CUDA_VISIBLE_DEVICES": "1", "HDF5_USE_FILE_LOCKING": "FALSE", "PATH": "/bin"}
    given |= {"PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True", "SYNTHER_MIRROR": "/data"}
    assert inherited.own(given | {"PYTORCH_JIT": "0", "TORCH_LOGS": "foo"}) == given


@pytest.mark.parametrize("variable", ["GIT_DIR", "GIT_WORK_TREE"])
def test_the_commit_is_the_code_s(monkeypatch, tmp_path, variable):
    here = provenance.commit.__wrapped__()
    if here == "unknown":
        pytest.skip("no checkout, or no git")
    monkeypatch.setenv(variable, str(tmp_path))
    assert provenance.commit.__wrapped__() == here


def test_a_named_renderer_is_tried_before_it_is_used(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "foo")
    pixels.find_backend.cache_clear()
    with pytest.raises(SyntherError, match="Unset MUJOCO_GL=foo, or name another"):
        pixels.find_backend()
    pixels.find_backend.cache_clear()


def test_a_renderer_s_device_that_is_none_is_named(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", " EGL ")
    monkeypatch.setenv("MUJOCO_EGL_DEVICE_ID", "gpu")
    pixels.find_backend.cache_clear()
    with pytest.raises(SyntherError, match="MUJOCO_GL=egl and MUJOCO_EGL_DEVICE_ID=gpu"):
        pixels.find_backend()
    pixels.find_backend.cache_clear()
