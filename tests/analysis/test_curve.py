"""Curves over shares and over numbers of transitions, with another agent's curve among them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from result_rows import results

from synther.analysis import curve_render
from synther.analysis.build import build
from synther.analysis.curve import trace
from synther.analysis.curve_spec import CurveSpec
from synther.analysis.spec import DatasetRow
from synther.errors import SyntherError
from synther.experiments import Experiments
from synther.report.tables import make

HOPPER = "hopper-medium-local"
SIZES = (100, 300, 1000, 3000)


def description(name: str) -> dict:
    return Experiments("known").table(name) | {"bootstrap_reps": 200}


def tiny() -> pd.DataFrame:
    """Scores that say whose they are: the size's place, 10 for samples, 100 for the rival."""
    scores = {}
    for place, size in enumerate(SIZES):
        for source, more in (("real", 0), ("synther", 10)):
            scores["td3_bc", HOPPER, f"{source}-{size}rows"] = [place + more, place + more + 2.0]
        scores["td3_bc_regularised", HOPPER, f"real-{size}rows"] = [place + 100, place + 102.0]
    return results(scores, preset="known")


def test_points_are_at_numbers_of_transitions(tmp_path: Path) -> None:
    spec = CurveSpec.from_dict(description("tiny_data"))
    curve = trace(spec, tiny())
    (panel,) = curve.panels
    assert not curve.omissions
    means = {key: point.score.value for key, point in panel.points.items()}
    assert means == {
        (series, size): place + more + 1.0
        for place, size in enumerate(SIZES)
        for series, more in (("real", 0), ("synther", 10), ("td3_bc_regularised", 100))
    }
    rival = panel.points["td3_bc_regularised", 3000]
    assert rival.difference is not None
    assert rival.difference.value == 100.0  # over the same agent as the samples'

    frame = curve_render.tidy(curve)
    assert "percent" not in frame
    assert sorted(set(frame["transitions"])) == list(SIZES)
    own = frame[frame["series"] == "td3_bc_regularised"]
    assert set(own["agent"]) == {"td3_bc_regularised"}  # the runs behind it
    assert set(own["source"]) == {f"real-{size}rows" for size in SIZES}
    text = curve_render.markdown(curve)
    assert "| 3,000 | 4.0 ± 1.4" in text
    assert "Transitions | real | SynthER | TD3+BC, regularised (real) |" in text

    written = build(description("tiny_data"), tiny(), tmp_path / "tiny_data")
    assert {path.suffix for path in written} == {".pdf", ".png", ".csv", ".tex", ".md"}
    (table,) = make(pd.read_csv(tmp_path / "tiny_data.csv"), description("tiny_data"))
    assert [row[3].text for row in table.rows][-1] == "3,000"
    assert {row[1].text for row in table.rows} == {"TD3+BC", "TD3+BC, regularised (real)"}


def test_a_lone_share_stands_beside_the_level_of_all_data(tmp_path: Path) -> None:
    name = "walker2d-medium-replay-local"
    sources = ("real", "synther", "noise-additive", "noise-multiplicative", "noise-dynamics")
    scores = {("iql", name, f"{s}-15pct"): [10.0 * n, 10.0 * n] for n, s in enumerate(sources)}
    rows = results(scores | {("iql", name, "real"): [70.0, 80.0, 90.0]}, preset="known")
    curve = trace(CurveSpec.from_dict(description("figure1a")), rows)
    (panel,) = curve.panels
    assert [point.score.value for point in panel.points.values()] == [0.0, 10.0, 20.0, 30.0, 40.0]
    assert panel.references["real"].score.value == 80.0
    assert panel.seeds == [2, 3]
    frame = curve_render.tidy(curve)
    assert set(frame.loc[frame["row"] == "point", "percent"]) == {15}
    build(description("figure1a"), rows, tmp_path / "figure1a")
    (table,) = make(pd.read_csv(tmp_path / "figure1a.csv"), description("figure1a"))
    assert [row[3].text for row in table.rows] == ["15"] * 5 + ["100"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"amounts": [3, 1]}, "ascending"),
        ({"amounts": [50, 101]}, "up to 100"),
        ({"rivals": {"bc": "real"}}, "unknown rival 'bc'"),
    ],
)
def test_what_is_no_curve_is_refused(change: dict, words: str) -> None:
    panels = [DatasetRow("a", "a")]
    fields = {"name": "x", "title": "X", "preset": "quick", "budget": "", "panels": panels}
    fields |= {"is_paper_protocol": False, "agents": {"td3_bc": "TD3+BC"}, "amounts": [1, 3]}
    with pytest.raises(SyntherError, match=words):
        CurveSpec(**{**fields, "series": {"real": "real"}, **change})


def test_many_transitions_are_named_in_full() -> None:
    panels = [DatasetRow("a", "a")]
    spec = CurveSpec(
        name="x",
        title="X",
        preset="quick",
        budget="",
        is_paper_protocol=False,
        agents={"td3_bc": "TD3+BC"},
        panels=panels,
        series={"real": "real"},
        amounts=[100, 3_000_000],
        unit="rows",
    )
    assert spec.sources == ["real-100rows", "real-3000000rows"]
    assert spec.number(3_000_000) == "3,000,000"
