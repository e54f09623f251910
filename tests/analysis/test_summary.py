from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from result_rows import results
from rliable import library, metrics
from synther.analysis.build import build

from synther.analysis import evaluations, scores, summary_render
from synther.analysis.spec import DatasetRow
from synther.analysis.summary import AVERAGE, BEST, IMPROVEMENT, Block, Summary, summarise
from synther.analysis.summary_spec import OVERALL, SummarySpec
from synther.errors import SyntherError

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
    return SummarySpec(
        layout="aggregates",
        name="aggregates",
        title="Aggregates",
        preset="quick",
        budget="3 seeds",
        is_paper_protocol=False,
        is_evidence=False,
        agents={"td3_bc": "TD3+BC", "bc": "BC", "edac": "EDAC"},
        groups={
            "locomotion": [DatasetRow("hopper", "hopper"), DatasetRow("walker", "walker2d")],
            "maze2d": [DatasetRow("maze", "maze")],
        },
        sources={"real": "real", "synther": "SynthER"},
        bootstrap_reps=50,
    )


def block(found: Summary, agent: str, group: str) -> Block:
    return next(b for b in found.blocks if (b.agent, b.group) == (agent, group))


def test_blocks_are_groups_and_all_of_them(spec: SummarySpec) -> None:
    found = summarise(spec, results(SCORES))
    assert [(b.agent, b.group, b.seeds, len(b.datasets)) for b in found.blocks] == [
        ("td3_bc", OVERALL, 3, 3),
        ("td3_bc", "locomotion", 3, 2),
        ("td3_bc", "maze2d", 3, 1),
        ("bc", "locomotion", 3, 1),
    ]
    assert found.omissions == ["EDAC: no results yet."]
    assert list(block(found, "bc", "locomotion").metrics) == ["real"]  # no SynthER there
    assert SummarySpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_aggregates_are_rliables(spec: SummarySpec) -> None:
    found = block(summarise(spec, results(SCORES)), "td3_bc", OVERALL).metrics
    matrices = {
        source: np.array(
            [SCORES["td3_bc", name, source] for name in ("hopper", "walker", "maze")]
        ).T
        for source in ("real", "synther")
    }
    for source, matrix in matrices.items():
        own = {name: estimate.value for name, estimate in found[source].items()}
        assert own["iqm"] == pytest.approx(metrics.aggregate_iqm(matrix))
        assert own["median"] == pytest.approx(metrics.aggregate_median(matrix))
        assert own["mean"] == pytest.approx(metrics.aggregate_mean(matrix))
        gap = metrics.aggregate_optimality_gap(matrix / 100)
        assert own["optimality_gap"] == pytest.approx(gap)
    better = metrics.probability_of_improvement(matrices["synther"], matrices["real"])
    assert found["synther"][IMPROVEMENT].value == pytest.approx(better)
    assert IMPROVEMENT not in found["real"]


def test_profiles_are_rliables(spec: SummarySpec) -> None:
    profiles = dataclasses.replace(spec, layout="profiles")
    found = block(summarise(profiles, results(SCORES)), "td3_bc", "locomotion")
    matrix = np.array([SCORES["td3_bc", name, "synther"] for name in ("hopper", "walker")]).T
    line = found.lines["synther"]
    theirs = library.run_score_deviation(matrix[None], np.array(line.xs)[:, None, None])
    shares = [library.run_score_deviation(matrix, x) for x in line.xs]
    assert theirs == pytest.approx(np.mean(shares))
    assert [e.value for e in line.values] == pytest.approx(shares)
    assert {0.0, 25.0, 50.0, 75.0, 100.0} <= set(line.xs)
    for estimate in line.values:
        assert estimate.low <= estimate.value <= estimate.high


def test_last_ten_stand_beside_the_last() -> None:
    course = [*map(float, range(1, 12)), 3.5]
    rows = pd.concat(
        results({("td3_bc", "hopper", "real"): [score]}).query("step == 1000").assign(step=step)
        for step, score in enumerate(course)
    )
    found = evaluations.windows(evaluations.runs(rows))
    assert found.shortest == 10
    assert found.last["score"].tolist() == [3.5]
    # 3 to 11 and the last one
    assert found.best["score"].tolist() == [11.0]
    assert found.average["score"].tolist() == pytest.approx([(sum(range(3, 12)) + 3.5) / 10])


