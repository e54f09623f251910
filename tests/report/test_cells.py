from __future__ import annotations

import math

import pytest
from synther.report.cells import Cell, agreement, count, mark_of, measured, published

NONE = math.nan


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ((50.0, 1.0, 8), (54.9, 1.0, 8), "close"),
        ((50.0, 1.0, 8), (56.0, 1.0, 8), "lower"),
        ((60.0, 1.0, 8), (50.0, 1.0, 8), "higher"),
        ((60.0, 20.0, 8), (50.0, 20.0, 8), "noise"),  # 1.96 standard errors are 19.6
        ((60.0, NONE, 1), (50.0, 20.0, 8), "noise"),  # of 13.9 from the paper's side alone
        ((70.0, NONE, 1), (50.0, NONE, NONE), "higher"),
        ((NONE, NONE, NONE), (50.0, 1.0, 8), ""),
        ((50.0, 1.0, 8), (NONE, NONE, NONE), ""),
    ],
)
def test_agreement(ours: tuple, theirs: tuple, expected: str) -> None:
    assert agreement(ours, theirs, 5.0) == expected


def test_texts() -> None:
    assert measured(12.345, 0.5) == Cell("12.3 ± 0.5", 12.345)
    assert measured(0.5, bounds=(0.25, 0.75), digits=2).text == "0.50 [0.25, 0.75]"
    assert measured(NONE) == Cell("—")
    assert published(45.5, 0.3, "†") == Cell("45.5 ± 0.3†", 45.5, is_paper=True)
    assert count(8.0) == Cell("8", 8.0)
    assert mark_of("recalled;matches_corl") == "†"
    assert mark_of(NONE) == ""
    assert (measured(1, agreement="lower").sign, Cell("x").sign) == ("▼", "")
