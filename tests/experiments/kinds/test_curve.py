"""Curves over the share of the data: points by hand, their plot and their tables."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from result_rows import described, results

from synther.errors import SyntherError
from synther.experiments import Experiments
from synther.experiments.kinds import sheet_of as sheet
from synther.experiments.kinds.curve.numbers import measure
from synther.experiments.kinds.curve.plan import CurveSpec
from synther.experiments.kinds.spec import DatasetRow, Numbers
from synther.sheets.figure import LEVEL

HOPPER, WALKER = "hopper-full-replay-local", "walker2d-full-replay-v2"
SCORES = {
    ("td3_bc", HOPPER, "real-1pct"): [1, 2, 3],
    ("td3_bc", HOPPER, "synther-1pct"): [11, 12, 13],
    ("td3_bc", HOPPER, "real-10pct"): [20, 30, 40],
    ("td3_bc", HOPPER, "synther-10pct"): [25, 35, 45],
    ("td3_bc", HOPPER, "real"): [50, 50, 50],
}


@pytest.fixture
def spec() -> CurveSpec:
    return described(
        CurveSpec,
        "small_data",
        agents={"td3_bc": "TD3+BC"},
        groups={"": [DatasetRow(HOPPER, "hopper-full-replay-v2")]},
        series={"real": "real", "synther": "SynthER"},
        amounts=[1, 10],
        reference={"real": "real, all of it"},
    )


@pytest.fixture
def curve(spec: CurveSpec) -> Numbers:
    return measure(spec, results(SCORES))


def points(curve: Numbers) -> pd.DataFrame:
    """Return points by series and amount; a reference has no amount."""
    frame = curve.frame
    return frame.set_index(["series", frame.get("percent", frame.get("transitions"))])


def test_points_by_hand(curve: Numbers) -> None:
    found = points(curve)
    few = found.loc[("synther", 1)]
    assert few[["value", "std", "seeds"]].tolist() == [12.0, 1.0, 3]
    assert few[["difference", "probability", "intervals_apart"]].tolist() == [10.0, 1.0, "true"]
    many = found.loc[("synther", 10)]
    assert many["probability"] == pytest.approx(6 / 9)  # pairs that win
    assert many["intervals_apart"] == "false"
    assert math.isnan(found.loc[("real", 1), "difference"])
    whole = curve.frame[curve.frame["row"] == "reference"]
    assert whole["value"].tolist() == [50.0]


def test_the_plot_has_lines_bands_dots_and_the_level(curve: Numbers) -> None:
    (plot,) = sheet(curve).plots
    rows = list(zip(*(plot.data[n] for n in ("mark", "series", "x", "y")), strict=True))
    assert [(x, y) for mark, s, x, y in rows if (mark, s) == ("line", "synther")] == [
        (0.0, 12.0),
        (1.0, 35.0),
    ]
    assert sum(mark == "dots" for mark, *_ in rows) == 12
    assert [y for mark, s, _, y in rows if s == LEVEL + "real" and mark == "levels"] == [50.0]
    assert plot.panels[0].x_ticks == ((0.0, "1"), (1.0, "10"))
    assert plot.series[-1].like == "real"


def test_a_missing_point_breaks_the_line_and_is_told(spec: CurveSpec) -> None:
    wider = dataclasses.replace(spec, amounts=[1, 5, 10])
    curve = measure(wider, results(SCORES))
    (note,) = curve.omissions
    assert "no results of real at 5% of the transitions kept; SynthER at 5% of" in note
    marks = sheet(curve).plots[0].data["mark"]
    assert "line" not in marks
    assert marks.count("ranges") == 4


def test_over_datasets_is_the_iqm_with_the_spread_of_both(spec: CurveSpec) -> None:
    both = dataclasses.replace(spec, groups={"": [*spec.rows, DatasetRow(WALKER, WALKER)]})
    scores = SCORES | {(a, WALKER, s): values for (a, _, s), values in SCORES.items()}
    curve = measure(both, results(scores))
    overall = curve.frame.query("dataset == '' and series == 'synther' and percent == 10").iloc[0]
    assert overall["value"] == pytest.approx(35.0)  # the middle half of 25, 35, 45 twice
    assert math.isnan(overall["std"])
    assert set(sheet(curve).tidy["metric"]) == {"mean", "iqm"}
    assert sheet(curve).tables[0].rows[-1].cells[0].text == "All 2 datasets (IQM)"


def test_tables_stand_behind_the_plot_and_lead_to_runs(curve: Numbers) -> None:
    scores, versus = sheet(curve).tables
    assert not scores.is_drawn
    assert not versus.is_drawn
    first = scores.rows[0].cells
    assert [cell.text for cell in first[:3]] == [HOPPER + "*", "TD3+BC", "1"]
    assert first[4].text.startswith("12.0 ± 1.0 [")
    assert first[4].runs == (f"{HOPPER}|synther-1pct|td3_bc",)
    assert versus.rows[0].cells[-1].text == "yes"


def test_sources_that_end_elsewhere_are_told_in_short(spec: CurveSpec) -> None:
    rows = results(SCORES)
    late = rows["source"] == "real"
    rows.loc[late, "step"] *= 2
    notes = [note.text for note in sheet(measure(spec, rows)).notes]
    told = "sources end at different steps (real 2,000, all others 1,000)."
    assert f"td3_bc on {HOPPER}: {told}" in notes


SIZES = (100, 300, 1000, 3000)
MEDIUM = "hopper-medium-local"


def shipped(name: str) -> CurveSpec:
    spec = Experiments("known").plan(name).describe()
    assert isinstance(spec, CurveSpec)
    return dataclasses.replace(spec, bootstrap_reps=200)


def tiny() -> pd.DataFrame:
    """Scores that say whose they are: the size's place, 10 for samples, 100, 200 for rivals."""
    scores = {}
    for place, size in enumerate(SIZES):
        for source, more in (("real", 0), ("synther", 10)):
            scores["td3_bc", MEDIUM, f"{source}-{size}rows"] = [place + more, place + more + 2.0]
        for rival, more in (("td3_bc_regularised", 100), ("bc", 200)):
            scores[rival, MEDIUM, f"real-{size}rows"] = [place + more, place + more + 2.0]
    return results(scores, preset="known")


