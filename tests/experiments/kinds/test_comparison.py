from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from result_rows import described, results

from synther.errors import SyntherError
from synther.experiments import Experiments
from synther.experiments.kinds import sheet_of as sheet
from synther.experiments.kinds.comparison.numbers import CSV_COLUMNS, measure
from synther.experiments.kinds.comparison.plan import TableSpec
from synther.experiments.kinds.spec import DatasetRow, Numbers, PaperColumns
from synther.sheets import writers
from synther.sheets.printed import number
from synther.sheets.writers import data, latex, markdown
from synther.statistics.intervals import IMPROVEMENT

HOPPER, WALKER, MAZE = "hopper-medium-local", "walker2d-medium-v2", "maze2d-umaze-v1"
# final scores by seed: means 10, 20, 30, 50 and sample deviations 2, 4, 1, 5
SCORES = {
    ("td3_bc", HOPPER, "real"): [8, 10, 12],
    ("td3_bc", HOPPER, "synther"): [16, 20, 24],
    ("td3_bc", WALKER, "real"): [29, 30, 31],
    ("td3_bc", WALKER, "synther"): [45, 50, 55],
    ("td3_bc", MAZE, "real"): [-2, 0, 2],
    ("td3_bc", MAZE, "synther"): [-1, 0, 1],
    ("bc", HOPPER, "real"): [5, 6, 7],
    ("bc", WALKER, "real"): [1, 2, 3],
    ("bc", WALKER, "synther"): [1, 2, 3],
}


@pytest.fixture
def spec() -> TableSpec:
    return described(
        TableSpec,
        "table1",
        title="D4RL: 50% & more",
        budget="quick: 1,000 updates, 3 seeds",
        is_evidence=False,
        groups={
            "Locomotion": [DatasetRow(HOPPER, "hopper-medium-v2"), DatasetRow(WALKER, WALKER)],
            "Maze2D": [DatasetRow(MAZE, MAZE)],
        },
        agents={"td3_bc": "TD3+BC", "bc": "BC"},
        sources={"real": "Real", "synther": "SynthER"},
        paper=PaperColumns(
            "d4rl",
            {"td3_bc": "TD3+BC", "bc": "BC"},
            {"real": "Original", "synther": "SynthER"},
        ),
        bootstrap_reps=40,
        physics="MuJoCo of today",
    )


@pytest.fixture
def table(spec: TableSpec) -> Numbers:
    return measure(spec, results(SCORES))


def in_markdown(table: Numbers) -> str:
    """Return the table in Markdown, without the spaces that line its columns up."""
    lines = markdown.render(sheet(table))[".md"].splitlines(keepends=True)
    return "".join(re.sub(r" +\|", " |", re.sub(r"\| +", "| ", line)) for line in lines)


def test_a_table_needs_agents(edit_config: Callable[..., Path]) -> None:
    edit_config("presets/quick.yaml", "  mixture: {", "  table1: {agents: []}\n  mixture: {")
    with pytest.raises(SyntherError, match="runs no agents of experiment 'table1'"):
        Experiments("quick").results("table1")


def of_kind(table: Numbers, kind: str, agent: str) -> pd.DataFrame:
    frame = table.frame
    return frame[(frame["row"] == kind) & (frame["agent"] == agent)]


def test_the_mean_of_the_last_evaluations_stands_in_a_table_of_its_own(spec: TableSpec) -> None:
    last = results(SCORES)
    before = last.assign(step=last["step"] - 1, score=last["score"] + 4.0)
    rows = pd.concat([before, last], ignore_index=True)
    assert "lately" not in set(measure(spec, rows).frame["row"])
    found = measure(dataclasses.replace(spec, evaluations=2), rows)
    lately = found.frame[found.frame["row"] == "lately"]
    assert len(lately) == len(SCORES)
    assert set(lately["metric"]) == {"score_last_2"}
    assert of_kind(found, "cell", "td3_bc")["mean"][:2].tolist() == [10, 20]
    block = in_markdown(found).partition("Mean of the last 2 evaluations")[2]
    assert f"| {HOPPER} | 12.0 ± 2.0 | 22.0 ± 4.0 | 8.0 ± 1.0 |" in block


def test_cells_and_averages_by_hand(table: Numbers) -> None:
    td3 = table.frame[table.frame["agent"] == "td3_bc"]
    found = td3[td3["row"].isin(["cell", "average", "overall"])]
    assert found["row"][::2].tolist() == ["cell", "cell", "average", "cell", "average", "overall"]
    assert found["mean"][:8].tolist() == [10, 20, 30, 50, 20, 35, 0, 0]
    assert found["std"][:8].tolist() == pytest.approx([2, 4, 1, 5, 1.5, 4.5, 2, 1])
    paper = [60.4, 63.4, 82.7, 84.8, 71.55, 74.1, 29.4, 37.6]
    assert found["paper_mean"][:8].tolist() == pytest.approx(paper)
    spreads = [4.0, 4.2, 5.5, 1.4, 4.75, 2.8, 14.2, 14.4]
    assert found["paper_std"][:8].tolist() == pytest.approx(spreads)
    overall = found[found["row"] == "overall"].iloc[0]
    assert overall["mean"] == pytest.approx(40 / 3)
    assert overall["datasets"] == 3


