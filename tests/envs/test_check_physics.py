"""`make check-physics`: the comparison on recordings that are here, and that it skips in words."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "tests/envs/check_physics.py"


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("check_physics", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_recordings_agree(script, recordings, capsys):
    assert script.main(["compare", str(recordings)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("agrees") == 2
    assert "Hopper-v2" in printed
    assert "HalfCheetah-v2" in printed


def test_another_physics_differs(script, recordings, tmp_path, capsys):
    with np.load(recordings / "Hopper-v2.npz") as archive:
        arrays = dict(archive)
    arrays["0/qvel"][50, 1] += 1e-4
    np.savez(tmp_path / "Hopper-v2.npz", **arrays)
    assert script.main(["compare", str(tmp_path)]) == 1
    assert "DIFFERS" in capsys.readouterr().out


def test_no_recordings_is_a_failure(script, tmp_path, capsys):
    assert script.main(["compare", str(tmp_path)]) == 1
    assert "no recordings" in capsys.readouterr().out


def test_without_such_a_python_it_says_so(script, monkeypatch, tmp_path, capsys):
    broken = tmp_path / "python3.10"  # as a shim of pyenv fails
    broken.write_text("#!/bin/sh\nexit 127\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert script.main([]) == 0
    assert "skipped" in capsys.readouterr().out


def test_unknown_arguments_print_the_usage(script, capsys):
    assert script.main(["rekord", "x"]) == 2
    assert "check_physics.py record FOLDER" in capsys.readouterr().out
