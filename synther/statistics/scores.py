"""From the rows that training leaves to one score a seed: the last evaluation's mean."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from synther.errors import SyntherError
from synther.jobs.files import require_file
from synther.statistics.intervals import spread

TEXT_COLUMNS = ("preset", "dataset", "source", "agent")
INTEGER_COLUMNS = ("seed", "step", "episode")
NUMBER_COLUMNS = ("return", "length", "score")
COLUMNS = (*TEXT_COLUMNS, *INTEGER_COLUMNS, *NUMBER_COLUMNS)
RUN = ["dataset", "source", "agent"]
_KEY = [*TEXT_COLUMNS, *INTEGER_COLUMNS]
MOST_NAMED = 3
"""Most sources whose steps are told one by one."""
AGAIN = "remove it and its .json, and run its rule again"
MOST_ROWS = 50_000_000
"""A result of 8 seeds, 1000 evaluations and 100 episodes has 800,000."""


_CHECKS: tuple[tuple[Sequence[str], Callable[[pd.Series], bool], str], ...] = (
    (INTEGER_COLUMNS, lambda c: c.dtype.kind in "iu", "should hold integers, not {dtype}"),
    (NUMBER_COLUMNS, lambda c: c.dtype.kind in "iuf", "should hold numbers, not {dtype}"),
    (
        NUMBER_COLUMNS,
        lambda c: bool(np.isfinite(c.to_numpy(dtype=float)).all()),
        "has NaN or infinite values, so the run diverged or was damaged",
    ),
    (TEXT_COLUMNS, lambda c: not c.isna().any(), "has empty values"),
)


def read_parquet(path: Path, again: str) -> pd.DataFrame:
    """Return a parquet file's rows.

    Args:
        path: the file.
        again: how to make it again, for the error.

    Raises:
        SyntherError: it is missing, damaged, or claims more rows than a result can have.
    """
    require_file(path, "run the workflow rule that makes it")
    try:
        file = pq.ParquetFile(path)
        if file.metadata.num_rows > MOST_ROWS:
            raise ValueError(f"it claims {file.metadata.num_rows:,} rows")
        # Without threads: pyarrow 26 can abort the process at its exit while a pool winds down.
        # Without metadata: what pandas left there to rebuild its own types is of no use here.
        return file.read(use_threads=False).to_pandas(use_threads=False, ignore_metadata=True)
    except Exception as error:  # pyarrow raises a dozen kinds for a damaged file
        raise SyntherError(f"{path} is not a readable parquet file ({error}); {again}") from error


def read_result(path: Path) -> pd.DataFrame:
    """Read one result file, checked by itself; see `read_results`."""
    rows = read_parquet(path, AGAIN)
    if missing := [name for name in COLUMNS if name not in rows]:
        raise SyntherError(f"{path}: column {', '.join(missing)} is missing; {AGAIN}")
    rows = rows.loc[:, list(COLUMNS)]
    if rows.empty:
        raise SyntherError(f"{path} has no rows; {AGAIN}")
    for names, is_right, words in _CHECKS:
        for name in names:
            if not is_right(rows[name]):
                told = words.format(dtype=rows[name].dtype)
                raise SyntherError(f"{path}: column {name} {told}; {AGAIN}")
    for name in TEXT_COLUMNS:
        rows[name] = rows[name].astype(str).astype(object)
    if rows.duplicated(_KEY).any():
        first = rows[rows.duplicated(_KEY)].iloc[0]
        raise SyntherError(
            f"{path}: seed {first.seed}, step {first.step}, episode {first.episode} is there "
            f"twice; {AGAIN}"
        )
    return rows


def read_results(
    paths: Iterable[str | Path], reduce: Callable[[pd.DataFrame], pd.DataFrame] | None = None
) -> pd.DataFrame:
    """Read result files into one frame, checked.

    Args:
        paths: parquet files as training writes them, in any order.
        reduce: what to keep of each file's rows; keeps memory small where there are many.

    Returns:
        One row a (dataset, source, agent, seed, step, episode) with `COLUMNS`; `return` in reward
        units, `length` in environment steps, `score` normalised from 0 to 100.

    Raises:
        SyntherError: a file is missing, unreadable or empty, lacks a column, has the wrong type,
            NaN or infinite values, or a row twice; or two files hold the same row.
    """
    files = sorted({Path(path) for path in paths})
    if not files:
        raise SyntherError("no result files given; run the workflow first")
    frames = [reduce(read_result(path)) if reduce else read_result(path) for path in files]
    results = pd.concat(frames, ignore_index=True)
    key = [name for name in _KEY if name in results]
    repeated = results.duplicated(key, keep=False).to_numpy()
    if repeated.any():
        owner = np.repeat(np.arange(len(files)), [len(frame) for frame in frames])
        first = results[repeated].iloc[0]
        same = (results[key] == first[key]).all(axis=1).to_numpy()
        names = " and ".join(str(files[index]) for index in owner[same])
        raise SyntherError(
            f"{names} both hold {first.dataset}, {first.source}, {first.agent}, seed {first.seed}, "
            f"step {first.step}: give one of them"
        )
    return results.sort_values(key, ignore_index=True)


def belonging(
    spec: Any, results: pd.DataFrame, sources: Iterable[str] | None = None
) -> pd.DataFrame:
    """Return the rows that belong to a table or figure.

    Args:
        spec: of a table or figure, of which kind, name, preset, datasets and agents are looked at.
        results: rows as `read_results` returns them.
        sources: those that it shows, by default `spec.sources`.

    Raises:
        SyntherError: results of another preset are among them, or none belongs to it.
    """
    others = sorted(set(results["preset"]) - {spec.preset})
    if others:
        raise SyntherError(
            f"{spec.kind} {spec.name} is of preset {spec.preset}, but results of preset "
            f"{', '.join(others)} were given; give only its own"
        )
    wanted = results[
        results["dataset"].isin(spec.names)
        & results["agent"].isin(list(spec.agents))
        & results["source"].isin(list(spec.sources if sources is None else sources))
    ]
    if wanted.empty:
        raise SyntherError(
            f"no result belongs to {spec.kind} {spec.name}; run its workflow target first"
        )
    return wanted


def last_evaluations(results: pd.DataFrame, evaluations: int = 1) -> pd.DataFrame:
    """Return the rows of every seed's last evaluation, or of its last ones."""
    steps = results.groupby([*RUN, "seed"])["step"]
    return results[steps.rank(method="dense", ascending=False) <= evaluations]


