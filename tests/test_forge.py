"""The forge does nothing that cannot be done at home, and its forms are what they claim to be."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[1]
GITHUB = REPOSITORY / ".github"


def read(path: Path) -> dict[str, Any]:
    # `on:` is a boolean to YAML 1.1, and no key that is looked at here
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def targets() -> set[str]:
    """Return the Makefile's phony targets."""
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    return set(re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[1].split())


@pytest.mark.parametrize("file", sorted((GITHUB / "workflows").glob("*.yml")), ids=lambda p: p.name)
def test_every_step_is_a_target_of_the_makefile(file: Path) -> None:
    jobs = read(file)["jobs"]
    assert jobs
    for job in jobs.values():
        commands = [step["run"] for step in job["steps"] if "run" in step]
        assert any(command.startswith("make ") for command in commands)
        for command in commands:
            program, *words = command.split()
            if program != "make":
                assert command.startswith("sudo apt-get update && sudo apt-get install"), command
                continue
            assert set(words) <= targets(), command


def test_the_pythons_that_are_tested_are_those_that_are_promised() -> None:
    matrix = read(GITHUB / "workflows/checks.yml")["jobs"]["test"]["strategy"]["matrix"]
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    promised = [
        found[1]
        for line in project["classifiers"]
        if (found := re.fullmatch(r"Programming Language :: Python :: (\d+\.\d+)", line))
    ]
    assert matrix["python"] == promised
    assert project["requires-python"] == f">={promised[0]}"


def test_pre_commit_runs_what_make_lint_runs() -> None:
    (repository,) = read(REPOSITORY / ".pre-commit-config.yaml")["repos"]
    assert [hook["entry"] for hook in repository["hooks"]] == ["make lint"]


@pytest.mark.parametrize(
    ("form", "wanted"),
    [("wrong_number", "synther compare"), ("failed_run", "The .json beside the result")],
)
def test_forms_ask_for_what_settles_a_report(form: str, wanted: str) -> None:
    content = read(GITHUB / f"ISSUE_TEMPLATE/{form}.yml")
    assert {"name", "description", "body"} <= set(content)
    names = [field["id"] for field in content["body"]]
    assert len(names) == len(set(names))
    assert wanted in str(content["body"])
    assert any(field.get("validations", {}).get("required") for field in content["body"])


def test_no_update_is_proposed_that_would_break_others() -> None:
    updates = read(GITHUB / "dependabot.yml")["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"pip", "github-actions"}
    ignored = {i["dependency-name"] for update in updates for i in update.get("ignore", [])}
    assert ignored == {"mujoco", "pandas"}  # test_pins.py says why
