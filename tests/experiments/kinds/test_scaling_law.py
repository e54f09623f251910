"""The kind `scaling`: from records of losses to a sheet."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from synther.config import specs
from synther.errors import SyntherError
from synther.experiments import Experiments
from synther.experiments.kinds import make_sheet
from synther.experiments.kinds.scaling.numbers import measure
from synther.experiments.kinds.scaling.plan import ScalingSpec
from synther.jobs.files import write_json

DATASET = "hopper-medium-expert-local"


def made(tmp_path: Path, lacking: int = 0) -> ScalingSpec:
    """The quick preset's, with a record a fit of losses that follow a law."""
    spec = Experiments("quick").plan("scaling").describe()
    assert isinstance(spec, ScalingSpec)
    files: dict[str, dict[str, str]] = {}
    for k, source in enumerate(spec.sources):
        for m, share in enumerate(spec.shares):
            path = tmp_path / f"{source}-{share}.json"
            files.setdefault(source, {})[share] = str(path)
            n, d = 1000 * 4**k, 200 * 3**m
            loss = 0.4 + 3 * n**-0.5 + 2 * d**-0.4
            record = {"num_parameters": n, "transitions": d, "held_out_loss": loss}
            if len(spec.sources) * len(spec.shares) - (k * len(spec.shares) + m) > lacking:
                write_json(path, record | {"seen_loss": 0.9 * loss})
    return dataclasses.replace(spec, files={DATASET: files})


def test_a_law_is_shown_with_every_fit(tmp_path: Path) -> None:
    sheet = make_sheet(made(tmp_path), [])
    laws, fits = sheet.tables
    values = {row.cells[1].text: row.cells[2] for row in laws.rows}
    assert values["alpha"].value == pytest.approx(0.5, rel=0.01)
    assert values["beta"].value == pytest.approx(0.4, rel=0.01)
    assert values["alpha"].low is not None
    assert len(fits.rows) == 16
    for row in fits.rows:
        *_, seen, held_out, law = (cell.value for cell in row.cells)
        assert law == pytest.approx(held_out, rel=1e-3)
        assert seen < held_out
    assert [panel.x for plot in sheet.plots for panel in plot.panels] == [
        "parameters of the denoiser",
        "transitions fitted to",
    ]
    for plot, series in zip(sheet.plots, ("1pct", "synther"), strict=True):
        assert plot.series[0].key == series
        assert plot.data["mark"].count("points") == 16
        assert plot.data["mark"].count("line") == 4 * 30


def test_too_few_fits_are_shown_without_a_law(tmp_path: Path) -> None:
    sheet = make_sheet(made(tmp_path, lacking=8), [])  # two denoisers
    (fits,) = sheet.tables
    assert len(fits.rows) == 8
    assert {row.cells[-1].text for row in fits.rows} == {"—"}
    with pytest.raises(SyntherError, match="no result belongs to scaling"):
        measure(made(tmp_path / "none", lacking=16), None)


def test_denoisers_are_fitted_and_measured_and_nothing_else() -> None:
    paper, quick = Experiments("paper"), Experiments("quick")
    assert not paper.plan("scaling").runs()
    assert len(paper.plan("scaling").inputs()) == 2 * 5 * 4
    assert paper.plan("scaling").inputs()[0].endswith("synther-1pct/loss.json")
    # A preset's settings of a source are those of its shares too
    widths = [
        specs.source_settings(s, DATASET, "quick")["width"] for s in quick.plan("scaling").sources()
    ]
    assert sorted(set(widths)) == [16, 32, 64, 128]
