from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from result_rows import described, results

from synther.errors import SyntherError
from synther.experiments import Experiments
from synther.experiments.kinds import sheet_of as sheet
from synther.experiments.kinds.comparison.numbers import measure
from synther.experiments.kinds.comparison.plan import TableSpec
from synther.experiments.kinds.spec import DatasetRow, Numbers
from synther.sheets.writers import data, latex, markdown

HOPPER, WALKER = "hopper-medium-local", "walker2d-medium-v2"
# means over both datasets: 20 and 30 on real data, 25 and 36 on synthetic
SCORES = {
    ("td3_bc", HOPPER, "real"): [8, 10, 12],
    ("td3_bc", WALKER, "real"): [29, 30, 31],
    ("td3_bc_large", HOPPER, "real"): [18, 20, 22],
    ("td3_bc_large", WALKER, "real"): [39, 40, 41],
    ("td3_bc", HOPPER, "synther"): [15, 15, 15],
    ("td3_bc", WALKER, "synther"): [34, 35, 36],
    ("td3_bc_large", HOPPER, "synther"): [20, 22, 24],
    ("td3_bc_large", WALKER, "synther"): [50, 50, 50],
}


@pytest.fixture
def spec() -> TableSpec:
    return described(
        TableSpec,
        "large_networks",
        title="Larger networks",
        is_evidence=False,
        groups={"locomotion": [DatasetRow(HOPPER, "hopper-medium-v2"), DatasetRow(WALKER, WALKER)]},
        agents={"td3_bc": "TD3+BC", "td3_bc_large": "TD3+BC (large)"},
        sources={"real": "real", "synther": "SynthER"},
        larger={"td3_bc": "td3_bc_large"},
    )


def in_markdown(table: Numbers) -> str:
    """Return the table in Markdown, without the spaces that line its columns up."""
    text = markdown.render(sheet(table))[".md"]
    return re.sub(r" +\|", " |", re.sub(r"\| +", "| ", text))


@pytest.fixture
def table(spec: TableSpec) -> Numbers:
    return measure(spec, results(SCORES))


def test_pairs_are_of_agents_that_are_run(edit_config: Callable[..., Path]) -> None:
    edit_config("experiments.yaml", "{td3_bc: td3_bc_large,", "{td3_bc: td3_bc_larg,")
    with pytest.raises(SyntherError, match="did you mean td3_bc_large"):
        Experiments("paper").table("large_networks")


def changes(table: Numbers) -> pd.DataFrame:
    frame = table.frame
    return frame[frame["row"] == "scaling"].set_index(["from_source", "source"], drop=False)


def test_changes_by_hand(table: Numbers) -> None:
    found = changes(table)
    assert found.index.tolist() == [("real", "real"), ("synther", "synther"), ("real", "synther")]
    assert set(zip(found["from_agent"], found["agent"], strict=True)) == {
        ("td3_bc", "td3_bc_large")
    }
    assert found["value"].tolist() == pytest.approx([50.0, 44.0, 80.0])
    assert found.iloc[0][["from_mean", "mean"]].tolist() == [20.0, 30.0]
    both = found.iloc[2]
    assert both["low"] < 80.0 < both["high"]
    assert both[["datasets", "from_seeds", "seeds"]].tolist() == [2, 3, 3]
    assert found["paper_mean"].isna().tolist() == [True, True, False]
    assert both["paper_mean"] == 12.2


