"""The page of made-up results, made once."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
from checkout import BUILT, MADE, make_results

from synther.cli import main
from synther.experiments import Experiments
from synther.experiments.kinds import make_sheet
from synther.sheets import writers

DOCUMENTED = (Path(__file__).parents[2] / "docs/verdict.md").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with made-up results, their tables and figures, and the page."""
    folder = tmp_path_factory.mktemp("checkout")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        make_results(folder, [*MADE, "vd4rl"])
        matrix = Experiments("quick")
        for name in BUILT:
            plan = matrix.plan(name)
            spec = dataclasses.replace(plan.describe(), bootstrap_reps=40)
            paths = [path for path in plan.results() if Path(path).is_file()]
            writers.write(make_sheet(spec, paths), Path(matrix.figure(name)))
        commands = re.findall(r"^\$ synther ([^#\n]*)", DOCUMENTED, re.M)
        assert [command.split()[0] for command in commands] == ["table", "report"]
        for command in commands:  # the claims, and the page
            assert main(command.split()) == 0
    return folder


@pytest.fixture(scope="session")
def page(checkout: Path) -> str:
    return (checkout / "figures/quick/report.html").read_text()


@pytest.fixture(scope="session")
def data(page: str) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    assert found
    return json.loads(found[1])