def test_like_is_averaged_with_like(table: Numbers) -> None:
    """BC has no synthetic result on hopper, so its averages leave hopper out on both sides."""
    averages = of_kind(table, "average", "bc")
    assert averages["mean"][:2].tolist() == [2.0, 2.0]
    assert averages["datasets"].tolist() == [1, 1, 0, 0]
    assert averages["mean"][2:].isna().all()
    assert (
        "Average of Locomotion: only datasets that all columns of the agent have (BC 1 of 2)."
        in [note.text for note in sheet(table).notes]
    )


def test_aggregates_are_those_of_the_shared_scores(table: Numbers) -> None:
    td3 = of_kind(table, "aggregate", "td3_bc").set_index(["source", "metric"])["value"]
    assert ("real", IMPROVEMENT) not in td3
    assert td3["synther", "mean"] == pytest.approx(70 / 3)
    # all pairs win on two datasets; on the maze 3 of 9 win, one ties, the rest lose by symmetry
    assert td3["synther", IMPROVEMENT] == pytest.approx((1 + 1 + 0.5) / 3)
    bc = of_kind(table, "aggregate", "bc")
    assert set(zip(bc["datasets"], bc["seeds"], strict=True)) == {(1, 3)}


def test_marks_and_footnotes(table: Numbers) -> None:
    notes = [note.text for note in sheet(table).notes]
    assert "† recalled, not checked against the paper." in notes
    assert "‡ recalled; equals CORL's published numbers." in notes
    assert not any(note.startswith(("§", "¶")) for note in notes)
    assert any("(NAME-local for NAME-v2)" in note and note.startswith("*") for note in notes)
    assert any("ddof = 1" in note and "2 episodes" in note for note in notes)
    assert any("40 resamples" in note for note in notes)
    assert "Intervals from fewer than 5 seeds are too narrow to rely on." in notes
    assert "No published numbers of BC are known for this table." in notes
    assert any(note.startswith("BC: not every source has results on") for note in notes)


def test_markdown(table: Numbers) -> None:
    lines = in_markdown(table).splitlines()
    assert "> **quick preset: a check of the pipeline, not evidence**" in lines
    assert "Preset quick: 1,000 updates, 3 seeds  " in lines
    assert "Physics: MuJoCo of today  " in lines
    hopper = "| hopper-medium-local\\* | 10.0 ± 2.0 | 20.0 ± 4.0 | *60.4 ± 4.0‡* | *63.4 ± 4.2†* |"
    assert f"{hopper} 6.0 ± 1.0 | — |" in lines
    averages = (
        "| **Average, Locomotion** | 20.0 ± 1.5 | 35.0 ± 4.5 | *71.6 ± 4.8‡* | *74.1 ± 2.8†* |"
    )
    assert f"{averages} 2.0 ± 1.0 | 2.0 ± 1.0 |" in lines
    assert any("0.83 [" in line for line in lines)


def test_latex(table: Numbers) -> None:
    text = latex.render(sheet(table))[".tex"]
    assert r"\caption{D4RL: 50\% \& more. Preset quick: 1,000 updates, 3 seeds." in text
    assert r"& \multicolumn{4}{c}{TD3+BC} & \multicolumn{2}{c}{BC} \\" in text
    assert r"\cmidrule(lr){2-5} \cmidrule(lr){6-7}" in text
    assert r"\textcolor{gray}{60.4 $\pm$ 4.0\textsuperscript{\textdaggerdbl{}}}" in text
    assert r"{\bfseries quick preset: a check of the pipeline, not evidence}" in text
    assert r"hopper-medium-local{*} & 10.0 $\pm$ 2.0" in text
    assert "\\emph{Maze2D}" in text
    assert text.isascii()
    assert text.count("{") == text.count("}")
    for line in text.splitlines():
        if line.startswith(("hopper", "walker", "maze", "Average", "Overall")):
            assert line.count(" & ") == 6


def test_csv(table: Numbers) -> None:
    frame = pd.read_csv(io.StringIO(data.render(sheet(table))[".csv"]))
    assert tuple(frame.columns) == CSV_COLUMNS
    assert set(frame["preset"]) == {"quick"}
    cells = frame[frame["row"] == "cell"].set_index(["dataset", "agent", "source"])
    hopper = cells.loc[HOPPER, "td3_bc", "synther"]
    assert (hopper["mean"], hopper["std"], hopper["seeds"]) == (20.0, 4.0, 3)
    assert (hopper["paper_name"], hopper["paper_mean"]) == ("hopper-medium-v2", 63.4)
    assert hopper["paper_status"] == "recalled"
    assert np.isnan(cells.loc[HOPPER, "bc", "synther"]["mean"])
    average = frame[(frame["row"] == "average") & (frame["agent"] == "td3_bc")].iloc[0]
    assert average["paper_status"] == "matches_corl"
    block = frame[(frame["row"] == "aggregate") & (frame["agent"] == "td3_bc")]
    improvement = block[block["metric"] == "probability_of_improvement"].iloc[0]
    assert improvement["low"] <= improvement["value"] <= improvement["high"]


