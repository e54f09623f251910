"""Results of the quick preset, made up: files where the real ones would lie, in no time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from synther.experiments import Experiments

BUILT = ("table1", "small_data", "online", "generators")
MADE = (*BUILT, "claims")
PLOTS = ("small_data", "online")
"""Those of them that have a plot, which stands in the page as SVG."""
STEPS = (1000, 2000)
EPISODES = 2


def _record(**content: Any) -> dict[str, Any]:
    return {
        "commit": "0123456789abcdef",
        "physics": "d4rl",
        "hardware": {"cpu": "a processor", "cores": 2},
        "versions": {"synther": "0.1.0"},
        "wall_time_s": 12.5,
        **content,
    }


def _write(root: Path, path: str, content: dict[str, Any]) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(json.dumps(content))


def _run(root: Path, path: str) -> None:
    """Write the rows and the record of a run, whose scores follow from its path."""
    _, preset, kind, *names = path.split("/")
    dataset, source, agent = names[:3] if kind != "online" else (names[0], "online", names[1])
    first, last = map(int, Path(path).stem.split("-")[1:])
    generator = np.random.default_rng(sum(path.encode()))
    level = generator.uniform(10, 40) + (10 if source.startswith("synther") else 0)
    rows = [
        (preset, dataset, source, agent, seed, step, episode, 10 * score, 100, score)
        for seed in range(first, last + 1)
        for step in STEPS
        for episode, score in enumerate(level * step / 2000 + generator.normal(0, 2, EPISODES))
    ]
    names = ["preset", "dataset", "source", "agent", "seed", "step", "episode"]
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(rows, columns=[*names, "return", "length", "score"])
    frame.to_parquet(root / path)
    samples = f"results/{preset}/generators/{dataset}/{source}/samples.npz"
    record = _record(
        agent=agent,
        preset=preset,
        task=dataset,
        source=source,
        dataset=dataset,
        settings={"steps": STEPS[-1]},
        seeds=list(range(first, last + 1)),
        data={"path": samples, "sha256": "00"},
    )
    parts = ("simulator", "agent", "diffusion", "sampling", "evaluation")
    record["seconds"] = dict.fromkeys(parts, 2.5)
    _write(root, path.replace(".parquet", ".json"), record)


def _fidelity(root: Path, path: str) -> None:
    generator = np.random.default_rng(sum(path.encode()))
    columns = 6
    edges = np.linspace(0, 1, 5).tolist()
    record = _record(
        preset="quick",
        measured=200,
        real={},
        columns=[f"c{i}" for i in range(columns)],
        ks_complement=generator.uniform(0.8, 1, columns).tolist(),
        correlation_similarity=np.full((columns, columns), 0.9).tolist(),
        histograms={"edges": [edges] * columns, "real": [[0.25] * 4] * columns}
        | {"samples": [[0.25] * 4] * columns},
        dynamics={"terminal": 1, "undetermined": 0, "diverged": 0},
    )
    _write(root, path.replace(".parquet", ".json"), record)
    numbers = generator.uniform(0.1, 1, (200, 4))
    frame = pd.DataFrame(numbers, columns=["distance", "data_distance", "mse", "scaled_mse"])
    frame.to_parquet(root / path)


def make_results(root: Path, names: list[str]) -> None:
    """Write everything that some experiments of the quick preset are made from."""
    plan = Experiments("quick")
    for name in names:
        for path in plan.plan(name).inputs():
            if (root / path).exists():
                continue
            if "/fidelity/" in path:
                _fidelity(root, path.replace(".json", ".parquet"))
            elif path.endswith(".parquet"):
                _run(root, path)
            elif path.endswith(("fit.json", "samples.json")):
                model = str(Path(path).parent)
                content = _record(generator="diffusion", transitions=19_999)
                content |= {"num_parameters": 9_000, "model": {"path": model, "sha256": "00"}}
                _write(root, path, content)
