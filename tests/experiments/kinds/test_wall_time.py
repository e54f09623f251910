"""Wall time by hand, from records that runs leave."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from result_rows import described

from synther.errors import SyntherError
from synther.experiments import Experiments
from synther.experiments.kinds import make_sheet
from synther.experiments.kinds import sheet_of as sheet
from synther.experiments.kinds.spec import DatasetRow
from synther.experiments.kinds.wall_time.numbers import PARTS, measure, read
from synther.experiments.kinds.wall_time.plan import WallTimeSpec
from synther.sheets import writers


def record(task: str, agent: str, wall: float, seconds: dict[str, float]) -> dict[str, Any]:
    return {
        "task": task,
        "agent": agent,
        "preset": "quick",
        "seeds": [0, 1],
        "settings": {"steps": 1000},
        "seconds": dict.fromkeys(PARTS, 0.0) | seconds,
        "wall_time_s": wall,
        "hardware": {"cpu": "some CPU", "device": "cpu"},
    }


@pytest.fixture
def rows(tmp_path: Path) -> list[Path]:
    """Paths of the rows of two runs, of which only the records are there."""
    content = [
        record("hopper", "sac", 12.0, {"simulator": 2.5, "agent": 7.5}),
        record("hopper", "redq", 110.0, {"agent": 90.0, "simulator": 10.0}),
    ]
    for one in content:
        (tmp_path / f"{one['agent']}.json").write_text(json.dumps(one))
    return [tmp_path / f"{one['agent']}.parquet" for one in content]


@pytest.fixture
def spec(tmp_path: Path) -> WallTimeSpec:
    return described(
        WallTimeSpec,
        "wall_time",
        agents={"sac": "SAC", "redq": "REDQ"},
        groups={"gym": [DatasetRow(task, task) for task in ("walker2d", "hopper")]},
        records=[str(tmp_path / f"{name}.json") for name in ("sac", "redq", "none")],
    )


def test_wall_time_says_where_it_went(spec: WallTimeSpec, rows: list[Path], tmp_path: Path) -> None:
    table = measure(spec, read([*rows, tmp_path / "none.parquet"]))
    assert table.omissions == [f"No record {tmp_path / 'none.json'}."]
    made = sheet(table)
    assert made.tidy["other_s"] == [2.0, 10.0]
    found = [[cell.text for cell in row.cells] for row in made.tables[0].rows]
    assert found[0][:6] == ["hopper", "SAC", "2", "1,000", "10 s", "200.0"]
    assert found[0][6:] == ["25.0", "75.0", "0.0", "0.0", "0.0"]
    assert found[1][4] == "1.7 min"
    assert found[2][0] == "all tasks"
    assert [row.is_total for row in made.tables[0].rows] == [False, False, True, True]
    assert made.tables[0].rows[0].cells[4].runs == ("hopper|online|sac",)


def test_every_format_is_written(spec: WallTimeSpec, rows: list[Path], tmp_path: Path) -> None:
    written = writers.write(make_sheet(spec, rows), tmp_path / "w")
    assert all(path.stat().st_size > 200 for path in written)
    tex = (tmp_path / "w.tex").read_text()
    assert r"\midrule" + "\n" + r"\textbf{all tasks} & \textbf{SAC}" in tex
    assert " & " + r"\textbf{REDQ}" in tex  # a name once, where it begins
    assert tex.count("all tasks") == 1


def test_damaged_records_are_named(spec: WallTimeSpec, rows: list[Path], tmp_path: Path) -> None:
    path = rows[0].with_suffix(".json")
    content = json.loads(path.read_text())
    for change, words in (
        ({"seconds": {"agent": 1.0}}, "lacks simulator"),
        ({"settings": 3}, "is damaged"),
        ({"preset": "paper"}, "is of preset paper, not of quick"),
    ):
        path.write_text(json.dumps(content | change))
        with pytest.raises(SyntherError, match=rf"sac\.json {words}"):
            measure(spec, read(rows))
    path.write_text("{}")
    with pytest.raises(SyntherError, match="lacks seconds"):
        measure(spec, read(rows))
    elsewhere = dataclasses.replace(spec, groups={"gym": spec.groups["gym"][:1]})
    for wanted, given in ((spec, []), (elsewhere, rows[1:])):
        with pytest.raises(SyntherError, match="none of the 3 records"):
            measure(wanted, read(given))


def test_the_plan_asks_for_the_records_of_its_runs() -> None:
    plan = Experiments("quick").plan("wall_time")
    records = [path.replace(".parquet", ".json") for path in plan.results()]
    assert plan.inputs() == [*plan.results(), *records]
