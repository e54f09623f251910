"""Measures of samples: what `synther fidelity` and fits left, as numbers."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synther.errors import SyntherError
from synther.jobs.files import read_json
from synther.statistics.scores import read_parquet

AGAIN = "remove it and run its rule again"
Measured = tuple[dict[str, Any], pd.DataFrame]
"""What `synther fidelity` left of a source: about columns and dynamics, and a row a sample."""


def read_fidelity(path: Path, preset: str) -> Measured:
    """Return the record and the rows of one result of `synther fidelity`.

    Raises:
        SyntherError: it is damaged, or of another preset.
    """
    record = read_json(path.with_suffix(".json"), AGAIN)
    rows = read_parquet(path, AGAIN)
    keys = ("ks_complement", "correlation_similarity", "histograms", "columns", "real", "preset")
    lacking = [key for key in keys if key not in record]
    columns = ("distance", "data_distance", "mse", "scaled_mse")
    lacking += [name for name in columns if name not in rows]
    if lacking:
        raise SyntherError(f"{path} lacks {', '.join(lacking)}; {AGAIN}")
    if record["preset"] != preset:
        raise SyntherError(
            f"{path} is of preset {record['preset']}, not {preset}: give only its own"
        )
    return record, rows


def measures(record: dict[str, Any], rows: pd.DataFrame) -> dict[str, float]:
    """Return the numbers of one result: means, medians and shares over columns and samples.

    `marginal`: mean over columns of 1 - the Kolmogorov-Smirnov statistic; `worst`: the least;
    `correlation`: mean over pairs of columns that both vary; `distance` and `data_distance`:
    medians; `memorised`: percent of the samples that are closer to the data than their nearest
    transition there is to any other; `mse` and `scaled_mse`: means over the samples whose outcome
    the simulator knows; `terminals`: percent of the data's share of them, where it has any.
    """
    ks = np.array(record["ks_complement"], dtype=float)
    pairs = np.array(record["correlation_similarity"], dtype=float)
    upper = pairs[np.triu_indices(len(pairs), k=1)]
    of_data, of_samples = record.get("terminals", (0.0, 0.0))  # older records have none
    found = {
        "marginal": ks.mean(),
        "worst": ks.min(),
        "correlation": upper[~np.isnan(upper)].mean() if not np.isnan(upper).all() else math.nan,
        "distance": rows["distance"].median(),
        "data_distance": rows["data_distance"].median(),
        "memorised": 100 * (rows["distance"] < rows["data_distance"]).mean(),
        "mse": rows["mse"].mean(),
        "scaled_mse": rows["scaled_mse"].mean(),
        "terminals": 100 * of_samples / of_data if of_data else math.nan,
    }
    return {name: float(v) for name, v in found.items() if not math.isnan(v)}


def compression(path: Path, columns: int) -> float:
    """Return how many times larger a dataset is than the network fitted to it, both in float32.

    Args:
        path: the fit's record.
        columns: of the dataset's transitions.
    """
    fitted = read_json(path, AGAIN)
    return int(fitted["transitions"]) * columns / int(fitted["num_parameters"])
