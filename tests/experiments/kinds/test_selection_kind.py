"""The choice among policies as a table: what one episode and many give, held against the means."""

from __future__ import annotations

import pytest
from result_rows import described, results

from synther.experiments import Experiments
from synther.experiments.kinds import sheet_of as sheet
from synther.experiments.kinds.selection.numbers import measure
from synther.experiments.kinds.selection.plan import SelectionSpec
from synther.experiments.kinds.spec import DatasetRow, Numbers

HOPPER = "hopper-medium-local"
SCORES = {
    ("td3_bc", HOPPER, "real"): [10, 20, 30],
    ("iql", HOPPER, "real"): [40, 80],
    ("td3_bc", HOPPER, "synther"): [25],
}


@pytest.fixture
def choices() -> Numbers:
    spec = described(
        SelectionSpec,
        "selection",
        agents={"td3_bc": "TD3+BC", "iql": "IQL"},
        groups={"locomotion": [DatasetRow(HOPPER, "hopper-medium-v2")]},
        sources={"real": "real", "synther": "SynthER"},
        bootstrap_reps=50,
        episodes=10,
    )
    return measure(spec, results(SCORES))


def test_one_episode_gives_the_mean_and_many_the_best(choices: Numbers) -> None:
    real = choices.frame[choices.frame["source"] == "real"].set_index("episodes")
    assert real.loc[1, "value"] == pytest.approx(36, abs=2)
    assert real.loc[10, "value"] == pytest.approx(80, abs=0.5)  # episodes are 1 above or below
    pools = choices.frame[choices.frame["episodes"].isna()].set_index("source")
    assert pools.loc["real", ["policies", "mean", "best"]].tolist() == [5, 36.0, 80.0]
    assert pools.loc["real", "agents"] == ["iql", "td3_bc"]


def test_a_single_policy_has_its_score_and_no_interval(choices: Numbers) -> None:
    (table,) = sheet(choices).tables
    alone = [cell.text for cell in table.rows[1].cells]
    assert alone[2:] == ["25.0", "25.0", "25.0", "25.0", "1"]
    assert table.rows[0].cells[2].runs == (f"{HOPPER}|real|iql", f"{HOPPER}|real|td3_bc")
    (plot,) = sheet(choices).plots
    assert [label for _, label in plot.panels[0].x_ticks] == ["1", "5", "10"]


def test_the_shipped_entry_has_the_runs_of_table_1() -> None:
    matrix = Experiments("quick")
    own, table = matrix.plan("selection"), matrix.plan("table1")
    assert own.describe().episodes == 100  # type: ignore[attr-defined]
    assert set(own.results()) <= set(table.results())
