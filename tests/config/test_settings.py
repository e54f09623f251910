"""Typed settings: layers, casts, refusals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synther import SyntherError
from synther.config.settings import as_dict, parse_assignments, resolve


@dataclass(frozen=True)
class Example:
    steps: int = 10
    rate: float = 0.1
    hidden: tuple[int, ...] = (8, 8)
    betas: tuple[float, float] = (0.9, 0.99)
    batch_size: int | None = None
    threshold: float | None = 0.5
    flag: bool = False
    name: str = "a"


def made(**layer: Any) -> Example:
    return resolve(Example, layer, where="the test")


def test_later_layers_win_and_defaults_stay() -> None:
    settings = resolve(Example, {"steps": 1, "rate": 0.2}, {"steps": 2}, where="the test")
    assert settings == Example(steps=2, rate=0.2)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("rate", 3, 3.0),
        ("steps", 1e6, 1_000_000),
        ("hidden", [16, 32], (16, 32)),
        ("hidden", [], ()),
        ("batch_size", None, None),
        ("batch_size", 4, 4),
        ("threshold", None, None),
        ("flag", True, True),
    ],
)
def test_values_that_fit(key: str, value: Any, expected: Any) -> None:
    found = getattr(made(**{key: value}), key)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("steps", "many"),
        ("steps", 1.5),
        ("steps", True),
        ("steps", None),
        ("steps", math.inf),
        ("rate", "fast"),
        ("rate", True),
        ("rate", None),
        ("hidden", 16),
        ("hidden", ["a"]),
        ("hidden", "16"),
        ("hidden", [1.5]),
        ("batch_size", "all"),
        ("flag", 1),
        ("flag", "yes"),
        ("name", 3),
    ],
)
def test_ill_typed_values_are_refused_by_name(key: str, value: Any) -> None:
    with pytest.raises(SyntherError, match=f"setting '{key}' of the test is .*must be"):
        made(**{key: value})


def test_a_misspelt_setting_offers_the_nearest() -> None:
    with pytest.raises(SyntherError, match="'stepz' in the test; did you mean steps"):
        made(stepz=3)
    with pytest.raises(SyntherError, match="known: batch_size, betas"):
        made(qqqqqq=3)


def test_assignments_are_yaml() -> None:
    texts = ["steps=30", "hidden=[16, 16]", "rate=3e-4", "flag=true", "batch_size=null", "name=a=b"]
    assert parse_assignments(texts) == {
        "steps": 30,
        "hidden": [16, 16],
        "rate": 3e-4,
        "flag": True,
        "batch_size": None,
        "name": "a=b",
    }
    assert parse_assignments(["steps=1", "steps=2"]) == {"steps": 2}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("15e2", 1500), ("1e6", 1_000_000), ("1.5E+3", 1500), ("3e-4", 3e-4), ("1.0e3", 1000)),
        *(("1_000", 1000), ("-5", -5), ("0", 0), ("0.5", 0.5), (".5", 0.5), ("2.0", 2.0)),
        *(("0x10", 16), (".inf", math.inf), ("1:30", "1:30"), ("1.2.3", "1.2.3"), ("e5", "e5")),
    ],
)
def test_numbers_are_as_people_write_them(text: str, value: Any) -> None:
    for spaces in ("", " " * 6000):  # the other loader's too
        found = parse_assignments([f"a={spaces}{text}"])["a"]
        assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("text", ["0100", "-007", "00.5", "[64, 064]", "{a: 08}"])
def test_a_leading_zero_is_refused(text: str) -> None:
    """YAML 1.1 reads 0100 as 64."""
    with pytest.raises(
        SyntherError, match=r"--set steps=.*begins with a zero: write (-?[1-9]|0\.5)"
    ):
        parse_assignments([f"steps={text}"])


@pytest.mark.parametrize("text", ["steps", "=3", "hidden=[1,", "name=: :", ""])
def test_what_is_no_assignment_is_refused(text: str) -> None:
    with pytest.raises(SyntherError, match="--set"):
        parse_assignments([text])


@given(
    st.builds(
        Example,
        steps=st.integers(1, 10**9),
        rate=st.floats(0, 1),
        hidden=st.lists(st.integers(1, 512), max_size=4).map(tuple),
        batch_size=st.none() | st.integers(1, 4096),
        threshold=st.none() | st.floats(0, 1),
        flag=st.booleans(),
        name=st.text(),
    )
)
def test_plain_values_make_the_same_settings_again(settings: Example) -> None:
    assert resolve(Example, as_dict(settings), where="the test") == settings
