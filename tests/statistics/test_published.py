from __future__ import annotations

from pathlib import Path

import pytest

from synther.errors import SyntherError
from synther.statistics import published

HEAD = ",".join(published.COLUMNS) + "\n"
ROW = "d4rl,locomotion,a-v2,BC,Original,1.5,0.5,4,recalled,from memory\n"


def test_a_number_with_its_status() -> None:
    number = published.lookup("d4rl", "hopper-medium-v2", "TD3+BC", "SynthER")
    assert number is not None
    assert (number.mean, number.std, number.seeds) == (63.4, 4.2, 8)
    assert (number.status, number.mark) == ("recalled", "†")
    assert "not checked" in number.provenance
    original = published.lookup("d4rl", "hopper-medium-v2", "TD3+BC", "Original")
    assert original is not None
    assert original.mark == "‡"
    assert published.lookup("d4rl", "hopper-medium-v2", "BC", "SynthER") is None


def test_numbers_without_seeds_have_none() -> None:
    number = published.lookup("vd4rl_source", "walker-walk-mixed", "BC", "Original (V-D4RL)")
    assert number is not None
    assert number.seeds is None


def test_every_status_in_the_file_has_a_mark_and_unchecked_ones_a_visible_one() -> None:
    for status in set(published.load()["status"]):
        assert published.mark(status) == "" if status == "seen" else published.mark(status)
    for status in ("recalled", "quoted", "secondhand", "ambiguous"):
        assert published.mark(status) == "†"


def test_footnotes_only_of_the_marks_used() -> None:
    assert published.footnotes(["seen"]) == []
    recalled = "† recalled, not checked against the paper."
    assert published.footnotes(["recalled", "seen"]) == [recalled]
    assert published.footnotes(["matches_corl", "quoted", "recalled"]) == [
        "† recalled or quoted second-hand, not checked against the paper.",
        "‡ recalled; equals CORL's published numbers.",
    ]


def test_an_average_is_as_certain_as_its_least_certain_number() -> None:
    assert published.weakest_mark(["matches_corl", "recalled", "seen"]) == "†"
    assert published.weakest_mark(["seen", "matches_corl"]) == "‡"
    assert published.weakest_mark(["seen"]) == published.weakest_mark([]) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD + ROW.replace("recalled,", "recaled,"), "line 2; did you mean recalled"),
        (ROW, "column table is missing"),
        (HEAD + ROW.replace("1.5", "high"), "column mean holds something"),
        (HEAD + ROW.replace("1.5", ""), "line 2: a row without a mean"),
        (HEAD + ROW + ROW, "on lines 2, 3"),
    ],
)
def test_faults_of_the_file_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    (tmp_path / "paper").mkdir()
    (tmp_path / "paper/results.csv").write_text(text)
    monkeypatch.setattr(published, "config_dir", lambda: tmp_path)
    with pytest.raises(SyntherError, match=words):
        published.lookup("d4rl", "a-v2", "BC", "Original")


def test_unknown_names_of_a_mapping_are_told() -> None:
    with pytest.raises(SyntherError, match="did you mean d4rl"):
        published.require_mapping("d4r", "SynthER")
    with pytest.raises(SyntherError, match="did you mean SynthER"):
        published.require_mapping("d4rl", "Synther")
    with pytest.raises(SyntherError, match="unknown status"):
        published.footnotes(["sure"])
    with pytest.raises(SyntherError, match="unknown claim"):
        published.claim("AVERAGE (scaled)")


@pytest.mark.parametrize(
    ("status", "source"), [("matches_corl", "d4rl_corl"), ("matches_vd4rl", "vd4rl_source")]
)
def test_what_is_said_to_equal_another_table_does_to_rounding(status: str, source: str) -> None:
    numbers = published.load()
    key = ["dataset", "agent"]
    theirs = numbers[numbers["table"] == source].set_index(key)
    same = numbers[(numbers["status"] == status) & (numbers["dataset"] != "AVERAGE")]
    assert len(same)
    for _, row in same.iterrows():
        there = theirs.loc[tuple(row[key])]
        for column in ("mean", "std"):
            assert row[column] == pytest.approx(there[column], abs=0.0501), tuple(row[key])


def test_a_mean_of_other_means_has_no_deviation_of_its_own() -> None:
    other = published.load()
    other = other[(other["table"] == "d4rl_other") & other["dataset"].str.startswith("AVERAGE")]
    assert len(other)
    assert other["std"].isna().all()


@pytest.mark.parametrize("table", ["d4rl", "vd4rl"])
def test_average_rows_are_means_of_means_and_of_deviations(table: str) -> None:
    """The rule of our average rows; two recalled deviations depart from it (see the README)."""
    numbers = published.load()
    numbers = numbers[numbers["table"] == table]
    own = numbers[~numbers["dataset"].str.startswith("AVERAGE")]
    ours = own.groupby(["family", "agent", "variant"])[["mean", "std"]].mean()
    theirs = numbers[numbers["dataset"] == "AVERAGE"].set_index(["family", "agent", "variant"])
    exceptions = [("maze2d", "TD3+BC", "Original"), ("V-D4RL", "BC", "SynthER")]
    for key, row in theirs.iterrows():
        assert row["mean"] == pytest.approx(ours.loc[key, "mean"], abs=0.0501)
        if key not in exceptions:
            assert row["std"] == pytest.approx(ours.loc[key, "std"], abs=0.0501)
