"""Summaries over datasets: numbers by rliable, what is drawn, and what is said of the rest."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from result_rows import described, results
from rliable import library, metrics

from synther.errors import SyntherError
from synther.experiments.kinds import sheet_of as sheet
from synther.experiments.kinds.spec import DatasetRow, Numbers
from synther.experiments.kinds.summary.numbers import (
    AVERAGE,
    BEST,
    CSV_COLUMNS,
    OVERALL,
    measure,
)
from synther.experiments.kinds.summary.plan import SummarySpec
from synther.experiments.kinds.summary.sheet import LEAST_SCORES
from synther.sheets import writers
from synther.sheets.plot import draw
from synther.sheets.sheet import Sheet
from synther.sheets.writers import data, markdown
from synther.statistics import evaluations, scores
from synther.statistics.intervals import IMPROVEMENT

SCORES = {
    ("td3_bc", "hopper", "real"): [10.0, 12.0, 8.0],
    ("td3_bc", "hopper", "synther"): [20.0, 24.0, 16.0],
    ("td3_bc", "walker", "real"): [110.0, 30.0, 31.0],
    ("td3_bc", "walker", "synther"): [50.0, 55.0, 45.0],
    ("td3_bc", "maze", "real"): [0.0, 2.0, -2.0],
    ("td3_bc", "maze", "synther"): [0.0, 1.0, -1.0],
    ("bc", "hopper", "real"): [1.0, 2.0, 3.0],
}


@pytest.fixture
def spec() -> SummarySpec:
    return described(
        SummarySpec,
        "aggregates",
        layout="aggregates",
        is_evidence=False,
        agents={"td3_bc": "TD3+BC", "bc": "BC", "edac": "EDAC"},
        groups={
            "locomotion": [DatasetRow("hopper", "hopper"), DatasetRow("walker", "walker2d")],
            "maze2d": [DatasetRow("maze", "maze")],
        },
        sources={"real": "real", "synther": "SynthER"},
        bootstrap_reps=50,
    )


def block(found: Numbers, agent: str, group: str) -> pd.DataFrame:
    frame = found.frame
    return frame[(frame["agent"] == agent) & (frame["group"] == group)]


def metrics_of(found: Numbers, agent: str, group: str) -> pd.Series:
    """Return values by source and metric."""
    return block(found, agent, group).set_index(["source", "metric"])["value"]


def test_blocks_are_groups_and_all_of_them(spec: SummarySpec) -> None:
    found = measure(spec, results(SCORES))
    blocks = found.frame.drop_duplicates(["agent", "group"])
    columns = blocks[["agent", "group", "seeds", "datasets"]]
    assert columns.to_numpy().tolist() == [
        ["td3_bc", OVERALL, 3, 3],
        ["td3_bc", "locomotion", 3, 2],
        ["td3_bc", "maze2d", 3, 1],
        ["bc", "locomotion", 3, 1],
    ]
    assert found.omissions == ["EDAC: no results yet."]
    assert set(block(found, "bc", "locomotion")["source"]) == {"real"}  # no SynthER there


def test_aggregates_are_rliables(spec: SummarySpec) -> None:
    found = metrics_of(measure(spec, results(SCORES)), "td3_bc", OVERALL)
    matrices = {
        source: np.array(
            [SCORES["td3_bc", name, source] for name in ("hopper", "walker", "maze")]
        ).T
        for source in ("real", "synther")
    }
    for source, matrix in matrices.items():
        own = found[source]
        assert own["iqm"] == pytest.approx(metrics.aggregate_iqm(matrix))
        assert own["median"] == pytest.approx(metrics.aggregate_median(matrix))
        assert own["mean"] == pytest.approx(metrics.aggregate_mean(matrix))
        gap = metrics.aggregate_optimality_gap(matrix / 100)
        assert own["optimality_gap"] == pytest.approx(gap)
    better = metrics.probability_of_improvement(matrices["synther"], matrices["real"])
    assert found["synther", IMPROVEMENT] == pytest.approx(better)
    assert ("real", IMPROVEMENT) not in found


def test_profiles_are_rliables(spec: SummarySpec) -> None:
    profiles = dataclasses.replace(spec, layout="profiles")
    found = block(measure(profiles, results(SCORES)), "td3_bc", "locomotion")
    matrix = np.array([SCORES["td3_bc", name, "synther"] for name in ("hopper", "walker")]).T
    line = found[found["source"] == "synther"]
    theirs = library.run_score_deviation(matrix[None], line["x"].to_numpy()[:, None, None])
    shares = [library.run_score_deviation(matrix, x) for x in line["x"]]
    assert theirs == pytest.approx(np.mean(shares))
    assert line["value"].tolist() == pytest.approx(shares)
    assert {0.0, 25.0, 50.0, 75.0, 100.0} <= set(line["x"])
    assert line["value"].between(line["low"], line["high"]).all()


def test_last_ten_stand_beside_the_last() -> None:
    course = [*map(float, range(1, 12)), 3.5]
    rows = pd.concat(
        results({("td3_bc", "hopper", "real"): [score]}).query("step == 1000").assign(step=step)
        for step, score in enumerate(course)
    )
    found = evaluations.windows(rows)
    assert found["last"]["score"].tolist() == [3.5]
    # 3 to 11 and the last one
    assert found["best"]["score"].tolist() == [11.0]
    assert found["average"]["score"].tolist() == pytest.approx([(sum(range(3, 12)) + 3.5) / 10])


def test_shorter_runs_say_how_many_evaluations_they_have(spec: SummarySpec) -> None:
    found = measure(spec, results(SCORES))
    own = metrics_of(found, "td3_bc", "maze2d")["real"]
    # evaluations of 99 and of (0, 2, -2): averages 49.5, 50.5, 48.5; the best is 99
    assert own["iqm"] == pytest.approx(0.0)
    assert own[AVERAGE] == pytest.approx(49.5)
    assert own[BEST] == pytest.approx(99.0)
    assert found.more == 2
    text = markdown.render(sheet(found))[".md"]
    assert "some runs of this preset have 2" in text
    assert "IQM, best of last evaluations" in text  # runs may have more than the shortest


def test_curves_are_in_updates_or_percent_of_them(spec: SummarySpec) -> None:
    rows = results(SCORES)
    curves = dataclasses.replace(spec, layout="curves")
    found = block(measure(curves, rows), "td3_bc", "locomotion").query("source == 'real'")
    assert set(found["unit"]) == {"updates"}
    assert found["x"].tolist() == [500.0, 1000.0]
    assert found["value"].iloc[0] == 99.0
    longer = rows.assign(step=rows["step"] * np.where(rows["dataset"] == "walker", 2, 1))
    found = block(measure(curves, longer), "td3_bc", "locomotion").query("source == 'real'")
    assert set(found["unit"]) == {"% of the updates"}
    assert found["x"].tolist() == [50.0, 100.0]


def test_over_training_never_looks_ahead() -> None:
    def run(steps: list[float]) -> evaluations.Run:
        values = np.array([steps])
        return evaluations.Run(np.array(steps), [0], values, values)

    shares, matrices = evaluations.over_training([run([50, 100]), run([30, 60, 90])])
    assert shares == [0.5, 1.0]
    assert [matrix.tolist() for matrix in matrices] == [[[50.0, 30.0]], [[100.0, 90.0]]]


@pytest.mark.parametrize("layout", ["aggregates", "profiles", "curves"])
def test_all_formats_with_preset_and_banner(spec: SummarySpec, layout: str, tmp_path: Path) -> None:
    made = sheet(measure(dataclasses.replace(spec, layout=layout), results(SCORES)))
    paths = writers.write(made, tmp_path / layout)
    assert Sheet.read(tmp_path / f"{layout}.json") == made
    frame = pd.read_csv(tmp_path / f"{layout}.csv")
    assert tuple(frame) == CSV_COLUMNS
    assert frame["value"].notna().all()
    text = (tmp_path / f"{layout}.md").read_text(encoding="utf-8")
    assert "not evidence" in text
    assert "3 seeds" in text
    for first, second in zip(paths, writers.write(made, tmp_path / "again"), strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_a_cell_leads_to_the_runs_of_its_group(spec: SummarySpec) -> None:
    (table,) = sheet(measure(spec, results(SCORES))).tables
    assert not table.is_drawn
    heads = [column.head for column in table.columns]
    row = next(r for r in table.rows if r.cells[1].text.startswith("locomotion"))
    assert [cell.text for cell in row.cells[:4]] == [
        *("TD3+BC", "locomotion (2 datasets*)", "real", "3"),
    ]
    iqm = row.cells[heads.index("IQM")]
    assert iqm.runs == ("hopper|real|td3_bc", "walker|real|td3_bc")
    assert iqm.low is not None
    assert iqm.text.startswith(f"{iqm.value:.1f} [")
    assert row.cells[heads.index("P(better than real)")].text == "—"  # it is the baseline


def test_a_metric_is_a_panel_and_a_group_a_line_of_it(spec: SummarySpec) -> None:
    (plot,) = sheet(measure(spec, results(SCORES))).plots
    assert [(panel.title, panel.subtitle) for panel in plot.panels][-3:] == [
        ("P(better than real)", "last evaluation"),
        ("IQM", "average of last evaluations"),
        ("IQM", "best of last evaluations"),
    ]
    names = [label for _, label in plot.panels[0].y_ticks]
    assert names[:2] == [
        "TD3+BC, all groups (3 datasets*, 3 seeds)",
        "TD3+BC, locomotion (2 datasets*, 3 seeds)",
    ]
    assert {label for _, label in plot.panels[1].y_ticks} == {""}
    axes = draw(plot).axes
    assert [tick.get_text() for tick in axes[0].get_yticklabels()] == names
    assert axes[0].get_ylim() == axes[1].get_ylim()
    where = {key: plot.data[key] for key in ("mark", "panel", "series", "y")}
    points = pd.DataFrame(where).query("mark == 'points' and panel == 'iqm'")
    own = points.groupby("series")["y"].apply(list)
    assert own["real"][0] > own["synther"][0] > own["real"][1]  # one below the other


def test_profiles_of_few_scores_are_not_drawn_but_printed(spec: SummarySpec) -> None:
    """Three seeds on three datasets are nine scores, of four they are twelve."""
    profiles = dataclasses.replace(spec, layout="profiles")
    few = sheet(measure(profiles, results(SCORES)))
    assert LEAST_SCORES == 10
    assert few.plots == ()
    assert few.tables[0].is_drawn  # or the page would show nothing
    more = {key: [*values, 5.0] for key, values in SCORES.items()}
    found = sheet(measure(profiles, results(more)))
    assert [panel.subtitle for panel in found.plots[0].panels] == [
        "all groups (3 datasets*, 4 seeds)"
    ]
    (note,) = [note for note in found.notes if "Not drawn" in note.text]
    assert "fewer than 10 scores a source: TD3+BC, locomotion (2 datasets*)" in note.text
    assert note.where == "page"
    groups = {row.cells[1].text for row in found.tables[0].rows}
    assert {"all groups (3 datasets*)", "locomotion (2 datasets*)", "maze2d (1 dataset)"} <= groups
    assert set(found.tidy["group"]) == {"overall", "locomotion", "maze2d"}
    whole = sheet(measure(dataclasses.replace(profiles, layout="curves"), results(SCORES)))
    assert len(whole.plots[0].panels) == 4  # curves have no such bound


def test_a_single_evaluation_is_a_bar_beside_the_others(spec: SummarySpec) -> None:
    rows = results(SCORES).query("step == 1000")
    (plot,) = sheet(measure(dataclasses.replace(spec, layout="curves"), rows)).plots
    assert set(plot.data["mark"]) == {"ranges", "points"}
    places = pd.DataFrame(plot.data).query("panel == '0'").groupby("series")["x"].first()
    assert places["real"] < 1000 < places["synther"]


def test_what_no_source_has_in_common_is_left_out_and_said(spec: SummarySpec) -> None:
    apart = {("td3_bc", "hopper", "real"): [1.0, 2.0], ("td3_bc", "walker", "synther"): [3.0, 4.0]}
    for layout in ("aggregates", "profiles", "curves"):
        found = measure(dataclasses.replace(spec, layout=layout), results(apart))
        assert found.frame.empty
        made = sheet(found)
        assert "no dataset has results of every source" in markdown.render(made)[".md"]
        assert data.render(made)[".csv"].count("\n") == 1
        for writer in writers.writers():
            writer.render(made)


def test_unknown_layout_and_foreign_results(spec: SummarySpec) -> None:
    with pytest.raises(SyntherError, match=r"unknown layout 'profile'.*did you mean profiles"):
        dataclasses.replace(spec, layout="profile")
    with pytest.raises(SyntherError, match="results of preset paper"):
        measure(spec, results(SCORES, preset="paper"))


def test_final_scores_are_those_of_all_other_tables() -> None:
    rows = results(SCORES)
    found = evaluations.windows(rows)
    keys = [*scores.RUN, "seed", "score"]
    pd.testing.assert_frame_equal(found["last"][keys], scores.final_scores(rows)[keys])


def test_rows_may_be_evaluations_already(spec: SummarySpec) -> None:
    rows = results(SCORES)
    reduced = evaluations.means(rows)
    assert len(reduced) == len(rows) / 2
    assert set(reduced["episodes"]) == {2}
    pd.testing.assert_frame_equal(measure(spec, reduced).frame, measure(spec, rows).frame)
    last = evaluations.finals(rows)
    assert set(last["step"]) == {1000}
    assert last["score"].tolist() == scores.final_scores(rows)["score"].tolist()
