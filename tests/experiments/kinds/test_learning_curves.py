"""Learning curves: every evaluation's mean by hand, and the published last score beside it."""

from __future__ import annotations

import pandas as pd
import pytest
from result_rows import described, results

from synther.errors import SyntherError
from synther.experiments.kinds import sheet_of as sheet
from synther.experiments.kinds.learning.numbers import measure
from synther.experiments.kinds.learning.plan import LearningSpec
from synther.experiments.kinds.spec import DatasetRow, Numbers, PaperColumns
from synther.sheets.figure import LEVEL

HOPPER = "hopper-medium-local"
EARLY = {("td3_bc", HOPPER, "real"): [10, 20], ("td3_bc", HOPPER, "synther"): [0, 2]}
LATE = {("td3_bc", HOPPER, "real"): [50, 70], ("td3_bc", HOPPER, "synther"): [30, 30]}


@pytest.fixture
def spec() -> LearningSpec:
    return described(
        LearningSpec,
        "learning_curves",
        agents={"td3_bc": "TD3+BC", "iql": "IQL"},
        groups={"locomotion": [DatasetRow(HOPPER, "hopper-medium-v2")]},
        sources={"real": "real", "synther": "SynthER"},
        paper=PaperColumns("d4rl_corl", {"td3_bc": "TD3+BC"}, {"real": "Original (CORL)"}),
    )


@pytest.fixture
def rows() -> pd.DataFrame:
    found = (results(scores).query("step == 1000") for scores in (EARLY, LATE))
    return pd.concat(
        [rows.assign(step=step) for step, rows in zip((500, 1000), found, strict=True)]
    )


@pytest.fixture
def curves(spec: LearningSpec, rows: pd.DataFrame) -> Numbers:
    return measure(spec, rows)


def test_every_evaluation_by_hand(curves: Numbers) -> None:
    points = curves.frame[curves.frame["row"] == "point"]
    real = points[points["source"] == "real"].sort_values("step")
    assert real["value"].tolist() == [15.0, 60.0]
    assert real["low"].tolist() == [10.0, 50.0]  # of two seeds, the bootstrap finds either
    assert real["high"].tolist() == [20.0, 70.0]
    assert set(points["seeds"]) == {2}


def test_the_published_score_stands_beside(curves: Numbers) -> None:
    (theirs,) = curves.frame[curves.frame["row"] == "published"].itertuples()
    assert (theirs.dataset, theirs.source, theirs.agent) == (HOPPER, "real", "td3_bc")
    found = sheet(curves)
    (plot,) = found.plots
    assert [panel.key for panel in plot.panels] == [f"{HOPPER}|td3_bc"]  # IQL has no rows
    levels = [
        y
        for y, series in zip(plot.data["y"], plot.data["series"], strict=True)
        if series == f"{LEVEL}real"
    ]
    assert levels == [60.37]  # CORL's README
    (table,) = found.tables
    texts = [[cell.text for cell in row.cells] for row in table.rows]
    assert [row[4] for row in texts] == ["60.0 [50.0, 70.0]", "30.0 [30.0, 30.0]"]
    assert [row[-1] for row in texts] == ["60.4 ± 4.0", "—"]
    assert found.tidy["row"].count("published") == 1


def test_one_seed_has_no_band(spec: LearningSpec, rows: pd.DataFrame) -> None:
    found = sheet(measure(spec, rows[rows["seed"] == rows["seed"].min()]))
    assert "band" not in found.plots[0].data["mark"]


def test_a_misspelt_variant_is_refused(spec: LearningSpec, rows: pd.DataFrame) -> None:
    assert spec.paper is not None
    spec.paper.variants["real"] = "Orignal (CORL)"
    with pytest.raises(SyntherError, match="did you mean Original"):
        measure(spec, rows)