def final_scores(results: pd.DataFrame, evaluations: int = 1) -> pd.DataFrame:
    """Return every seed's score at its last evaluation, the paper's metric.

    Args:
        results: rows as `read_results` returns them, of one preset.
        evaluations: that are averaged, the last ones; OGBench takes three.

    Returns:
        One row a (dataset, source, agent, seed) with `step` (the last evaluation's), `episodes`
        (their number there) and `score` (mean over these episodes, 0 to 100).

    Raises:
        SyntherError: there are several presets, or seeds of one run end at different steps.
    """
    presets = sorted(set(results["preset"]))
    if len(presets) > 1:
        raise SyntherError(
            f"results of presets {', '.join(presets)} given together: their budgets differ, so "
            "make a table of each"
        )
    last = last_evaluations(results, evaluations)
    scores = last.groupby([*RUN, "seed"], as_index=False).agg(
        step=("step", "max"), episodes=("score", "size"), score=("score", "mean")
    )
    for run, ends in scores.groupby(RUN)["step"]:
        if ends.nunique() > 1:
            raise SyntherError(
                f"{', '.join(run)}: seeds end at steps {sorted(int(step) for step in set(ends))}; "
                "finish or remove the shorter runs"
            )
    return scores


def by_run(scores: pd.DataFrame) -> pd.DataFrame:
    """Return `mean`, `std` (ddof = 1, NaN of one seed) and `seeds` of each run.

    Args:
        scores: as `final_scores` returns them.

    Returns:
        A row a run, whose index is `RUN`.
    """
    return scores.groupby(RUN)["score"].agg(
        mean=lambda values: values.to_numpy().mean(),
        std=lambda values: spread(values.to_numpy()),
        seeds="size",
    )


@dataclass(frozen=True)
class Coverage:
    """The datasets and seeds on which an agent's sources can be compared like with like.

    `notes` says in words what had to be left out, and why.
    """

    agent: str
    datasets: list[str]
    sources: list[str]
    seeds: list[int]
    notes: list[str]

    def matrices(self, scores: pd.DataFrame) -> dict[str, np.ndarray]:
        """Return source -> (seeds, datasets) scores, 0 to 100; none where nothing is in common."""
        rows = scores[(scores["agent"] == self.agent) & scores["dataset"].isin(self.datasets)]
        table = rows.pivot(index="seed", columns=["source", "dataset"], values="score")
        return {
            source: table[source].loc[self.seeds, self.datasets].to_numpy(dtype=float)
            for source in (self.sources if self.datasets else ())
        }


def coverage(
    scores: pd.DataFrame, agent: str, sources: Sequence[str], datasets: Sequence[str]
) -> Coverage:
    """Find what every source of an agent has in common.

    A source without any result is left out. A dataset counts where all remaining sources have
    results; a seed counts where it is there for all of these datasets and sources.

    Args:
        scores: as `final_scores` returns them.
        agent: the agent's slug.
        sources: sources to compare, in order.
        datasets: datasets to compare on, in order.
    """
    rows = scores[(scores["agent"] == agent) & scores["dataset"].isin(list(datasets))]
    table = rows.pivot(index="seed", columns=["dataset", "source"], values="score")
    active = [source for source in sources if source in set(rows["source"])]
    there = {name: [source for source in active if (name, source) in table] for name in datasets}
    common = [name for name, own in there.items() if own == active]
    if not active or not common:
        return Coverage(agent, [], active, [], ["no dataset has results of every source"])
    cells = table[[(name, source) for name in common for source in active]].dropna(how="all")
    shared = [int(seed) for seed in cells.dropna().index]
    notes = []
    if partly := [name for name, own in there.items() if own and own != active]:
        notes.append(f"not every source has results on {', '.join(partly)}; left out")
    if len(shared) < len(cells):
        short = [f"{name} ({source})" for name, source in cells if cells[name, source].isna().any()]
        notes.append(
            f"seeds are missing on {', '.join(short)}; aggregates use the "
            f"{len(shared)} of {len(cells)} seeds that all have"
        )
    return Coverage(agent, common if shared else [], active, shared, notes)


def budget_differences(scores: pd.DataFrame) -> list[str]:
    """Return a line for every (dataset, agent) whose sources ended at different steps."""
    lines = []
    for (dataset, agent), group in scores.groupby(["dataset", "agent"]):
        ends = group.groupby("source")["step"].max()
        if ends.nunique() > 1:
            common = ends.mode().iloc[0]
            named = ends[ends != common] if len(ends) > MOST_NAMED else ends
            listed = [f"{source} {step:,}" for source, step in named.items()]
            listed += [f"all others {common:,}"] * (len(named) < len(ends))
            where = f"{agent} on {dataset}"
            lines.append(f"{where}: sources end at different steps ({', '.join(listed)})")
    return lines
