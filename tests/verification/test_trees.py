"""Two trees of results with known scores, and the paper's numbers beside one."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from result_rows import results

from synther import SyntherError
from synther.cli import main
from synther.statistics import published
from synther.verification.trees import Comparison, Pair, compare_trees
from synther.verification.trees_text import as_json, text

MEDIUM = ("hopper-medium-v2", "real", "td3_bc", "score")
REPLAY = ("hopper-medium-replay-v2", "synther", "td3_bc", "score")
ONLINE = ("hopper", "online", "sac", "return")
IQL = ("walker2d-medium-v2", "real", "iql", "score")
BC = ("walker2d-medium-v2", "real", "bc", "score")
RECORD = {
    "preset": "paper",
    "commit": "aaa",
    "settings": {"steps": 1000, "hidden": [256, 256]},
    "hardware": {"cpu": "one", "device": "cpu"},
    "data": {"path": "/somewhere", "sha256": "1"},
    "wall_time_s": 3.0,
}


def write(root: Path, name: tuple[str, ...], scores: list[float], **changed: Any) -> pd.DataFrame:
    dataset, source, agent, _ = name
    preset = changed.pop("preset", "paper")
    rows = results({(agent, dataset, source): scores}, preset)
    out = root / f"{dataset}/{source}/{agent}/seeds-0-{len(scores) - 1}.parquet"
    out.parent.mkdir(parents=True)
    rows.to_parquet(out)
    out.with_suffix(".json").write_text(json.dumps(RECORD | {"preset": preset} | changed))
    return rows


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    a, b = tmp_path / "a", tmp_path / "b"
    write(a, MEDIUM, [60.0, 62.0, 64.0, 66.0])
    write(b, MEDIUM, [50.0, 51.0, 52.0], commit="bbb", data={"path": "/else", "sha256": "1"})
    write(a, REPLAY, [40.0, 50.0])
    write(b, REPLAY, [41.0, 50.0], settings={"steps": 500, "hidden": [256, 256]})
    write(a, IQL, [1.0])
    write(b, BC, [1.0])
    return a, b


def pair(comparison: Comparison, name: tuple[str, ...]) -> Pair:
    return next(pair for pair in comparison.pairs if pair.name == name)


def test_results_behind_links_are_compared(trees: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = trees
    names = {pair.name for pair in compare_trees(a, b).pairs}
    (a / MEDIUM[0]).rename(tmp_path / "scratch")
    (a / MEDIUM[0]).symlink_to(tmp_path / "scratch")
    (tmp_path / "linked").symlink_to(a)
    assert {pair.name for pair in compare_trees(tmp_path / "linked", b).pairs} == names
    # what a job is about to write, and what an editor or another system leaves, is no result
    (a / MEDIUM[0] / "real/td3_bc/.seeds-0-3.0a1b2c3d.tmp.parquet").write_bytes(b"half")
    assert {pair.name for pair in compare_trees(a, b).pairs} == names
    (tmp_path / "scratch").rename(tmp_path / "unmounted")
    with pytest.raises(SyntherError, match=rf"{MEDIUM[0]} is a link that leads nowhere"):
        compare_trees(a, b)


def test_means_spreads_and_the_difference_with_its_interval(trees: tuple[Path, Path]) -> None:
    found = pair(compare_trees(*trees), MEDIUM)
    assert (found.a.mean, found.b.mean) == (63.0, 51.0)
    assert found.a.std == pytest.approx(np.std([60, 62, 64, 66], ddof=1))
    assert (found.a.seeds, found.b.seeds) == (4, 3)
    assert found.difference.value == 12.0
    # An independent bootstrap of the two means
    rng = np.random.default_rng(1)
    a = rng.choice([60.0, 62, 64, 66], (20_000, 4)).mean(axis=1)
    b = rng.choice([50.0, 51, 52], (20_000, 3)).mean(axis=1)
    low, high = np.percentile(a - b, [2.5, 97.5])
    assert found.difference.low == pytest.approx(low, abs=0.35)
    assert found.difference.high == pytest.approx(high, abs=0.35)
    assert found.apart
    assert not pair(compare_trees(*trees), REPLAY).apart


def test_what_the_records_differ_in(trees: tuple[Path, Path]) -> None:
    comparison = compare_trees(*trees)
    assert pair(comparison, MEDIUM).differs == {"commit": ("aaa", "bbb"), "seeds": ("4", "3")}
    assert pair(comparison, REPLAY).differs == {"settings.steps": ("1000", "500")}
    assert comparison.only_a == [IQL]
    assert comparison.only_b == [BC]


def test_a_tree_beside_itself_differs_in_nothing(trees: tuple[Path, Path]) -> None:
    a, _ = trees
    comparison = compare_trees(a, a)
    assert len(comparison.pairs) == 3
    assert not any(pair.differs or pair.difference.value for pair in comparison.pairs)
    assert not comparison.only_a + comparison.only_b


def test_the_paper_beside_a_tree(tmp_path: Path) -> None:
    a = tmp_path / "a"
    write(a, MEDIUM, [60.0, 62.0], preset="quick")
    write(a, ("hopper-medium-local", "synther", "td3_bc", "score"), [30.0, 32.0], preset="quick")
    write(a, ("hopper-medium-v2", "noise-additive", "td3_bc", "score"), [30.0], preset="quick")
    rows = write(a, ONLINE, [5.0, 6.0], preset="quick")
    comparison = compare_trees(a, "paper")
    found = pair(comparison, ("hopper-medium-local", "synther", "td3_bc", "score"))
    assert (found.b.mean, found.b.std, found.b.seeds) == (63.4, 4.2, 8)
    assert found.difference.value == pytest.approx(31.0 - 63.4)
    assert found.difference.low == pytest.approx(30.0 - 63.4)
    assert found.differs == {
        "preset": ("quick", "paper"),
        "data": ("collected here", "hopper-medium-v2"),
        "seeds": ("2", "8"),
    }
    assert "data" not in pair(comparison, MEDIUM).differs
    online = pair(comparison, ONLINE)
    assert online.a.mean == rows["return"].mean()
    assert online.b.mean > 1000  # an undiscounted return, not a score
    assert comparison.only_a == [("hopper-medium-v2", "noise-additive", "td3_bc", "score")]
    assert "63.4 ± 4.2† (8)" in text(comparison)
    # the quick preset checks the pipeline: nothing is said of how it stands to the paper
    assert not any(pair.apart for pair in comparison.pairs)
    assert comparison.notes[0].startswith("a check of the pipeline, not evidence")
    write(tmp_path / "b", MEDIUM, [80.0, 81.0, 80.5], preset="reference")
    evidence = compare_trees(tmp_path / "b", "paper")
    assert pair(evidence, MEDIUM).apart
    assert not any("pipeline" in note for note in evidence.notes)
    assert pair(compare_trees(tmp_path / "b", a), MEDIUM).apart  # of two trees of ours it is said
    assert any(note.startswith("† recalled") for note in comparison.notes)


def measured(root: Path, dataset: str, ks: float, **changed: Any) -> None:
    """A result of `synther fidelity` of two columns, whose marginal score is `ks`."""
    out = root / f"fidelity/{dataset}/synther.parquet"
    out.parent.mkdir(parents=True)
    columns = ("distance", "data_distance", "mse", "scaled_mse")
    pd.DataFrame({name: [1.0, 2.0] for name in columns}).to_parquet(out)
    record = {
        **RECORD,
        "dataset": dataset,
        "source": "synther",
        "ks_complement": [ks, ks],
        "correlation_similarity": [[None, 0.75], [0.75, None]],
        **{"histograms": {}, "columns": ["a", "b"], "real": 5},
    }
    out.with_suffix(".json").write_text(json.dumps(record | changed))


def test_measures_of_samples_have_no_seeds(trees: tuple[Path, Path]) -> None:
    a, b = trees
    measured(a, "hopper-medium-v2", 0.5)
    measured(b, "hopper-medium-v2", 0.25, commit="bbb")
    comparison = compare_trees(a, b)
    found = pair(comparison, ("hopper-medium-v2", "synther", "", "marginal"))
    assert (found.a.mean, found.b.mean, found.difference.value) == (0.5, 0.25, 0.25)
    assert not found.apart
    assert found.differs == {"commit": ("aaa", "bbb")}
    correlation = pair(comparison, ("hopper-medium-v2", "synther", "", "correlation"))
    assert (correlation.a.mean, correlation.difference.value) == (0.75, 0.0)
    assert re.search(r"synther +— +marginal +0\.5 +0\.25 +\+0\.25 ", text(comparison))
    names = [cell["name"] for cell in as_json(comparison)["pairs"]]
    assert ["hopper-medium-v2", "synther", "", "marginal"] in names


def test_published_measures_of_samples(tmp_path: Path) -> None:
    write(tmp_path, MEDIUM, [60.0])
    measured(tmp_path, "halfcheetah-medium-replay-v2", 0.9)
    found = compare_trees(tmp_path, "paper")
    name = ("halfcheetah-medium-replay-v2", "synther", "", "marginal")
    theirs = pair(found, name).b.published
    wanted = published.lookup("generators", name[0], "marginal", "Diffusion (SynthER)")
    assert theirs is not None
    assert wanted is not None
    assert (theirs.mean, theirs.status) == (wanted.mean, wanted.status)
    assert pair(found, name).differs == {}


def test_a_single_seed_has_no_interval(tmp_path: Path) -> None:
    write(tmp_path / "a", MEDIUM, [60.0])
    write(tmp_path / "b", MEDIUM, [50.0, 52.0])
    comparison = compare_trees(tmp_path / "a", tmp_path / "b")
    assert not comparison.pairs[0].apart
    (cell,) = as_json(comparison)["pairs"]
    assert cell["name"] == list(MEDIUM)
    assert cell["difference"] == {"value": 9.0, "low": None, "high": None}
    assert cell["a"]["std"] is None
    json.dumps(as_json(comparison), allow_nan=False)


def test_seeds_of_several_jobs_are_one_cell(tmp_path: Path) -> None:
    for name, first in (("a", 2), ("b", 4)):
        rows = results({("td3_bc", "hopper-medium-v2", "real"): [1.0, 2.0, 3.0, 4.0]})
        for part, seeds in enumerate((range(first), range(first, 4))):
            out = tmp_path / name / f"part-{part}.parquet"
            out.parent.mkdir(exist_ok=True)
            kept = rows[rows["seed"].isin(seeds)]
            if len(kept):
                kept.to_parquet(out)
                commit = {"commit": f"c{part}"}
                out.with_suffix(".json").write_text(json.dumps(RECORD | commit))
    (found,) = compare_trees(tmp_path / "a", tmp_path / "b").pairs
    assert found.a.seeds == found.b.seeds == 4
    assert found.differs == {"commit": ("c0 or c1", "c0")}


def test_results_without_a_record_say_so(trees: tuple[Path, Path]) -> None:
    a, b = trees
    next((b / "hopper-medium-v2").rglob("*.json")).unlink()
    differs = pair(compare_trees(a, b), MEDIUM).differs
    assert differs["record"] == ("not recorded", "none beside the result")


def test_trees_that_can_not_be_compared(trees: tuple[Path, Path], tmp_path: Path) -> None:
    a, _ = trees
    with pytest.raises(SyntherError, match="no folder of results"):
        compare_trees(tmp_path / "gone", a)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SyntherError, match="holds no results of agents"):
        compare_trees(a, tmp_path / "empty")
    write(tmp_path / "other", ("maze2d-umaze-v1", "real", "iql", "score"), [1.0])
    with pytest.raises(SyntherError, match="in common"):
        compare_trees(a, tmp_path / "other")
    write(a, ("maze2d-umaze-v1", "real", "iql", "score"), [1.0], preset="quick")
    with pytest.raises(SyntherError, match="presets paper, quick"):
        compare_trees(a, a)
    (tmp_path / "empty/x.parquet").write_text("nothing")
    with pytest.raises(SyntherError, match=r"x\.parquet is not a readable"):
        compare_trees(tmp_path / "empty", a)


def test_the_verb_prints_text_or_json_and_writes_csv(
    trees: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = map(str, trees)
    assert main(["compare", a, b, "--out", str(tmp_path / "out.csv")]) == 0
    out = capsys.readouterr().out
    assert "63.0 ± 2.6 (4)" in out
    assert "commit: aaa -> bbb (1 of 2)" in out
    table = pd.read_csv(tmp_path / "out.csv").set_index(["dataset", "source", "agent", "unit"])
    assert table.loc[MEDIUM, "difference"] == 12.0
    assert table.loc[REPLAY, "records_differ_in"] == "settings.steps: 1000 -> 500"
    assert main(["compare", a, b, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    differs = {tuple(cell["name"]): cell["differs"] for cell in content["pairs"]}
    assert differs.keys() == {MEDIUM, REPLAY}
    assert differs[REPLAY] == {"settings.steps": ["1000", "500"]}
    assert content["pairs"][0]["a"]["record"]["commit"] == ['"aaa"']
    assert main(["compare", a, b, "--out", str(tmp_path / "out.txt")]) == 1
    assert "must end in .csv" in capsys.readouterr().err


def test_comparing_needs_no_torch() -> None:
    code = "import sys, synther.verification.trees_text; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
