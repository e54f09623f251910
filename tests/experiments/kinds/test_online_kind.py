"""Online figures: their numbers by hand, their tables, and what they refuse."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synther.errors import SyntherError
from synther.experiments.kinds import sheet_of as sheet
from synther.experiments.kinds.online.numbers import measure
from synther.experiments.kinds.online.plan import OnlineSpec
from synther.experiments.kinds.spec import DatasetRow, Numbers, PaperColumns
from synther.sheets import writers
from synther.sheets.sheet import Sheet
from synther.sheets.writers import markdown

TASKS = ["dmc-cheetah-run", "hopper"]
AGENTS = {"sac": "SAC", "redq": "REDQ", "sac_synther": "SAC (SynthER)"}
FIELDS: dict[str, Any] = {
    "name": "online",
    "title": "Online",
    "preset": "quick",
    "budget": "tiny",
    "is_paper_protocol": False,
    "is_evidence": False,
    "agents": AGENTS,
    "groups": {"tasks": [DatasetRow(t, t, t.removeprefix("dmc-")) for t in TASKS]},
    "bootstrap_reps": 200,
}


@pytest.fixture
def spec() -> OnlineSpec:
    return OnlineSpec(**FIELDS)


@pytest.fixture
def sweep() -> OnlineSpec:
    agents = {"a20": "SAC (SynthER)", "a1": "SAC (SynthER), UTD 1", "redq": "REDQ"}
    ratios = {"a20": 20, "a1": 1}
    return OnlineSpec(**FIELDS | {"agents": agents}, ratios=ratios, reference=["redq"])


def value(task: str, agent: str, seed: int, step: int, episode: float) -> float:
    """Return a return that tells them all apart; scores are a tenth of it."""
    rank = list(AGENTS).index(agent) if agent in AGENTS else 5
    return 100.0 * rank + 10 * seed + step / 100 + episode + (7 if task == "hopper" else 0)


def results(
    tasks: list[str] = TASKS,
    agents: tuple[str, ...] = tuple(AGENTS),
    seeds: int = 3,
    budget: dict[str, tuple[int, ...]] | None = None,
    preset: str = "quick",
) -> pd.DataFrame:
    rows = [
        {
            "preset": preset,
            "dataset": task,
            "source": "online",
            "agent": agent,
            "seed": seed,
            "step": step,
            "episode": episode,
            "return": value(task, agent, seed, step, episode),
            "length": 1000,
            "score": value(task, agent, seed, step, episode) / 10,
        }
        for task in tasks
        for agent in agents
        for seed in range(seeds)
        for step in (budget or {}).get(task, (500, 1000))
        for episode in (0, 1)
    ]
    return pd.DataFrame(rows)


def rows_of(found: Numbers, row: str, task: str, agent: str) -> pd.DataFrame:
    frame = found.frame
    return frame[(frame["row"] == row) & (frame["task"] == task) & (frame["agent"] == agent)]


def panels(found: Numbers) -> list[str]:
    points = found.frame[found.frame["row"] == "point"]
    return points["task"].drop_duplicates().tolist()


def test_lines_and_tables_are_means_over_episodes_and_seeds(spec: OnlineSpec) -> None:
    found = measure(spec, results())
    assert panels(found) == [*TASKS, ""]
    line = rows_of(found, "point", TASKS[0], "redq")
    assert line["x"].tolist() == [500, 1000]
    # 100 + (0 + 10 + 20) / 3 + step / 100 + (0 + 1) / 2
    assert line["value"].tolist() == pytest.approx([115.5, 120.5])
    np.testing.assert_allclose(line["each"].iloc[1], [110.5, 120.5, 130.5])
    assert line["value"].between(line["low"], line["high"]).all()
    (final,) = rows_of(found, "final", "hopper", "redq").itertuples()
    assert final.value == pytest.approx(127.5)
    assert final.std == pytest.approx(10.0)
    assert rows_of(found, "mean", "hopper", "redq")["value"].tolist() == pytest.approx([125.0])


def test_tasks_with_other_budgets_meet_at_shares_of_them(spec: OnlineSpec) -> None:
    budget = {"dmc-cheetah-run": (500, 1000, 1500, 2000), "hopper": (500, 1000)}
    found = measure(spec, results(budget=budget))
    over = rows_of(found, "point", "", "sac")
    assert over["x"].tolist() == [50, 100]
    # at the half: the second of four evaluations of one task, the first of two of the other
    halves = [
        [value("", "sac", seed, 1000, 0.5) / 10, (value("", "sac", seed, 500, 0.5) + 7) / 10]
        for seed in range(3)
    ]
    assert over["value"].iloc[0] == pytest.approx(np.mean(sorted(np.ravel(halves))[1:-1]))
    several = found.frame[(found.frame["row"] == "final") & (found.frame["task"] == "")]
    assert several["agent"].tolist() == list(AGENTS)
    assert rows_of(found, "improvement", "", "sac").empty
    assert rows_of(found, "improvement", "", "sac_synther")["value"].tolist() == [1.0]
    assert not found.omissions


def test_missing_runs_are_said_and_left_out(spec: OnlineSpec) -> None:
    rows = results()
    rows = rows[~((rows["dataset"] == "hopper") & (rows["agent"] == "redq"))]
    found = measure(spec, rows)
    assert found.omissions == ["hopper: no results of REDQ."]
    over = found.frame[(found.frame["row"] == "point") & (found.frame["task"] == "")]
    assert set(over["agent"]) == {"sac", "sac_synther"}
    short = rows[~((rows["agent"] == "sac") & (rows["step"] == 1000))]
    assert any("ends at step 500" in note for note in measure(spec, short).omissions)
    uneven = rows[~((rows["seed"] == 1) & (rows["step"] == 1000))]
    with pytest.raises(SyntherError, match="evaluated at different steps"):
        measure(spec, uneven)
    with pytest.raises(SyntherError, match="preset paper"):
        measure(spec, results(preset="paper"))


def test_a_task_without_results_is_not_among_those_that_are_counted(spec: OnlineSpec) -> None:
    wider = dataclasses.replace(
        spec, groups=spec.groups | {"more": [DatasetRow("walker2d", "walker2d")]}
    )
    made = sheet(measure(wider, results()))
    assert made.plots[0].panels[-1].title == "2 of 3 tasks (IQM)"
    cells = made.tables[1].rows[0].cells
    assert cells[0].text == "2 of 3"
    assert cells[2].runs == ("dmc-cheetah-run|online|sac", "hopper|online|sac")
    assert {n for n, row in zip(made.tidy["tasks"], made.tidy["row"], strict=True)} == {1, 2}
    assert any("walker2d: no results" in note.text for note in made.notes)


def test_sweep_goes_by_ratio_with_the_reference_level(sweep: OnlineSpec) -> None:
    found = measure(sweep, results(TASKS, tuple(sweep.agents)))
    assert panels(found) == [*TASKS, ""]
    assert rows_of(found, "point", TASKS[0], "SAC (SynthER)")["x"].tolist() == [1, 20]
    assert rows_of(found, "level", TASKS[0], "redq")["value"].tolist() == pytest.approx([120.5])
    made = sheet(found)
    panel = made.plots[0].panels[0]
    assert panel.x_ticks == ((0.0, "1"), (math.log2(20), "20"))
    data = made.plots[0].data
    marks = zip(data["mark"], data["series"], data["x"], strict=True)
    assert ("points", "SAC (SynthER)", math.log2(20)) in marks
    assert [s.is_level for s in made.plots[0].series] == [False, True]


@pytest.fixture
def known() -> PaperColumns:
    return PaperColumns(
        table="online_other",
        agents={"sac": "SAC"},
        variants={"sac": "SAC"},
    )


def test_published_numbers_carry_their_mark(spec: OnlineSpec, known: PaperColumns) -> None:
    made = sheet(measure(dataclasses.replace(spec, paper=known), results()))
    text = markdown.render(made)[".md"]
    assert "346.6 ± 61.9¶" in text
    assert "another paper's own runs" in text
    row, other = made.tables[0].rows[:2]
    assert (row.cells[-1].value, row.cells[-1].status) == (346.61, "other_paper")
    assert row.cells[2].agreement == "lower"
    assert (other.cells[-1].text, other.cells[2].agreement) == ("—", "")
    wrong = dataclasses.replace(known, variants={"sac": "SCA"})
    with pytest.raises(SyntherError, match="unknown variant 'SCA'"):
        measure(dataclasses.replace(spec, paper=wrong), results())


@pytest.mark.parametrize("layout", ["online", "sweep"])
@pytest.mark.parametrize("seeds", [1, 3])
def test_every_format_is_written_and_says_what_it_is(
    tmp_path: Path, spec: OnlineSpec, sweep: OnlineSpec, layout: str, seeds: int
) -> None:
    shown = {"online": spec, "sweep": sweep}[layout]
    found = measure(shown, results(agents=tuple(shown.agents), seeds=seeds))
    made = sheet(found)
    paths = writers.write(made, tmp_path / "x")
    assert Sheet.read(tmp_path / "x.json") == made
    assert all(path.stat().st_size > 500 for path in paths)
    assert "not evidence" in (tmp_path / "x.md").read_text()
    frame = pd.read_csv(tmp_path / "x.csv")
    assert set(frame["row"]) >= {"point", "final", "mean"}
    assert math.isnan(frame["low"].iloc[0]) == (seeds == 1)
    drawn = set(made.plots[0].data["mark"])
    assert ("band" in drawn) == (seeds > 1)
    again = writers.write(sheet(found), tmp_path / "y")
    assert [p.read_bytes() for p in paths] == [p.read_bytes() for p in again]


def test_marks_and_seeds_are_left_out_where_evaluations_are_many(spec: OnlineSpec) -> None:
    few, many = (
        sheet(measure(spec, results(budget=dict.fromkeys(TASKS, range(100, end, 100)))))
        for end in (1001, 2001)
    )
    assert set(few.plots[0].data["mark"]) == {"band", "dots", "line", "points"}
    assert set(many.plots[0].data["mark"]) == {"band", "line"}
