"""Online figures: their numbers by hand, their tables, and what they refuse."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from synther.analysis.build import build

from synther.analysis import online_render, wall_time
from synther.analysis.online_numbers import measure
from synther.analysis.online_spec import OnlineSpec
from synther.errors import SyntherError

TASKS = ["dmc-cheetah-run", "hopper"]
AGENTS = {"sac": "SAC", "redq": "REDQ", "sac_synther": "SAC (SynthER)"}


def spec(**changes):
    fields = {
        "name": "online",
        "title": "Online",
        "preset": "quick",
        "budget": "tiny",
        "is_paper_protocol": False,
        "is_evidence": False,
        "agents": AGENTS,
        "layout": "online",
        "tasks": TASKS,
        "bootstrap_reps": 200,
    }
    return OnlineSpec(**{**fields, **changes})


def value(task, agent, seed, step, episode):
    """A return that tells them all apart; scores are a tenth of it."""
    rank = list(AGENTS).index(agent) if agent in AGENTS else 5
    return 100.0 * rank + 10 * seed + step / 100 + episode + (7 if task == "hopper" else 0)


def results(tasks=TASKS, agents=tuple(AGENTS), seeds=3, budget=None, preset="quick"):
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


def test_lines_and_tables_are_means_over_episodes_and_seeds():
    found = measure(spec(), results())
    assert [panel.task for panel in found.panels] == [*TASKS, None]
    line = found.panels[0].lines["redq"]
    assert line.xs == [500, 1000]
    # 100 + (0 + 10 + 20) / 3 + step / 100 + (0 + 1) / 2
    assert [v.value for v in line.values] == pytest.approx([115.5, 120.5])
    np.testing.assert_allclose(line.matrices[1][:, 0], [110.5, 120.5, 130.5])
    assert all(v.low <= v.value <= v.high for v in line.values)
    summary = next(s for s in found.summaries if (s.task, s.agent) == ("hopper", "redq"))
    assert summary.final.value == pytest.approx(127.5)
    assert summary.mean.value == pytest.approx(125.0)
    assert summary.final_std == pytest.approx(10.0)


def test_tasks_with_other_budgets_meet_at_shares_of_them():
    budget = {"dmc-cheetah-run": (500, 1000, 1500, 2000), "hopper": (500, 1000)}
    found = measure(spec(), results(budget=budget))
    line = found.panels[-1].lines["sac"]
    assert line.xs == [50, 100]
    np.testing.assert_allclose(
        line.matrices[0][0], [value("", "sac", 0, 1000, 0.5) / 10, (5.5 + 7) / 10]
    )
    over = [s for s in found.summaries if s.task is None]
    assert [s.agent for s in over] == list(AGENTS)
    assert over[0].improvement is None
    assert over[2].improvement.value == 1.0
    assert not found.omissions


def test_missing_runs_are_said_and_left_out():
    rows = results()
    rows = rows[~((rows["dataset"] == "hopper") & (rows["agent"] == "redq"))]
    found = measure(spec(), rows)
    assert found.omissions == ["hopper: no results of REDQ."]
    assert set(found.panels[-1].lines) == {"sac", "sac_synther"}
    short = rows[~((rows["agent"] == "sac") & (rows["step"] == 1000))]
    assert any("ends at step 500" in note for note in measure(spec(), short).omissions)
    uneven = rows[~((rows["seed"] == 1) & (rows["step"] == 1000))]
    with pytest.raises(SyntherError, match="evaluated at different steps"):
        measure(spec(), uneven)
    with pytest.raises(SyntherError, match="preset paper"):
        measure(spec(), results(preset="paper"))


def test_sweep_goes_by_ratio_with_the_reference_level():
    agents = {"a20": "SAC (SynthER)", "a1": "SAC (SynthER), UTD 1", "redq": "REDQ"}
    sweep = spec(
        layout="sweep",
        agents=agents,
        ratios={"a20": 20, "a1": 1},
        reference=["redq"],
        tasks=TASKS[:1],
    )
    found = measure(sweep, results(TASKS[:1], tuple(agents)))
    assert len(found.panels) == 1
    assert found.panels[0].lines["SAC (SynthER)"].xs == [1, 20]
    assert found.panels[0].levels["redq"].values[0].value == pytest.approx(120.5)


def test_published_numbers_carry_their_mark():
    paper = {
        "table": "online_other",
        "agents": {"sac": "SAC"},
        "variants": {"sac": "SAC"},
        "datasets": {"dmc-cheetah-run": "cheetah-run"},
    }
    made = OnlineSpec.from_dict(spec().to_dict() | {"paper": paper})
    text = online_render.markdown(measure(made, results()))
    assert "346.6 ± 61.9¶" in text
    assert "another paper's own runs" in text
    with pytest.raises(SyntherError, match="unknown agent 'sacc'"):
        OnlineSpec.from_dict(spec().to_dict() | {"paper": {**paper, "agents": {"sacc": "SAC"}}})


@pytest.mark.parametrize("layout", ["online", "sweep"])
@pytest.mark.parametrize("seeds", [1, 3])
def test_every_format_is_written_and_says_what_it_is(tmp_path, layout, seeds):
    sweep = {"ratios": {"sac": 1, "sac_synther": 20}, "reference": ["redq"], "layout": "sweep"}
    made = spec(**(sweep if layout == "sweep" else {}))
    rows = results(seeds=seeds)
    paths = build(made.to_dict(), rows, tmp_path / "x")
    assert {path.suffix for path in paths} == {".csv", ".md", ".tex", ".pdf", ".png"}
    assert all(path.stat().st_size > 500 for path in paths)
    assert "not evidence" in (tmp_path / "x.md").read_text()
    frame = pd.read_csv(tmp_path / "x.csv")
    assert set(frame["row"]) >= {"point", "final", "mean"}
    assert math.isnan(frame["low"].iloc[0]) == (seeds == 1)
    again = build(made.to_dict(), rows, tmp_path / "y")
    assert [p.read_bytes() for p in paths] == [p.read_bytes() for p in again]


def record(task, agent, wall, seconds):
    parts = dict.fromkeys(wall_time.PARTS, 0.0) | seconds
    return {
        "task": task,
        "agent": agent,
        "preset": "quick",
        "seeds": [0, 1],
        "settings": {"steps": 1000},
        "seconds": parts,
        "wall_time_s": wall,
        "hardware": {"cpu": "some CPU", "device": "cpu"},
    }


def test_wall_time_says_where_it_went(tmp_path):
    content = [
        record("hopper", "sac", 12.0, {"simulator": 2.5, "agent": 7.5}),
        record("hopper", "redq", 110.0, {"agent": 90.0, "simulator": 10.0}),
    ]
    paths = []
    for one in content:
        paths.append(tmp_path / f"{one['agent']}.json")
        paths[-1].write_text(json.dumps(one))
    absent = tmp_path / "none.json"
    made = spec(layout="wall_time", records=[str(p) for p in [*paths, absent]])
    table = wall_time.collect(made)
    assert table.omissions == [f"No record {absent}."]
    rows = wall_time.rows(table)
    assert rows[1][:5] == ["hopper", "SAC", "2", "10 s", "200.0"]
    assert rows[1][5:] == ["25.0", "75.0", "0.0", "0.0", "0.0"]
    assert rows[2][3] == "1.7 min"
    assert rows[3][0] == "all tasks"
    assert wall_time.tidy(table)["other_s"].tolist() == [2.0, 10.0]
    written = build(made.to_dict(), pd.DataFrame(), tmp_path / "w")
    assert all(path.stat().st_size > 500 for path in written if path.suffix != ".csv")
    paths[0].write_text("{}")
    with pytest.raises(SyntherError, match="lacks task"):
        wall_time.collect(made)
    with pytest.raises(SyntherError, match="none of the 1 records"):
        wall_time.collect(spec(layout="wall_time", records=[str(absent)]))