def test_shorter_runs_say_how_many_evaluations_they_have(spec: SummarySpec) -> None:
    found = summarise(spec, results(SCORES))
    own = block(found, "td3_bc", "maze2d").metrics["real"]
    # evaluations of 99 and of (0, 2, -2): averages 49.5, 50.5, 48.5; the best is 99
    assert own["iqm"].value == pytest.approx(0.0)
    assert own[AVERAGE].value == pytest.approx(49.5)
    assert own[BEST].value == pytest.approx(99.0)
    assert found.window == 2
    text = summary_render.markdown(found)
    assert "some runs of this preset have 2" in text
    assert "IQM, best of last evaluations" in text  # runs may have more than the shortest


def test_curves_are_in_updates_or_percent_of_them(spec: SummarySpec) -> None:
    rows = results(SCORES)
    curves = dataclasses.replace(spec, layout="curves")
    found = block(summarise(curves, rows), "td3_bc", "locomotion")
    assert found.unit == "updates"
    assert found.lines["real"].xs == [500.0, 1000.0]
    assert found.lines["real"].values[0].value == 99.0
    longer = rows.assign(step=rows["step"] * np.where(rows["dataset"] == "walker", 2, 1))
    found = block(summarise(curves, longer), "td3_bc", "locomotion")
    assert found.unit == "% of the updates"
    assert found.lines["real"].xs == [50.0, 100.0]


def test_over_training_never_looks_ahead() -> None:
    def run(steps: list[float]) -> evaluations.Run:
        values = np.array([steps])
        return evaluations.Run(np.array(steps), [0], values, values)

    shares, matrices = evaluations.over_training([run([50, 100]), run([30, 60, 90])])
    assert shares == [0.5, 1.0]
    assert [matrix.tolist() for matrix in matrices] == [[[50.0, 30.0]], [[100.0, 90.0]]]


@pytest.mark.parametrize("layout", ["aggregates", "profiles", "curves"])
def test_all_formats_with_preset_and_banner(spec: SummarySpec, layout: str, tmp_path: Path) -> None:
    content = dataclasses.replace(spec, layout=layout).to_dict()
    paths = build(content, results(SCORES), tmp_path / layout)
    assert {path.suffix for path in paths} == {".csv", ".md", ".tex", ".pdf", ".png"}
    frame = pd.read_csv(tmp_path / f"{layout}.csv")
    assert tuple(frame) == summary_render.CSV_COLUMNS
    assert frame["value"].notna().all()
    markdown = (tmp_path / f"{layout}.md").read_text()
    assert "not evidence" in markdown
    assert "3 seeds" in markdown
    assert (tmp_path / f"{layout}.pdf").read_bytes().startswith(b"%PDF")
    again = build(content, results(SCORES), tmp_path / "again")
    for first, second in zip(paths, again, strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_unknown_layout_and_foreign_results(spec: SummarySpec) -> None:
    with pytest.raises(SyntherError, match=r"unknown layout 'profile'.*did you mean profiles"):
        dataclasses.replace(spec, layout="profile")
    with pytest.raises(SyntherError, match="results of preset paper"):
        summarise(spec, results(SCORES, preset="paper"))


def test_final_scores_are_those_of_all_other_tables() -> None:
    rows = results(SCORES)
    found = evaluations.windows(evaluations.runs(rows))
    keys = [*scores.RUN, "seed", "score"]
    pd.testing.assert_frame_equal(found.last[keys], scores.final_scores(rows)[keys])


def test_rows_may_be_evaluations_already(spec: SummarySpec) -> None:
    rows = results(SCORES)
    reduced = evaluations.means(rows)
    assert len(reduced) == len(rows) / 2
    assert set(reduced["episodes"]) == {2}
    assert summarise(spec, reduced).blocks == summarise(spec, rows).blocks
    last = evaluations.finals(rows)
    assert set(last["step"]) == {1000}
    assert last["score"].tolist() == scores.final_scores(rows)["score"].tolist()
