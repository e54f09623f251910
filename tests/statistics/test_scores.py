from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synther.errors import SyntherError
from synther.statistics import scores


def rows(
    values: dict[int, list[list[float]]],
    dataset: str = "d",
    source: str = "real",
    agent: str = "bc",
    preset: str = "quick",
) -> pd.DataFrame:
    """Rows of seed -> score of each episode of each evaluation."""
    return pd.DataFrame(
        [
            {
                "preset": preset,
                "dataset": dataset,
                "source": source,
                "agent": agent,
                "seed": seed,
                "step": 100 * (evaluation + 1),
                "episode": episode,
                "return": 10 * score,
                "length": 5,
                "score": score,
            }
            for seed, evaluations in values.items()
            for evaluation, episodes in enumerate(evaluations)
            for episode, score in enumerate(episodes)
        ]
    )


def test_results_are_read_in_any_order_and_sorted(tmp_path: Path) -> None:
    frame = rows({0: [[1.0]], 1: [[2.0]]})
    frame.astype({"dataset": "category"}).to_parquet(tmp_path / "seeds-0-1.parquet")
    rows({2: [[3.0]]}).to_parquet(tmp_path / "seeds-2-2.parquet")
    paths = [tmp_path / "seeds-2-2.parquet", tmp_path / "seeds-0-1.parquet"]
    results = scores.read_results(paths)
    assert list(results.columns) == list(scores.COLUMNS)
    assert results["score"].tolist() == [1.0, 2.0, 3.0]
    pd.testing.assert_frame_equal(results, scores.read_results(reversed(paths)))


DAMAGES: dict[str, tuple[Callable[[pd.DataFrame], Any], str]] = {
    "no score": (lambda f: f.drop(columns="score"), "column score is missing"),
    "NaN": (lambda f: f.assign(score=[1.0, np.nan]), "score has NaN"),
    "infinite": (lambda f: f.assign(**{"return": [np.inf, 1.0]}), "return has NaN or infinite"),
    "float seeds": (lambda f: f.astype({"seed": float}), "seed should hold integers"),
    "text scores": (lambda f: f.astype({"score": str}), "score should hold numbers"),
    "row twice": (lambda f: pd.concat([f, f.iloc[:1]]), "seed 0, step 100, episode 0 .* twice"),
    "no rows": (lambda f: f.iloc[:0], "no rows"),
    "no dataset": (lambda f: f.assign(dataset=[None, "d"]), "dataset has empty values"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_results_name_the_file_and_the_remedy(tmp_path: Path, damage: str) -> None:
    change, words = DAMAGES[damage]
    path = tmp_path / "broken.parquet"
    change(rows({0: [[1.0]], 1: [[2.0]]})).to_parquet(path)
    with pytest.raises(SyntherError, match=words) as caught:
        scores.read_results([path])
    assert str(path) in str(caught.value)
    assert "run its rule again" in str(caught.value)


def test_missing_and_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(SyntherError, match=r"absent\.parquet does not exist"):
        scores.read_results([tmp_path / "absent.parquet"])
    (tmp_path / "text.parquet").write_text("not parquet")
    with pytest.raises(SyntherError, match=r"text\.parquet is not a readable parquet"):
        scores.read_results([tmp_path / "text.parquet"])
    with pytest.raises(SyntherError, match="no result files"):
        scores.read_results([])


def test_the_same_row_in_two_files_names_both(tmp_path: Path) -> None:
    for name in ("a", "b"):
        rows({0: [[1.0]]}).to_parquet(tmp_path / f"{name}.parquet")
    with pytest.raises(SyntherError, match=r"a\.parquet and .*b\.parquet both hold d, real, bc"):
        scores.read_results([tmp_path / "a.parquet", tmp_path / "b.parquet"])


def test_final_score_is_the_last_evaluations_mean() -> None:
    final = scores.final_scores(rows({0: [[90.0, 90.0], [1.0, 2.0]], 1: [[0.0], [5.0, 8.0]]}))
    assert final["score"].tolist() == [1.5, 6.5]
    assert final["step"].tolist() == [200, 200]
    assert final["episodes"].tolist() == [2, 2]


def test_the_last_evaluations_may_be_averaged() -> None:
    two = scores.final_scores(rows({0: [[90.0], [1.0], [3.0]], 1: [[0.0], [5.0], [9.0]]}), 2)
    assert two["score"].tolist() == [2.0, 7.0]
    assert two["step"].tolist() == [300, 300]
    assert two["episodes"].tolist() == [2, 2]


def test_final_scores_refuse_unequal_ends_and_mixed_presets() -> None:
    with pytest.raises(SyntherError, match=r"seeds end at steps \[100, 200\]"):
        scores.final_scores(rows({0: [[1.0], [1.0]], 1: [[1.0]]}))
    mixed = pd.concat([rows({0: [[1.0]]}), rows({0: [[1.0]]}, preset="paper")])
    with pytest.raises(SyntherError, match="presets paper, quick"):
        scores.final_scores(mixed)


def test_matrix_has_seeds_down_and_datasets_across() -> None:
    final = scores.final_scores(
        pd.concat([rows({0: [[1.0]], 1: [[2.0]]}, "a"), rows({0: [[3.0]], 1: [[4.0]]}, "b")])
    )
    found = scores.coverage(final, "bc", ["real"], ["b", "a"]).matrices(final)
    np.testing.assert_array_equal(found["real"], [[3.0, 1.0], [4.0, 2.0]])


def test_coverage_is_what_all_sources_share_and_says_what_is_not() -> None:
    final = scores.final_scores(
        pd.concat(
            [
                rows({0: [[1.0]], 1: [[2.0]]}, "a"),
                rows({0: [[1.0]]}, "a", "synther"),
                rows({0: [[1.0]]}, "b"),
            ]
        )
    )
    covered = scores.coverage(final, "bc", ["real", "synther", "tvae"], ["a", "b"])
    assert covered.datasets == ["a"]
    assert covered.sources == ["real", "synther"]
    assert covered.seeds == [0]
    assert "results on b" in covered.notes[0]
    assert "missing on a (synther)" in covered.notes[1]
    assert "1 of 2 seeds" in covered.notes[1]
    assert scores.coverage(final, "iql", ["real"], ["a"]).datasets == []


def test_sources_that_end_at_different_steps_are_told() -> None:
    final = scores.final_scores(
        pd.concat([rows({0: [[1.0], [2.0]]}), rows({0: [[1.0]]}, source="synther")])
    )
    assert scores.budget_differences(final) == [
        "bc on d: sources end at different steps (real 200, synther 100)"
    ]
