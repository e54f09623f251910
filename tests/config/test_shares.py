"""Parts of a dataset, as names have them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from synther.config import shares
from synther.config.shares import Share
from synther.config.specs import source_settings


@pytest.mark.parametrize(
    ("name", "base", "share"),
    [
        ("real-15pct", "real", Share(15, "pct")),
        ("noise-additive-1pct", "noise-additive", Share(1, "pct")),
        ("synther-300rows", "synther", Share(300, "rows")),
        ("synther-1000000rows", "synther", Share(1_000_000, "rows")),
        ("noise-additive-1000rows-draw12", "noise-additive", Share(1000, "rows", draw=12)),
        ("real-15pct-draw1", "real", Share(15, "pct", draw=1)),
    ],
)
def test_a_share_stands_at_the_end_of_a_source(name: str, base: str, share: Share) -> None:
    assert shares.split(name) == (base, share)
    assert f"{base}-{share}" == name


@pytest.mark.parametrize(
    "name",
    [
        *("real", "synther-200k", "synther-steps-32", "real-0pct", "real-100pct", "real-0rows"),
        *(
            "real-draw1",
            "real-15pct-draw0",
            "real-15pct-draw01",
            "real-15pct-draw",
            "synther-3step-draw1",
        ),
    ],
)
def test_other_names_have_none(name: str) -> None:
    assert shares.split(name) == (name, None)


def test_a_share_is_a_number_of_transitions() -> None:
    assert [Share(15, "pct").of(n) for n in (1000, 7)] == [150, 1]
    assert [Share(300, "rows").of(n) for n in (1000, 7)] == [300, 7]
    assert [Share(n, "rows").words for n in (100, 3000)] == [
        "100 transitions",
        "3,000 transitions",
    ]
    assert shares.listed({"percents": [1, 3]}) == [Share(1, "pct"), Share(3, "pct")]
    assert shares.listed({"rows": [100]}) == [Share(100, "rows")]
    assert shares.listed({}) == []


@pytest.mark.parametrize("source", ["synther-train-50k", "synther-steps-8"])
def test_a_presets_settings_of_a_source_hold_on_a_share_too(
    source: str, edit_config: Callable[..., Path]
) -> None:
    line = "per_source:         # on top of these\n"
    own = f"{line}  {source}: {{settings: {{sampling_steps: 5}}}}\n"
    edit_config("presets/quick.yaml", line, own)
    for name in (source, f"{source}-15pct", f"{source}-300rows"):
        found = source_settings(name, "hopper-medium-v2", "quick")
        assert found["sampling_steps"] == 5, name
