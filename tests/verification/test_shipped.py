"""The results that the repository ships hold."""

from collections.abc import Callable
from pathlib import Path

import pytest

from synther.cli import main

REPOSITORY = Path(__file__).parents[2]


def test_the_reference_results_are_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert main(["verify", "--preset", "reference"]) == 0
    said = capsys.readouterr().out
    assert "among them 21 of the 21 runs" in said
    # Only models, samples and weights are left out of what is shipped
    assert {line.split()[0] for line in said.splitlines()[:-1]} == {"unverified"}


def test_an_experiment_that_cannot_be_resolved_is_named_and_the_rest_is_checked(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    edit_config: Callable[..., Path],
) -> None:
    monkeypatch.chdir(REPOSITORY)
    stand_in = "stands_for: hopper-full-replay-v2"
    edit_config("datasets.yaml", stand_in, "stands_for: hopper-expert-v2")
    main(["verify", "--preset", "reference", "--no-checksums"])
    said = capsys.readouterr().out
    assert "experiment small_data: preset 'reference' runs local stand-ins" in said
    assert "48 results checked" in said
