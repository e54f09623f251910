"""Tables and figures of generators: numbers by hand, every layout in every format."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from result_rows import described, results

from synther.errors import SyntherError
from synther.experiments.kinds import sheet_of as sheet
from synther.experiments.kinds.fidelity.numbers import measure
from synther.experiments.kinds.fidelity.plan import COLUMNS, FidelitySpec
from synther.experiments.kinds.fidelity.sheet import plots
from synther.experiments.kinds.spec import DatasetRow, Numbers, PaperColumns
from synther.sheets import writers
from synther.sheets.writers import markdown
from synther.statistics.measures import measures

CHEETAH = DatasetRow("halfcheetah-medium-replay-local", "halfcheetah-medium-replay-v2")
NAMES = ["observation_0", "action_0", "reward", "next_observation_0", "terminal"]
SOURCES = {"real": "real", "synther": "SynthER", "tvae": "TVAE", "noise": "noise"}
PAPER = PaperColumns(
    "generators",
    measures={"marginal": "marginal", "score": "eval_return"},
    variants={"synther": "Diffusion (SynthER)", "tvae": "VAE (TVAE)"},
)


def leave(folder: Path, source: str, shift: float, preset: str = "quick") -> dict[str, str]:
    """Write what measuring, fitting and sampling leave, with known numbers."""
    rows = pd.DataFrame(
        {
            "row": range(4),
            "distance": np.array([0.0, 1.0, 2.0, 5.0]) + shift,
            "data_distance": [0.5, 0.5, 3.0, 4.0],
            "mse": [0.1, 0.3, np.nan, 0.2],
            "scaled_mse": [0.01, 0.03, np.nan, 0.02],
        }
    )
    pairs = np.full((5, 5), 0.5)
    pairs[0, 1] = pairs[1, 0] = 1.0
    pairs[4] = pairs[:, 4] = np.nan
    record: dict[str, Any] = {
        "preset": preset,
        "columns": NAMES,
        "ks_complement": [1.0, 0.9, 0.8, 0.7, 0.6],
        "correlation_similarity": np.where(np.isnan(pairs), None, pairs.astype(object)).tolist(),
        "histograms": {
            "edges": [[0.0, 1.0, 2.0]] * 5,
            "real": [[0.5, 0.5]] * 5,
            "samples": [[0.2, 0.8]] * 5,
        },
        "real": 100,
        "measured": 4,
        "dynamics": {"rows": 3, "terminal": 1, "undetermined": 0, "diverged": 0},
    }
    folder.mkdir(parents=True, exist_ok=True)
    paths = {
        "fidelity": folder / f"{source}.parquet",
        "fit": folder / f"{source}-fit.json",
        "sample": folder / f"{source}-samples.json",
    }
    rows.to_parquet(paths["fidelity"])
    (folder / f"{source}.json").write_text(json.dumps(record))
    fitted = {"wall_time_s": 12.0, "num_parameters": 250, "transitions": 1000}
    paths["fit"].write_text(json.dumps(fitted))
    paths["sample"].write_text(json.dumps({"wall_time_s": 3.0}))
    return {kind: str(path) for kind, path in paths.items()}


@pytest.fixture
def spec(tmp_path: Path) -> FidelitySpec:
    files = {s: leave(tmp_path / "results", s, 0.1 * i) for i, s in enumerate(["synther", "noise"])}
    return described(
        FidelitySpec,
        "generators",
        layout="generators",
        title="Generators & more",
        is_evidence=False,
        agents={"td3_bc": "TD3+BC"},
        groups={"locomotion": [CHEETAH]},
        sources=SOURCES,
        factors={"": list(SOURCES)},
        files={CHEETAH.name: files},
        not_installed={"tvae": "ctgan"},
        paper=PAPER,
    )


SCORES = results(
    {
        ("td3_bc", CHEETAH.name, "real"): [40, 42, 44],
        ("td3_bc", CHEETAH.name, "synther"): [30, 40, 50],
    }
)


@pytest.fixture
def found(spec: FidelitySpec) -> Numbers:
    return measure(spec, SCORES)


def test_numbers_by_hand(found: Numbers) -> None:
    own = found.frame[found.frame["source"] == "synther"].set_index("measure")
    shown = own["value"].to_dict()
    whole = measures(*found.more[CHEETAH.name, "synther"])
    assert whole.items() >= {name: shown[name] for name in shown.keys() & whole.keys()}.items()
    assert whole | shown == {
        "marginal": pytest.approx(0.8),
        "worst": pytest.approx(0.6),
        "correlation": pytest.approx((1.0 + 5 * 0.5) / 6),  # pairs without the constant column
        "distance": pytest.approx(1.5),
        "data_distance": pytest.approx(1.75),
        "memorised": pytest.approx(50.0),  # 0.0 < 0.5 and 2.0 < 3.0
        "mse": pytest.approx(0.2),
        "scaled_mse": pytest.approx(0.02),
        "fit_s": 12.0,
        "sample_s": 3.0,
        "parameters": 250.0,
        "score": pytest.approx(40.0),
    }
    assert own.loc["score", ["agent", "std", "seeds"]].tolist() == ["td3_bc", 10.0, 3]
    real = found.frame[found.frame["source"] == "real"]
    assert real.loc[real["state"] == "measured", "measure"].tolist() == ["score"]


def test_a_dataset_is_held_against_the_size_of_its_denoiser(spec: FidelitySpec) -> None:
    sizes = dataclasses.replace(spec, layout="compression")
    own = measure(sizes, SCORES).frame.set_index(["source", "measure"])["value"]
    assert own["synther", "compression"] == 1000 * 5 / 250


def test_what_is_as_good_in_less_time_is_on_the_front(spec: FidelitySpec) -> None:
    """Scores of 10, 30, 20 and 40 in rising time: the third is no part of it. So are errors."""
    names = ["synther", "noise", "tvae", "flow"]
    varied = dataclasses.replace(
        spec,
        layout="cost",
        factors={"size": names[:3], "steps": names[1:]},
        sources={name: name for name in names},
        not_installed={},
        paper=None,
    )
    found = measure(varied, SCORES)
    cost = {"row": 0, "dataset": spec.rows[0].name, "agent": "", "paper_name": ""}
    records = []
    both = zip(names, (10.0, 30.0, 20.0, 40.0), (0.5, 0.2, 0.3, 0.1), strict=True)
    for place, (name, score, error) in enumerate(both):
        own = {**cost, "source": name, "factor": "size" if place < 3 else "steps", "std": 1.0}
        took = ("fit_s", place + 1.0), ("sample_s", 1.0)
        for measured, value in (*took, ("score", score), ("mse", error)):
            agent = "td3_bc" if measured == "score" else ""
            records.append({**own, "measure": measured, "value": value, "agent": agent})
    made = dataclasses.replace(found, frame=pd.DataFrame(records))
    (plot,) = plots(made)
    drawn = pd.DataFrame(plot.data)
    scores, errors = (drawn[drawn["panel"] == panel.key] for panel in plot.panels)
    fronts = ([[2, 10], [3, 30], [5, 40]], [[2, 0.5], [3, 0.2], [5, 0.1]])
    for own, front in zip((scores, errors), fronts, strict=True):
        assert own.loc[own["mark"] == "thin", ["x", "y"]].to_numpy().tolist() == front
        series = own.loc[own["mark"] == "points", "series"].tolist()
        assert series == ["size", "size", "size", "steps"]
    assert [panel.y for panel in plot.panels] == ["normalised score", "dynamics MSE"]
    assert [series.label for series in plot.series] == ["size", "steps"]  # there is no real data


def test_the_papers_numbers_stand_beside_with_their_status(found: Numbers) -> None:
    text = markdown.render(sheet(found))[".md"]
    lines = [" ".join(line.split()) for line in text.splitlines()]
    rows = {line.split("|")[2].strip(): line for line in lines if line.startswith("| half")}
    assert "0.800 | *0.989†*" in rows["SynthER"]
    assert "40.0 ± 10.0 | *45.9 ± 0.9†*" in rows["SynthER"]
    assert "not installed | *0.942†*" in rows["TVAE"]
    assert "† recalled, not checked against the paper" in text
    assert "pip install 'synther[ctgan]'" in text
    assert "a check of the pipeline, not evidence" in text
    assert "25.00%" in text  # of the samples are terminal
    frame = pd.DataFrame(sheet(found).tidy).set_index(["source", "measure"])
    assert frame.loc[("tvae", "marginal"), "state"] == "not installed"
    assert frame.loc[("synther", "marginal"), "paper_value"] == 0.989
    assert frame.loc[("synther", "marginal"), "paper_status"] == "recalled"
    assert frame.loc[("noise", "score"), "state"] == "missing"


@pytest.mark.parametrize("layout", COLUMNS)
def test_every_layout_is_written_in_every_format(
    spec: FidelitySpec, layout: str, tmp_path: Path
) -> None:
    changed = dataclasses.replace(spec, layout=layout)
    if layout in ("ablations", "cost"):
        changed = dataclasses.replace(
            changed, factors={"w": ["synther", "noise"], "n": ["synther"]}
        )
    if layout in ("diversity", "marginals"):
        changed = dataclasses.replace(changed, agents={}, paper=None)
    given = SCORES if changed.agents else pd.DataFrame()
    made = sheet(measure(changed, given))
    written = {path.suffix: path for path in writers.write(made, tmp_path / "out" / layout)}
    assert list(written) == writers.suffixes()
    before = {suffix: path.read_bytes() for suffix, path in written.items()}
    assert all(before.values())
    writers.write(made, tmp_path / "out" / layout)
    assert {suffix: path.read_bytes() for suffix, path in written.items()} == before
    assert len(made.plots) == (layout not in ("generators", "ablations"))
    frame = pd.read_csv(written[".csv"])
    assert set(frame["measure"]) == {m for m in COLUMNS[layout] if m != "score" or changed.agents}
    if layout == "compression":
        assert "the paper claims is 12.9x†" in written[".md"].read_text()
    if layout == "ablations":
        assert list(dict.fromkeys(frame["factor"])) == ["w", "n"]


def test_missing_results_leave_gaps_but_not_all_of_them(spec: FidelitySpec) -> None:
    nothing = dataclasses.replace(spec, files={})
    assert "—" in markdown.render(sheet(measure(nothing, SCORES)))[".md"]
    with pytest.raises(SyntherError, match="no result belongs to generators"):
        measure(nothing, pd.DataFrame())


def test_damaged_and_foreign_results_are_refused(spec: FidelitySpec, tmp_path: Path) -> None:
    path = Path(spec.files[CHEETAH.name]["noise"]["fidelity"])
    leave(tmp_path / "results", "noise", 0.0, preset="paper")
    with pytest.raises(SyntherError, match="of preset paper, not quick"):
        measure(spec, SCORES)
    path.write_bytes(b"cut short")
    with pytest.raises(SyntherError, match="not a readable parquet"):
        measure(spec, SCORES)
    path.with_suffix(".json").write_text("{")
    with pytest.raises(SyntherError, match="is damaged"):
        measure(spec, SCORES)


def test_misspelt_descriptions_offer_the_nearest(spec: FidelitySpec) -> None:
    with pytest.raises(SyntherError, match="did you mean diversity"):
        dataclasses.replace(spec, layout="divrsity")


def test_copies_are_a_hundred_percent_memorised() -> None:
    rows = pd.DataFrame(
        {"distance": [0.0] * 3, "data_distance": [0.1, 1.0, 2.0], "mse": 0.0, "scaled_mse": 0.0}
    )
    record = {"ks_complement": [1.0], "correlation_similarity": [[None]]}
    found = measures(record, rows)
    assert found["memorised"] == 100.0
    assert "correlation" not in found  # a single column has no pair
