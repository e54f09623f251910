"""All measures of one source's samples, in a result: a row a sample, and a record beside it."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synther.errors import SyntherError
from synther.fidelity import marginals
from synther.fidelity.dynamics import mean_squared_errors, simulate
from synther.fidelity.neighbours import Scale, nearest
from synther.jobs.checkpoint import Checkpoint
from synther.jobs.files import atomic_path, sha256, write_json
from synther.transitions import Transitions


@dataclass(frozen=True)
class Fidelity:
    """The measures of some samples.

    Attributes:
        rows: one a measured sample. `row`: its place in the samples; `distance`: least L2 distance
            to the data; `data_distance`: from that nearest transition of the data to its own
            nearest other; `mse`: mean squared error of (r, s') against the simulator, in the
            task's units; `scaled_mse`: the same with every entry in standard deviations of the
            data. Both are NaN where the simulator has no answer.
        record: JSON-ready: `columns`, `ks_complement`, `correlation_similarity`, `histograms`,
            `terminals`, their shares of all real rows and of all samples, and `dynamics`, which
            counts the rows left out.
    """

    rows: pd.DataFrame
    record: dict[str, Any]

    def save(self, path: str | Path, identity: dict[str, Any]) -> None:
        """Write rows to `path` (.parquet), and `identity` with the record to .json beside it."""
        record = Path(path).with_suffix(".json")
        record.unlink(missing_ok=True)  # of the rows that are replaced
        with atomic_path(path) as temporary:
            self.rows.to_parquet(temporary, index=False)
        write_json(record, {**identity, **self.record, "rows_sha256": sha256(path)})


def _draw(transitions: Transitions, number: int, generator: np.random.Generator) -> np.ndarray:
    if number >= len(transitions):
        return np.arange(len(transitions))
    return np.sort(generator.choice(len(transitions), size=number, replace=False))


def _plain(values: np.ndarray) -> list[Any]:
    """Return an array as lists, with None for NaN, which JSON has not."""
    plain = values.astype(object)
    plain[np.isnan(values)] = None
    return plain.tolist()


def measure(
    real: Transitions,
    samples: Transitions,
    task: str | None = None,
    number: int = 100_000,
    seed: int = 0,
    physics: str = "d4rl",
    threads: int = 1,
    checkpoint: Checkpoint | None = None,
) -> Fidelity:
    """Measure samples against the data that their generator was fitted to.

    Args:
        real: all transitions of the data; distances are to every one of them.
        samples: of which `number` are measured, drawn at random without replacement. Marginals and
            correlations hold them against as many real transitions, likewise drawn.
        task: whose simulator says what is true; None leaves the dynamics out, and so do rows of
            several steps.
        number: 2 or more; all samples where there are not as many.
        seed: of both draws.
        physics: "d4rl" or "stock".
        threads: of the simulator.
        checkpoint: where the search for neighbours, which takes longest, is saved.

    Raises:
        SyntherError: the widths differ, or there are too few rows.
    """
    started = time.monotonic()
    widths = [(t.observation_dim, t.action_dim) for t in (real, samples)]
    if widths[0] != widths[1]:
        raise SyntherError(
            f"real transitions have widths {widths[0]} (observation, action) and samples "
            f"{widths[1]}: they are not of one task"
        )
    if min(len(real), len(samples), number) < 2:
        raise SyntherError(
            f"{number} of {len(samples)} samples against {len(real)} real transitions: measuring "
            "takes 2 or more of each"
        )
    generator = np.random.default_rng(seed)
    chosen = _draw(samples, number, generator)
    measured, packed_real = samples[chosen], real.packed()
    packed = measured.packed()
    drawn = packed_real[_draw(real, number, generator)]
    record: dict[str, Any] = {
        "columns": marginals.column_names(*widths[0]),
        "ks_complement": _plain(marginals.ks_complements(drawn, packed)),
        "correlation_similarity": _plain(marginals.correlation_similarities(drawn, packed)),
        "histograms": marginals.histograms(drawn, packed),
        "terminals": [float(rows.terminals.mean()) for rows in (real, samples)],
    }
    scale = Scale(packed_real)
    first, second = (checkpoint and checkpoint.part(name) for name in ("nearest", "own"))
    distances, neighbours = nearest(packed, packed_real, scale, checkpoint=first)
    # many samples share a neighbour, whose own distance is worked out once
    unique, back = np.unique(neighbours, return_inverse=True)
    own, _ = nearest(packed_real[unique], packed_real, scale, unique, second)
    rows = pd.DataFrame({"row": chosen, "distance": distances, "data_distance": own[back]})
    rows["mse"] = rows["scaled_mse"] = np.nan
    is_step = measured.span.n_step == 1
    simulated = simulate(task, measured, physics, threads) if task and is_step else None
    if simulated is not None:
        rows["mse"], rows["scaled_mse"] = mean_squared_errors(measured, simulated, real)
        record["dynamics"] = {
            "physics": physics,
            "rows": int(simulated.valid.sum()),
            **simulated.left_out,
        }
    record |= {
        "measured": len(measured),
        "samples": len(samples),
        "real": len(real),
        "seed": seed,
        "wall_time_s": round(time.monotonic() - started, 1),
    }
    return Fidelity(rows, record)
