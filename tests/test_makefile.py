"""`make environment`, with a Python that is pretended: in any folder, after any first try."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
MAKE = shutil.which("make")
pytestmark = pytest.mark.skipif(MAKE is None, reason="no make")
# A Python of the version that its own name, or its environment's pyvenv.cfg, says.
PRETENDED = f"""#!{sys.executable}
import os, pathlib, re, shutil, sys
place = pathlib.Path(sys.argv[0]).absolute()
config = place.parents[1] / "pyvenv.cfg"
version = config.read_text() if config.exists() else re.search(r"3\\.\\d+", place.resolve().name)[0]
sys.version_info = (*map(int, version.split(".")), 0)
match sys.argv[1:]:
    case ["--version"]:
        print("Python", version)
    case ["-c", code]:
        if "import pip" in code and not (place.parents[1] / "has-pip").exists():
            sys.exit(1)
        exec(code)
    case ["-m", "venv", folder]:
        bin = pathlib.Path(folder) / "bin"
        bin.mkdir(parents=True, exist_ok=True)
        (bin.parent / "pyvenv.cfg").write_text(version)
        if os.environ.get("BREAKS") == "venv":
            sys.exit(1)
        (bin.parent / "has-pip").touch()
        if not (bin / "python").exists():  # as venv does, it leaves what there is
            shutil.copy(place, bin / "python")
    case ["-m", "pip", "install", *what]:
        if os.environ.get("BREAKS") == "pip" or "PIP_USER" in os.environ:
            sys.exit(1)
        (place.parent / "synther").write_text(f"#!{{place}}")
        with open(place.parents[1] / "installed", "a") as log:
            log.write(what[-1] + "\\n")
"""


@pytest.fixture(params=["plain", "it's a folder"])
def checkout(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    folder = tmp_path / request.param
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, folder)
    here = tmp_path / "bin"
    here.mkdir()
    for version in ("3.8", "3.12", "3.13"):
        path = here / f"python{version}"
        path.write_text(PRETENDED, encoding="utf-8")
        path.chmod(0o755)
    (here / "python3").symlink_to("python3.12")
    return folder


def environment(folder: Path, *words: str, breaks: str = "") -> subprocess.CompletedProcess[str]:
    path = f"{folder.parent / 'bin'}{os.pathsep}{os.environ['PATH']}"
    ours = {k: v for k, v in os.environ.items() if k not in ("PYTHON", "VENV", "EXTRAS")}
    return subprocess.run(
        [str(MAKE), "environment", *words],
        cwd=folder,
        env=ours | {"PATH": path, "BREAKS": breaks, "PIP_USER": "1"},
        capture_output=True,
        text=True,
    )


def version(folder: Path) -> str:
    return (folder / ".venv/pyvenv.cfg").read_text(encoding="utf-8")


def installed(folder: Path) -> list[str]:
    return (folder / ".venv/installed").read_text(encoding="utf-8").splitlines()


def test_it_is_made_once_and_kept(checkout):
    named = environment(checkout, "PYTHON=python3.13", "EXTRAS=dev")
    assert named.returncode == 0, named.stderr
    assert version(checkout) == "3.13"
    for again in ((), ("PYTHON=python3.13",)):
        assert "Nothing to be done" in environment(checkout, "EXTRAS=dev", *again).stdout
    assert environment(checkout, "EXTRAS=dev,wandb").returncode == 0
    assert version(checkout) == "3.13"  # what is whole stays
    assert installed(checkout) == [".[dev]", ".[dev,wandb]"]


def test_a_python_that_is_too_old_is_named(checkout):
    done = environment(checkout, "PYTHON=python3.8")
    assert done.returncode != 0
    assert "Python 3.11 or later is needed; python3.8 is: Python 3.8" in done.stderr
    assert not (checkout / ".venv").exists()
    done = environment(checkout, "PYTHON=python9")
    assert "Python 3.11 or later is needed; python9 is" in done.stderr


def test_what_an_old_python_left_decides_nothing(checkout):
    subprocess.run([checkout.parent / "bin/python3.8", "-m", "venv", checkout / ".venv"])
    assert environment(checkout).returncode == 0
    assert version(checkout) == "3.12"


@pytest.mark.parametrize("breaks", ["venv", "pip"])
def test_what_a_broken_try_left_decides_nothing(checkout, breaks):
    assert environment(checkout, breaks=breaks).returncode != 0
    done = environment(checkout)
    assert done.returncode == 0, done.stderr
    assert len(installed(checkout)) == 1


def test_another_python_that_is_named_is_taken(checkout):
    assert environment(checkout).returncode == 0
    assert environment(checkout, "PYTHON=python3.13").returncode == 0
    assert version(checkout) == "3.13"
    assert len(installed(checkout)) == 1  # anew


def test_a_copy_of_the_checkout_makes_its_own(checkout):
    assert environment(checkout).returncode == 0
    copy = checkout.with_name("a copy")
    shutil.copytree(checkout, copy, symlinks=True)
    assert environment(copy).returncode == 0
    assert str(copy) in (copy / ".venv/bin/synther").read_text(encoding="utf-8")


def test_the_version_is_pyproject_s():
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    major, minor = re.search(r"version_info < \((\d+), (\d+)\)", makefile).groups()
    assert project["requires-python"] == f">={major}.{minor}"
    assert f"Python {major}.{minor} or later" in makefile