def test_points_are_at_numbers_of_transitions() -> None:
    curve = measure(shipped("tiny_data"), tiny())
    assert not curve.omissions
    found = points(curve)
    assert found["value"].to_dict() == {
        (series, size): place + more + 1.0
        for place, size in enumerate(SIZES)
        for series, more in (("real", 0), ("synther", 10), ("td3_bc_regularised", 100), ("bc", 200))
    }
    # over the same agent as the samples'
    assert found.loc[("td3_bc_regularised", 3000), "difference"] == 100.0

    frame = pd.DataFrame(sheet(curve).tidy)
    assert "percent" not in frame
    assert sorted(set(frame["transitions"])) == list(SIZES)
    own = frame[frame["series"] == "td3_bc_regularised"]
    assert set(own["agent"]) == {"td3_bc_regularised"}  # the runs behind it
    assert set(own["source"]) == {f"real-{size}rows" for size in SIZES}
    made = sheet(curve)
    heads = [column.head for column in made.tables[0].columns[2:]]
    assert heads == ["Transitions", "real", "SynthER", "TD3+BC, regularised (real)", "BC (real)"]
    last = made.tables[0].rows[-1].cells
    assert (last[2].text, last[3].text[:9]) == ("3,000", "4.0 ± 1.4")
    assert last[5].runs == (f"{MEDIUM}|real-3000rows|td3_bc_regularised",)
    assert [label for _, label in made.plots[0].panels[0].x_ticks] == [
        "100",
        "300",
        "1,000",
        "3,000",
    ]


def test_level_lines_alone_are_no_curve() -> None:
    rows = results({("td3_bc", MEDIUM, "real"): [1.0, 2.0]}, preset="known")
    with pytest.raises(SyntherError, match="no point of little_data has a result"):
        measure(shipped("little_data"), rows)


def test_a_lone_share_stands_beside_the_level_of_all_data() -> None:
    name = "walker2d-medium-replay-local"
    sources = ("real", "synther", "noise-additive", "noise-multiplicative", "noise-dynamics")
    scores = {("iql", name, f"{s}-15pct"): [10.0 * n, 10.0 * n] for n, s in enumerate(sources)}
    rows = results(scores | {("iql", name, "real"): [70.0, 80.0, 90.0]}, preset="known")
    curve = measure(shipped("figure1a"), rows)
    frame = pd.DataFrame(sheet(curve).tidy)
    assert frame["value"].tolist() == [0.0, 10.0, 20.0, 30.0, 40.0, 80.0]
    assert frame["row"].tolist() == ["point"] * 5 + ["reference"]
    assert sorted(set(frame["seeds"])) == [2, 3]
    assert set(frame.loc[frame["row"] == "point", "percent"]) == {15}
    rows_of = sheet(curve).tables[0].rows
    assert [row.cells[2].text for row in rows_of] == ["15", "all"]


def test_points_ascend_in_whatever_order_they_are_listed(edit_config: Callable[..., Path]) -> None:
    edit_config("experiments.yaml", "percents: [1, 3, 5, 10,", "percents: [10, 1, 5, 3,")
    assert Experiments("paper").table("small_data")["amounts"] == [1, 3, 5, 10, 15, 20]


def test_many_transitions_are_named_in_full(spec: CurveSpec) -> None:
    many = dataclasses.replace(spec, amounts=[100, 3_000_000], unit="rows", series={"real": "real"})
    assert many.points == ["real-100rows", "real-3000000rows"]
    assert many.number(3_000_000) == "3,000,000"