def test_every_format_has_them_with_the_claim_marked(table: Numbers) -> None:
    lines = in_markdown(table).splitlines()
    lead = "| TD3+BC → TD3+BC (large)"
    assert any(line.startswith(f"{lead} | real | 3 | 2 | 20.0 | 30.0 | +50.0 [") for line in lines)
    both = next(line for line in lines if line.startswith(f"{lead} | real → SynthER |"))
    assert both.endswith("| *+12.2†* |")
    text = latex.render(sheet(table))[".tex"]
    assert r"TD3+BC $\rightarrow$ TD3+BC (large) & real & 3 & 2 & 20.0 & 30.0 & +50.0" in text
    assert r"+12.2\textsuperscript{\textdagger{}}} \\" in text
    assert text.isascii()
    last = sheet(table).tables[-1]
    assert (last.title, last.rows[2].cells[1].text) == ("Larger networks", "real → SynthER")
    assert (last.rows[2].cells[-1].value, last.rows[2].cells[-1].mark) == (12.2, "†")
    frame = pd.read_csv(io.StringIO(data.render(sheet(table))[".csv"]))
    rows = frame[frame["row"] == "scaling"].set_index(["from_source", "source"])
    row = rows.loc[("real", "synther")]
    assert (row["from_agent"], row["agent"]) == ("td3_bc", "td3_bc_large")
    assert (row["from_mean"], row["mean"]) == (20.0, 36.0)
    assert row["value"] == pytest.approx(80.0)
    assert (row["paper_mean"], row["paper_status"]) == (12.2, "quoted")
    assert rows["paper_mean"].notna().sum() == 1


def test_footnotes_tell_the_claims_origin(table: Numbers) -> None:
    notes = [note.text for note in sheet(table).notes]
    assert "† quoted second-hand, not checked against the paper." in notes
    assert any("+12.2; paper sentence quoted second-hand" in note for note in notes)
    assert any("Which baseline it is over isn't known here" in note for note in notes)
    assert any(note.startswith("* Stand-ins") for note in notes)
    assert not any(note.startswith("No published numbers") for note in notes)


def test_without_the_claimed_agent_nothing_of_the_paper_is_printed(spec: TableSpec) -> None:
    other = dataclasses.replace(spec, agents=spec.agents | {"td3_bc": "TD3 and BC"})
    text = in_markdown(measure(other, results(SCORES)))
    assert "Larger networks" in text
    assert "aper" not in text
    assert "Stand-ins" not in text


def test_only_datasets_that_both_sizes_have(spec: TableSpec) -> None:
    fewer = {key: v for key, v in SCORES.items() if key != ("td3_bc_large", HOPPER, "real")}
    table = measure(spec, results(fewer))
    assert changes(table)["from_mean"].tolist() == [30, 35, 30]
    assert changes(table)["mean"].tolist() == [40, 50, 50]
    assert set(changes(table)["datasets"]) == {1}
    assert (
        "Larger networks, TD3+BC: over the 1 of 2 datasets that both sizes have." in table.omissions
    )
    none = {key: v for key, v in SCORES.items() if key[0] == "td3_bc"}
    table = measure(spec, results(none))
    assert changes(table).empty
    assert "Larger networks, TD3+BC: no dataset has results of both sizes." in table.omissions


def test_a_source_that_one_size_lacks_is_left_out(spec: TableSpec) -> None:
    fewer = {k: v for k, v in SCORES.items() if k[0] == "td3_bc" or k[2] == "synther"}
    table = measure(spec, results(fewer))
    assert changes(table).index.tolist() == [("synther", "synther")]


def test_one_seed_and_means_below_zero(spec: TableSpec) -> None:
    one = {key: values[:1] for key, values in SCORES.items()}
    table = measure(spec, results(one))
    assert np.isnan(changes(table)["low"].iloc[0])
    assert "| +52.4" not in in_markdown(table)
    assert "| 18.5 | 28.5 | +54.1 | — |" in in_markdown(table)
    below = SCORES | {("td3_bc", d, "real"): [-3, -2, -1] for d in (HOPPER, WALKER)}
    table = measure(spec, results(below))
    assert np.isnan(changes(table)["value"].iloc[0])
    text = in_markdown(table)
    assert "| -2.0 | 30.0 | — | — |" in text
    assert "No change is given relative to a mean that isn't above zero." in text
    assert "nan" not in text.lower().replace("maintenance", "")
