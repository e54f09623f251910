"""Tables of the page from the CSV of kinds whose figures other tests draw."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pandas as pd
import pytest
from synther.report.cells import Table

from synther.analysis import evaluations, summary_render, wall_time
from synther.analysis.online_spec import OnlineSpec
from synther.analysis.spec import DatasetRow
from synther.analysis.summary import summarise
from synther.analysis.summary_spec import SummarySpec
from synther.report import tables


def written(frame: pd.DataFrame, tmp_path: Path) -> pd.DataFrame:
    """Return a frame as it comes back from its CSV."""
    frame.to_csv(tmp_path / "table.csv", index=False)
    return pd.read_csv(tmp_path / "table.csv")


def texts(table: Table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


@pytest.fixture
def spec() -> SummarySpec:
    return SummarySpec(
        layout="aggregates",
        name="aggregates",
        title="Aggregates",
        preset="quick",
        budget="2 seeds",
        is_paper_protocol=False,
        is_evidence=False,
        agents={"td3_bc": "TD3+BC"},
        groups={"locomotion": [DatasetRow("hopper", "hopper")], "maze2d": [DatasetRow("m", "m")]},
        sources={"real": "real", "synther": "SynthER"},
        bootstrap_reps=20,
    )


@pytest.fixture
def rows() -> pd.DataFrame:
    entries = [
        ("quick", dataset, source, "td3_bc", seed, 1000, 0, 1.0, 9, score + seed)
        for dataset in ("hopper", "m")
        for source, score in (("real", 10.0), ("synther", 20.0))
        for seed in range(2)
    ]
    names = ["preset", "dataset", "source", "agent", "seed", "step", "episode"]
    return evaluations.means(pd.DataFrame(entries, columns=[*names, "return", "length", "score"]))


def test_aggregates_lead_to_all_runs_behind_them(
    spec: SummarySpec, rows: pd.DataFrame, tmp_path: Path
) -> None:
    frame = written(summary_render.tidy(summarise(spec, rows)), tmp_path)
    (table,) = tables.make(frame, json.loads(json.dumps(spec.to_dict())))
    found = texts(table)
    assert found[0][:4] == ["TD3+BC", "overall (2)", "real", "2"]
    assert found[1][4].startswith("20.5")
    assert table.rows[0][4].keys == ("hopper|real|td3_bc", "m|real|td3_bc")
    assert table.rows[2][4].keys == ("hopper|real|td3_bc",)
    heads = [column.head for column in table.columns]
    assert "IQM, best of the last ten" in heads
    better = heads.index("P(better)")
    assert (found[0][better], found[1][better][:4]) == ("—", "1.00")


def test_profiles_and_curves_are_thinned(
    spec: SummarySpec, rows: pd.DataFrame, tmp_path: Path
) -> None:
    for layout, head in (("profiles", "Share above"), ("curves", "IQM of scores")):
        own = dataclasses.replace(spec, layout=layout)
        frame = written(summary_render.tidy(summarise(own, rows)), tmp_path)
        (table,) = tables.make(frame, own.to_dict() | {"groups": _plain(own)})
        assert table.columns[-1].head == head
        assert 0 < len(table.rows) <= len(frame)
        assert all(row[-1].keys for row in table.rows)


def _plain(spec: SummarySpec) -> dict[str, list[dict[str, str]]]:
    return {group: [dataclasses.asdict(row) for row in own] for group, own in spec.groups.items()}


def test_wall_time_by_job(tmp_path: Path) -> None:
    record = tmp_path / "run.json"
    parts = dict.fromkeys(wall_time.PARTS, 20.0)
    content = {"task": "hopper", "agent": "sac", "preset": "quick", "seeds": [0, 1]}
    content |= {"settings": {"steps": 500}, "seconds": parts, "wall_time_s": 130.0}
    record.write_text(json.dumps(content | {"hardware": {"cpu": "a processor"}}))
    spec = OnlineSpec(
        layout="wall_time",
        name="wall_time",
        title="Wall time",
        preset="quick",
        budget="2 seeds",
        is_paper_protocol=False,
        is_evidence=False,
        agents={"sac": "SAC"},
        tasks=["hopper"],
        records=[str(record)],
    )
    frame = written(wall_time.tidy(wall_time.collect(spec)), tmp_path)
    (table,) = tables.make(frame, spec.to_dict())
    assert texts(table)[0] == [*("hopper", "SAC", "2", "500", "1.7 min", "10.0"), *["20.0"] * 5]
    assert table.rows[0][4].keys == ("hopper|online|sac",)
