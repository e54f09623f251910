"""Claims, and rows made up for them so that the verdict is known."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from result_rows import described, results

from synther.experiments.kinds.claims.numbers import measure
from synther.experiments.kinds.claims.plan import Cell, Claim, ClaimsSpec, Side
from synther.statistics import evaluations

DATASETS = ("hopper", "walker")
SEEDS = 8


def cells(folder: Path, source: str, physics: str = "d4rl", agent: str = "td3_bc") -> list[Cell]:
    """A cell a dataset, whose record says with which physics it was run."""
    made = []
    for dataset in DATASETS:
        path = folder / f"{dataset}-{source}-{agent}.parquet"
        path.with_suffix(".json").write_text(json.dumps({"physics": physics}))
        made.append(Cell(dataset, dataset, source, agent, 1000, [str(path)], {}))
    return made


def claim(folder: Path, rule: str = "parity", **changes: Any) -> Claim:
    made = Claim(
        name="locomotion",
        statement="It learns as well",
        status="recalled",
        provenance="recalled",
        experiment="table1",
        budget="8 seeds; 1,000 updates",
        measure="score",
        rule=rule,
        margin=5.0,
        seeds=SEEDS,
        of=Side("SynthER", list(cells(folder, "synther"))),
        against=[Side("real", list(cells(folder, "real")))],
    )
    return dataclasses.replace(made, **changes)


def spec(*claims: Claim, preset: str = "paper") -> ClaimsSpec:
    """Of three presets: paper, small (evidence below the protocol), quick (no evidence)."""
    return described(
        ClaimsSpec,
        "claims",
        preset=preset,
        is_paper_protocol=preset == "paper",
        is_evidence=preset != "quick",
        agents={},
        claims=list(claims),
    )


def finals(gap: float, spread: float = 1.0, seeds: int = SEEDS, **of: Any) -> pd.DataFrame:
    """Scores around 60 on the data, and `gap` above on the samples."""
    noise = spread * np.linspace(-1, 1, seeds)
    rows = {("td3_bc", name, "real"): (60 + noise).tolist() for name in DATASETS}
    rows |= {("td3_bc", name, "synther"): (60 + gap + noise).tolist() for name in DATASETS}
    return evaluations.finals(results(rows, preset=of.get("preset", "paper")))


def decide(claim: Claim, rows: pd.DataFrame, preset: str = "paper") -> Any:
    """Return the row of a claim."""
    return next(measure(spec(claim, preset=preset), rows).frame.itertuples())
