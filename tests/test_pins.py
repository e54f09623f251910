"""What holds the repository itself together: pins, sizes, and no path of one machine."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[1]


def project() -> dict:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def pins() -> dict[str, str]:
    """Return every pinned package of pyproject.toml and its version."""
    stated = [*project()["dependencies"], *project()["optional-dependencies"]["dev"]]
    return dict(line.split("==") for line in stated)


def tracked(pattern: str = "*") -> list[Path]:
    try:
        listed = subprocess.run(
            ["git", "-C", str(REPOSITORY), "ls-files", "--", pattern],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    return [path for line in listed.splitlines() if (path := REPOSITORY / line).is_file()]


def test_every_dependency_is_pinned() -> None:
    assert len(pins()) > 15
    for version in pins().values():
        assert re.fullmatch(r"\d+(\.\d+)+", version)


def test_what_is_optional_is_pinned_too_and_no_dependency() -> None:
    optional = project()["optional-dependencies"]
    assert all("==" in line for lines in optional.values() for line in lines)
    assert {line.partition("==")[0] for line in optional["ctgan"]} == {"ctgan", "sdmetrics"}
    assert not {"ctgan", "sdmetrics"} & set(pins())  # not open source


def test_mujoco_py_and_d4rl_are_not_needed() -> None:
    named = {line.partition("==")[0].lower() for line in project()["dependencies"]}
    assert not named & {"mujoco-py", "d4rl", "gym"}
    for path in (REPOSITORY / "synther").rglob("*.py"):
        imports = re.findall(r"^\s*(?:import|from)\s+(\w+)", path.read_text("utf-8"), re.MULTILINE)
        assert not {"mujoco_py", "d4rl", "gym"} & set(imports), path


def test_conda_users_get_the_same_versions() -> None:
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
    python, _, inner = environment["dependencies"]
    assert dict(line.split("==") for line in inner["pip"]) == pins()
    assert project()["requires-python"] == f">={python.removeprefix('python=')}"


def test_versions_that_would_break_others_are_avoided() -> None:
    assert int(pins()["mujoco"].split(".")[0]) < 4  # dm_control
    assert int(pins()["pandas"].split(".")[0]) < 3  # rliable's arch


def test_no_tracked_file_knows_one_machine() -> None:
    place = "/".join(["", "work", ""])
    found = [path for path in tracked() if place.encode() in path.read_bytes()]
    assert not found


def test_python_files_stay_readable() -> None:
    files = {*REPOSITORY.glob("synther/**/*.py"), *REPOSITORY.glob("tests/**/*.py")}
    assert len(files) > 40
    long = {str(path): n for path in files if (n := len(path.read_text().splitlines())) > 400}
    assert not long


def test_the_entry_point_exists() -> None:
    module, _, name = project()["scripts"]["synther"].partition(":")
    import importlib

    assert callable(getattr(importlib.import_module(module), name))


def test_no_two_test_modules_have_one_name() -> None:
    """pytest imports them by it alone."""
    names = [path.name for path in (REPOSITORY / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
