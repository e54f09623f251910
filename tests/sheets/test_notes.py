"""Footnotes: a template's list, with what the numbers say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import pandas as pd
import pytest

from synther.sheets import notes
from synther.sheets.sheet import Note


def written(folder: Path, template: str, seeds: list[float], **names: Any) -> list[Note]:
    folder.mkdir(exist_ok=True)
    (folder / "footnotes.j2").write_text(template, encoding="utf-8")
    found = SimpleNamespace(frame=pd.DataFrame({"seeds": seeds}), spec=SimpleNamespace(reps=2000))
    return notes.written(str(folder / "sheet.py"), found, **names)


def test_an_entry_is_a_footnote_and_says_where_it_stands(tmp_path: Path) -> None:
    template = (
        '{% import "notes.j2" as notes %}\n'
        '- Means over\n  {{ counts | counted("seed") }} & more - of {{ what }}.\n'
        "{% if 8 in counts %}\n- [page] Bands: {{ notes.bootstrap(spec.reps) }}.\n{% endif %}\n"
        "- [text] In brackets.\n"
        '{{ notes.each(["one", "two"]) }}'
    )
    nan = float("nan")
    assert written(tmp_path / "a", template, [8, 3, nan, 8], what="all") == [
        Note("Means over 3 to 8 seeds & more - of all."),
        Note(
            "Bands: 95% percentile intervals of a bootstrap over seeds, stratified by dataset "
            "(2,000 resamples; Agarwal et al., 2021).",
            "page",
        ),
        Note("In brackets.", "text"),
        Note("one"),
        Note("two"),
    ]
    assert [note.where for note in written(tmp_path / "a", template, [1], what="")][:2] == [
        "",
        "text",
    ]


def test_a_misspelt_name_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(jinja2.UndefinedError, match="wat"):
        written(tmp_path / "b", "- Means of {{ wat }}.", [8], what="all")


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ([8], []),
        ([3, 8], ["Intervals from fewer than 5 seeds are too narrow to rely on."]),
        ([1, 8], ["One seed has no standard deviation and no interval."]),
    ],
)
def test_few_seeds_are_told(tmp_path: Path, counts: list[float], told: list[str]) -> None:
    template = '{% import "notes.j2" as notes %}\n{{ notes.one_or_few(counts) }}'
    assert [note.text for note in written(tmp_path / "c", template, counts)] == told


def test_plans_need_no_templates() -> None:
    code = (
        "import sys; from synther.experiments import Experiments; "
        "quick = Experiments('quick'); [quick.table(name) for name in quick.made()]; "
        "sys.exit('jinja2' in sys.modules or 'pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
