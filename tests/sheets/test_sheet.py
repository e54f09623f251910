"""A sheet in and out of JSON, in every format, and in one that a test adds."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from synther.errors import SyntherError
from synther.sheets import (
    Cell,
    Column,
    Note,
    Panel,
    Plot,
    Row,
    Series,
    Sheet,
    Table,
    html,
    writers,
)
from synther.sheets.plot import MARKS, draw, svg
from synther.sheets.writers import latex, markdown

NAME = Column("Dataset", is_name=True)


@pytest.fixture
def sheet() -> Sheet:
    columns = (
        NAME,
        Column("real", ("Agent", "here")),
        Column("Original", ("Agent", "paper"), is_published=True),
    )
    rows = (
        Row(
            (
                Cell("maze|1*"),
                Cell("-1.0 ± 0.5", -1.0, 0.5, runs=("d|s|a",), agreement="close"),
                Cell("2.0", 2.0, mark="†"),
            ),
            "mazes",
        ),
        Row((Cell("Average"), Cell("-1.0", -1.0), Cell()), "mazes", is_total=True),
    )
    plot = Plot(
        data={
            "panel": ["p"] * 4,
            "series": ["s", "s", "t", "t"],
            "mark": ["line"] * 4,
            "x": [0.0, 1.0, 0.0, 1.0],
            "y": [1.0, 2.0, 2.0, None],
            "low": [None] * 4,
            "high": [None] * 4,
        },
        series=(Series("s", "first"), Series("t", "second")),
        panels=(Panel("p", "Panel", x_limits=(0.0, 1.0), x_ticks=((0.0, "start"),)),),
    )
    return Sheet(
        *("example", "comparison", "A title: 50% <b>", "quick", ("Preset quick: 3 seeds",)),
        banner="a check",
        tables=(
            Table("Scores", columns, rows),
            Table("Behind", (NAME,), (Row((Cell("x"),)),), is_drawn=False),
        ),
        plots=(plot,),
        notes=(Note("everywhere"), Note("drawn alone", "page"), Note("text alone", "text")),
        tidy={"dataset": ["maze", "maze"], "mean": [0.1 + 0.2, None], "seeds": [3, None]},
    )


def test_json_and_back(sheet: Sheet, tmp_path: Path) -> None:
    path = tmp_path / "sheet.json"
    path.write_text(sheet.to_json(), encoding="utf-8")
    assert Sheet.read(path) == sheet
    for text in ("", "[]", "{", '{"name": "x"}', '{"nonsense": 1}'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(SyntherError, match="is not what this version writes"):
            Sheet.read(path)


def test_every_format_is_written(sheet: Sheet, tmp_path: Path) -> None:
    paths = writers.write(sheet, tmp_path / "out")
    assert [path.suffix for path in paths] == writers.suffixes()
    assert set(writers.suffixes()) == {".csv", ".json", ".md", ".pdf", ".png", ".tex"}
    assert (tmp_path / "out.csv").read_text() == (
        "dataset,mean,seeds\nmaze,0.30000000000000004,3\nmaze,,\n"
    )
    assert Sheet.read(tmp_path / "out.json") == sheet


def test_text_formats_escape_what_they_have_to(sheet: Sheet) -> None:
    text = markdown.render(sheet)[".md"]
    assert "maze\\|1\\*" in text
    assert "*2.0†*" in text
    assert "**Average, mazes**" in text
    tex = latex.render(sheet)[".tex"]
    assert r"A title: 50\% \textless{}b\textgreater{}" in tex
    assert r"\textcolor{gray}{2.0\textsuperscript{\textdagger{}}}" in tex
    assert r"\cmidrule(lr){2-3}" in tex
    page = html.fragment(sheet)
    assert 'data-sort="-1.0"' in page
    assert 'data-keys="d|s|a"' in page
    assert "data:image/svg+xml;base64," in page
    for words, formats in (("drawn alone", [page]), ("text alone", [text, tex, page])):
        assert all(words in each for each in formats)
    assert "drawn alone" not in text + tex


def test_a_format_is_a_file(sheet: Sheet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "words.py").write_text(
        'SUFFIXES = (".txt",)\n\ndef render(sheet):\n    return {".txt": sheet.title}\n'
    )
    monkeypatch.setattr(writers, "__path__", [*writers.__path__, str(tmp_path)])
    assert ".txt" in writers.suffixes()
    writers.write(sheet, tmp_path / "out")
    assert (tmp_path / "out.txt").read_text() == sheet.title


def test_the_same_plot_is_the_same_bytes(sheet: Sheet) -> None:
    assert svg(sheet.plots[0]) == svg(sheet.plots[0])


@pytest.mark.parametrize("mark", MARKS)
def test_every_mark_is_drawn(sheet: Sheet, mark: str) -> None:
    plot = sheet.plots[0]
    data = plot.data | {"y": [1.0, 2.0, 2.0, 3.0], "low": [0.5] * 4, "high": [2.5] * 4}
    counts = [
        len(draw(dataclasses.replace(plot, data=own)).axes[0].get_children())
        for own in ({**data, "panel": ["none"] * 4}, {**data, "mark": [mark] * 4})
    ]
    assert counts[1] > counts[0]


def test_numpys_floats_and_nan_become_plain(sheet: Sheet) -> None:
    import numpy as np

    changed = dataclasses.replace(sheet, tidy={"x": [np.float64(1.5), float("nan")]})
    assert json.loads(changed.to_json())["tidy"] == {"x": [1.5, None]}


FIGURES = Path(__file__).parents[2] / "figures"
SHIPPED = [
    path for name in ("known", "reference") for path in sorted((FIGURES / name).glob("*.json"))
]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_is_shipped_is_what_this_version_writes(path: Path) -> None:
    sheet = Sheet.read(path)
    assert (sheet.preset, sheet.name) == (path.parent.name, path.stem)
    assert sheet.to_json() + "\n" == path.read_text(encoding="utf-8")
    for plot in sheet.plots:
        assert set(plot.data["mark"]) <= set(MARKS)
