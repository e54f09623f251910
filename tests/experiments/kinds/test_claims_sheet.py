"""The sheet of the claims: each verdict with all that it rests on."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from claim_rows import DATASETS, claim, finals, spec

from synther.experiments.kinds import sheet_of as sheet
from synther.experiments.kinds.claims.numbers import CSV_COLUMNS, measure
from synther.experiments.kinds.claims.plan import Side
from synther.experiments.kinds.claims.verdicts import Verdict
from synther.experiments.kinds.spec import Numbers
from synther.sheets import writers
from synther.sheets.sheet import Sheet


@pytest.fixture
def court(tmp_path: Path) -> Numbers:
    absent = claim(tmp_path, "better", name="absent", of=Side("", [None, None]))
    return measure(spec(claim(tmp_path), absent), finals(1.0))


def test_all_formats(court: Numbers, tmp_path: Path) -> None:
    made = sheet(court)
    writers.write(made, tmp_path / "out/claims")
    assert Sheet.read(tmp_path / "out/claims.json") == made
    frame = pd.read_csv(tmp_path / "out/claims.csv")
    assert tuple(frame) == CSV_COLUMNS
    assert frame["verdict"].tolist() == ["reproduced", "not run"]
    assert frame.loc[0, ["seeds", "rule", "physics", "status"]].tolist() == [
        *(8, "parity", "d4rl", "recalled")
    ]
    markdown = (tmp_path / "out/claims.md").read_text(encoding="utf-8")
    assert "It learns as well†" in markdown
    assert "recalled, not checked against the paper" in markdown
    assert "within ±5 points" in markdown
    assert "Of 2 claims: 1 reproduced, 1 not run." in markdown
    latex = (tmp_path / "out/claims.tex").read_text(encoding="utf-8")
    assert latex.count(r"\textdagger") >= 2


def test_a_verdict_stands_with_all_that_it_rests_on(court: Numbers) -> None:
    table, origins = sheet(court).tables
    reproduced, absent = table.rows
    assert (reproduced.verdict, absent.verdict) == ("reproduced", "not run")
    cells = dict(zip([column.head for column in table.columns], reproduced.cells, strict=True))
    assert cells["Verdict"].text == "reproduced"
    assert (cells["Claim"].text, cells["Claim"].mark) == ("It learns as well", "†")
    effect = cells["Effect [95% interval]"]
    assert effect.text.startswith("+1.0 [+0.")
    assert effect.text.endswith("] points")
    assert effect.value == pytest.approx(1.0)
    assert effect.runs == tuple(
        f"{name}|{source}|td3_bc" for source in ("synther", "real") for name in DATASETS
    )
    words = [cells[head].text for head in ("Over", "Rule", "Seeds", "Datasets", "Physics")]
    assert words == [
        *("real", "parity: the 95% interval lies within ±5 points", "8 of 8", "2 of 2", "d4rl")
    ]
    assert [cell.text for cell in absent.cells][-1] == "no results to hold against real"
    assert not origins.is_drawn
    assert [cell.text for cell in origins.rows[0].cells][1:] == [
        *("recalled", "table1", "8 seeds; 1,000 updates")
    ]


def test_what_all_fall_short_in_is_said_once(tmp_path: Path) -> None:
    rows = finals(1.0, seeds=7, preset="small")
    two = [claim(tmp_path), claim(tmp_path, name="fewer", seeds=0)]
    made = sheet(measure(spec(*two, preset="small"), rows))
    assert [row.cells[-1].text for row in made.tables[0].rows] == ["7 of 8 seeds", "as all do"]
    (note,) = [note.text for note in made.notes if "falls short of the protocol: " in note.text]
    assert note.endswith(": preset small is below the protocol.")
    assert "preset small is below the protocol; 7 of 8 seeds" in made.tidy["falls_short"]


def test_every_verdict_that_decides_something_has_a_colour_on_the_page() -> None:
    layout = (Path(writers.__file__).parent / "page.typ").read_text(encoding="utf-8")
    colours = layout.partition("#let fills = (")[2].partition(")\n\n")[0]
    for verdict in Verdict:
        is_decided = verdict not in (Verdict.PIPELINE_CHECK, Verdict.NOT_RUN)
        assert (f'"{verdict.value}":' in colours) is is_decided