BUILD = """
import sys
from pathlib import Path
from synther.sheets import Sheet, writers
writers.write(Sheet.read(Path(sys.argv[1])), Path(sys.argv[2]))
assert not {"torch", "mujoco"} & set(sys.modules)
"""


def test_files_are_the_same_bytes_each_time(table: Numbers, tmp_path: Path) -> None:
    """Also in another process, with other hash seeds, whatever the user's matplotlib style."""
    paths = writers.write(sheet(table), tmp_path / "here.v2")
    assert [path.name for path in paths] == [f"here.v2{suffix}" for suffix in writers.suffixes()]
    (tmp_path / "matplotlibrc").write_text("font.size: 30\nsavefig.dpi: 30\n")
    environment = os.environ | {
        "PYTHONHASHSEED": "7",
        "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"),
        "OMP_NUM_THREADS": "1",
    }
    arguments = [tmp_path / "here.v2.json", tmp_path / "there.v2"]
    subprocess.run([sys.executable, "-c", BUILD, *arguments], check=True, env=environment)
    for path in paths:
        other = path.with_name(path.name.replace("here", "there"))
        digests = [hashlib.sha256(p.read_bytes()).hexdigest() for p in (path, other)]
        assert digests[0] == digests[1], path.suffix
    assert b"CreationDate" not in (tmp_path / "here.v2.pdf").read_bytes()
    image = imread(tmp_path / "here.v2.png")
    margin = np.concatenate([image[:, :20].ravel(), image[:, -20:].ravel(), image[-20:].ravel()])
    assert (margin == 1).all()


def test_cells_lead_to_runs_and_say_how_they_stand_to_the_papers(table: Numbers) -> None:
    made = sheet(table)
    main = made.tables[0]
    assert [column.groups for column in main.columns[1:3]] == [("TD3+BC", "measured here")] * 2
    real, synthetic = main.rows[0].cells[1:3]
    assert (real.value, real.std, real.agreement) == (10.0, 2.0, "lower")
    assert synthetic.runs == (f"{HOPPER}|synther|td3_bc",)
    average = main.rows[2]
    assert (average.section, average.is_total) == ("Locomotion", True)
    assert average.cells[1].runs == (f"{HOPPER}|real|td3_bc", f"{WALKER}|real|td3_bc")
    assert (main.rows[0].cells[3].mark, main.rows[0].cells[3].status) == ("‡", "matches_corl")


def test_the_papers_own_protocol_has_no_banner(spec: TableSpec) -> None:
    full = dataclasses.replace(
        spec, is_paper_protocol=True, is_evidence=True, preset="paper", budget="full protocol"
    )
    text = in_markdown(measure(full, results(SCORES, "paper")))
    assert "not evidence" not in text
    assert "Preset paper: full protocol" in text


def test_one_seed_has_no_deviation_and_says_so(spec: TableSpec) -> None:
    one = {key: values[:1] for key, values in SCORES.items()}
    table = measure(spec, results(one))
    text = in_markdown(table)
    assert "| walker2d-medium-v2 | 29.0 | 45.0 |" in text
    assert "One seed: no standard deviation and no interval." in text
    assert "resamples" not in text
    assert "nan" not in text.lower()
    assert "nan" not in latex.render(sheet(table))[".tex"].lower()


def test_without_the_papers_numbers(spec: TableSpec) -> None:
    bare = dataclasses.replace(spec, paper=None, agents={"bc": "BC", "iql": "IQL"})
    text = in_markdown(measure(bare, results(SCORES)))
    assert "paper" not in text
    assert "†" not in text
    assert "IQL: no results yet." in text


def test_unequal_seeds_are_told(spec: TableSpec) -> None:
    fewer = SCORES | {("td3_bc", WALKER, "real"): [29, 30]}
    table = measure(spec, results(fewer))
    assert "Cells differ in their number of seeds: from 2 to 3." in [
        note.text for note in sheet(table).notes
    ]
    assert any("missing on walker2d-medium-v2 (real)" in note for note in table.omissions)
    assert set(of_kind(table, "aggregate", "td3_bc")["seeds"]) == {2}


def test_results_of_another_preset_or_table_are_refused(spec: TableSpec) -> None:
    with pytest.raises(SyntherError, match="preset paper were given"):
        measure(spec, results(SCORES, "paper"))
    with pytest.raises(SyntherError, match="no result belongs to comparison table1"):
        measure(dataclasses.replace(spec, agents={"iql": "IQL"}), results(SCORES))


@pytest.mark.parametrize(
    ("value", "text"),
    [(59.95, "60.0"), (4.925, "4.9"), (5.05, "5.1"), (-0.04, "0.0"), (-3.15, "-3.2")],
)
def test_numbers_are_rounded_as_in_print(value: float, text: str) -> None:
    assert number(value) == text
