"""Claims decided from rows that are made up so that the verdict is known."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from claim_rows import DATASETS, SEEDS, cells, claim, decide, finals, spec

from synther.errors import SyntherError
from synther.experiments.kinds import sheet_of as sheet
from synther.experiments.kinds.claims.numbers import measure, read
from synther.experiments.kinds.claims.plan import Cell, Side
from synther.experiments.kinds.claims.samples import correlations, marginals, matched_bins
from synther.experiments.kinds.claims.sheet import rule_text
from synther.experiments.kinds.claims.verdicts import Finding, Verdict
from synther.sheets import writers


@pytest.mark.parametrize(
    ("rule", "gap", "spread", "verdict"),
    [
        ("parity", 1.0, 1.0, Verdict.REPRODUCED),
        ("parity", -20.0, 1.0, Verdict.NOT_REPRODUCED),
        ("parity", 20.0, 1.0, Verdict.NOT_REPRODUCED),
        ("parity", 0.0, 40.0, Verdict.INCONCLUSIVE),  # no significant difference is no parity
        ("at_least", 20.0, 1.0, Verdict.REPRODUCED),
        ("at_least", -20.0, 1.0, Verdict.NOT_REPRODUCED),
        ("at_least", 0.0, 40.0, Verdict.INCONCLUSIVE),
        ("better", 2.0, 1.0, Verdict.REPRODUCED),
        ("better", -2.0, 1.0, Verdict.NOT_REPRODUCED),
        ("better", 2.0, 40.0, Verdict.INCONCLUSIVE),
    ],
)
def test_scores_at_the_protocol(
    tmp_path: Path, rule: str, gap: float, spread: float, verdict: Verdict
) -> None:
    outcome = decide(claim(tmp_path, rule), finals(gap, spread))
    assert outcome.verdict is verdict
    assert outcome.limits == []
    assert outcome.effect == pytest.approx(gap)
    assert (outcome.seeds, outcome.datasets, outcome.protocol_datasets) == (SEEDS, 2, 2)
    assert outcome.physics == "d4rl"


@pytest.mark.parametrize(
    ("gap", "verdict"),
    [
        (12.2 * 0.6, Verdict.REPRODUCED),
        (3.0, Verdict.NOT_REPRODUCED),
        (-3.0, Verdict.NOT_REPRODUCED),
    ],
)
def test_a_gain_in_percent(tmp_path: Path, gap: float, verdict: Verdict) -> None:
    wanted = claim(tmp_path, "gain", measure="percent", expected=12.2)
    outcome = decide(wanted, finals(gap))
    assert outcome.verdict is verdict
    assert outcome.effect == pytest.approx(100 * gap / 60)
    wide = decide(wanted, finals(12.2 * 0.6, 30.0))
    assert wide.verdict is Verdict.INCONCLUSIVE


def test_below_the_protocol_nothing_is_reproduced(tmp_path: Path) -> None:
    for gap, verdict in ((1.0, Verdict.INDICATIVE_FOR), (-20.0, Verdict.INDICATIVE_AGAINST)):
        outcome = decide(claim(tmp_path), finals(gap, preset="small"), preset="small")
        assert outcome.verdict is verdict
        assert outcome.limits == ["preset small is below the protocol"]
    assert "no verdict is more than indicative" in spec(claim(tmp_path), preset="small").banner_text


def test_a_preset_that_checks_the_pipeline_decides_nothing(tmp_path: Path) -> None:
    for gap, spread in ((1.0, 1.0), (-20.0, 1.0), (0.0, 40.0)):
        outcome = decide(claim(tmp_path), finals(gap, spread, preset="quick"), preset="quick")
        assert outcome.verdict is Verdict.PIPELINE_CHECK
        assert outcome.limits == ["preset quick checks the pipeline"]
    described = spec(claim(tmp_path), preset="quick")
    assert described.banner_text == "quick preset: a check of the pipeline, not evidence"
    made = sheet(measure(described, finals(1.0, preset="quick")))
    assert {row.verdict for row in made.tables[0].rows} == {"pipeline check"}
    writers.write(made, tmp_path / "out/claims")
    for suffix in ("md", "tex", "csv", "json"):
        text = (tmp_path / f"out/claims.{suffix}").read_text(encoding="utf-8")
        assert "pipeline check" in text
        assert "indicative" not in text


def test_whatever_falls_short_makes_it_indicative(tmp_path: Path) -> None:
    whole = claim(tmp_path)
    few = decide(whole, finals(1.0, seeds=7))
    assert (few.verdict, few.limits) == (Verdict.INDICATIVE_FOR, ["7 of 8 seeds"])

    stock = Side("SynthER", list(cells(tmp_path, "synther", physics="stock")))
    other = decide(dataclasses.replace(whole, of=stock), finals(1.0))
    assert (other.verdict, other.limits) == (Verdict.INDICATIVE_FOR, ["physics stock"])
    cells(tmp_path, "synther")

    (tmp_path / "hopper-real-td3_bc.json").unlink()
    unknown = decide(whole, finals(1.0))
    assert (unknown.verdict, unknown.limits) == (Verdict.INDICATIVE_FOR, ["physics unknown"])
    cells(tmp_path, "real")

    partly = finals(1.0).query("dataset == 'hopper'")
    assert decide(whole, partly).limits == ["1 of 2 datasets"]

    long = [dataclasses.replace(c, steps=1_000_000) for c in whole.of.cells if c]
    short = decide(dataclasses.replace(whole, of=Side("SynthER", list(long))), finals(1.0))
    assert (short.verdict, short.limits) == (
        Verdict.INDICATIVE_FOR,
        ["1,000 of 1,000,000 steps"],
    )

    local = [dataclasses.replace(c, paper_name=f"{c.dataset}-v2") for c in whole.of.cells if c]
    stand_in = decide(dataclasses.replace(whole, of=Side("SynthER", list(local))), finals(1.0))
    assert stand_in.verdict is Verdict.INDICATIVE_FOR
    assert stand_in.limits == ["datasets stand in for the paper's"]


def test_parity_with_nothing_decides_nothing(tmp_path: Path) -> None:
    rows = finals(0.0)
    rows["score"] -= 58
    outcome = decide(claim(tmp_path), rows)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "whoever learnt nothing would be at parity" in outcome.note


def test_of_several_the_hardest_decides(tmp_path: Path) -> None:
    rows = pd.concat(
        [
            finals(10.0),
            *(finals(8.0).query("source == 'real'").assign(source=f"noise-{i}") for i in (1, 2)),
        ]
    )
    rows.loc[rows["source"] == "noise-2", "score"] += 9.9
    others = [Side(name, list(cells(tmp_path, name))) for name in ("noise-1", "noise-2")]
    outcome = decide(claim(tmp_path, "better", against=others), rows)
    assert (outcome.against, outcome.verdict) == ("noise-2", Verdict.INCONCLUSIVE)
    lacking = decide(claim(tmp_path, "better", against=others), rows.query("source != 'noise-2'"))
    assert lacking.verdict is Verdict.INDICATIVE_FOR  # all have to hold, and one is not there
    assert lacking.limits == ["not held against noise-2"]
    neither = rows.query("source == 'synther'")
    outcome = decide(claim(tmp_path, "better", against=others), neither)
    assert outcome.verdict is Verdict.NOT_RUN
    assert outcome.limits == ["no results to hold against noise-1, noise-2"]


@pytest.mark.parametrize(
    ("gaps", "verdict"),
    [
        ((1.0, 1.0, -60.0), Verdict.REPRODUCED),  # on average it fails
        ((60.0, -20.0, -20.0), Verdict.NOT_REPRODUCED),  # on average it holds
        ((1.0, -20.0), Verdict.NOT_REPRODUCED),  # half is not most
    ],
)
def test_a_majority_counts_environments(
    tmp_path: Path, gaps: tuple[float, ...], verdict: Verdict
) -> None:
    rows, sides = [], {"synther": [], "real": []}
    for number, gap in enumerate(gaps):
        name = f"place{number}"
        place = finals(gap).query("dataset == 'hopper'").assign(dataset=name)
        rows.append(place)
        for source, made in sides.items():
            cell = cells(tmp_path, source)[0]
            made.append(dataclasses.replace(cell, dataset=name, paper_name=name))
    wanted = claim(
        tmp_path,
        "at_least",
        majority=True,
        of=Side("SynthER", list(sides["synther"])),
        against=[Side("real", list(sides["real"]))],
    )
    outcome = decide(wanted, pd.concat(rows))
    assert outcome.verdict is verdict
    assert outcome.effect == pytest.approx(np.mean(gaps))
    holds = sum(gap > -5 for gap in gaps)
    assert outcome.note == f"it holds on {holds} of {len(gaps)}, fails on {len(gaps) - holds}"
    assert "on most of them, at least parity" in rule_text(wanted)


def test_nothing_run_is_said_so(tmp_path: Path) -> None:
    empty = read([])
    outcome = decide(claim(tmp_path), empty)
    assert outcome.verdict is Verdict.NOT_RUN
    assert np.isnan(outcome.effect)
    absent = Side("SynthER", [None, None])
    assert decide(claim(tmp_path, of=absent), finals(0.0)).verdict is Verdict.NOT_RUN
    with pytest.raises(SyntherError, match="results of preset quick"):
        decide(claim(tmp_path), finals(0.0, preset="quick"))


def measured(folder: Path, source: str, ks: float, mse: float, far: float = 1.0) -> list[Cell]:
    """Results of `synther fidelity`, a dataset each: columns around `ks`, errors around `mse`."""
    made = []
    for number, dataset in enumerate(DATASETS):
        generator = np.random.default_rng(number)
        path, columns = folder / f"fidelity-{dataset}-{source}.parquet", 12
        record = {
            "preset": "paper",
            "ks_complement": (ks + generator.uniform(-0.01, 0.01, columns)).tolist(),
            "correlation_similarity": np.full((columns, columns), ks).tolist(),
            **{"histograms": {}, "columns": ["c"] * columns, "real": {}},
        }
        path.with_suffix(".json").write_text(json.dumps(record))
        size = 1000
        pd.DataFrame(
            {
                "distance": generator.uniform(0, far, size),
                "data_distance": 1.0,
                "mse": mse * generator.uniform(0.5, 1.5, size),
                "scaled_mse": 1.0,
            }
        ).to_parquet(path)
        fit = folder / f"fit-{dataset}-{source}.json"
        fit.write_text(json.dumps({"transitions": 43_000, "num_parameters": 40_000}))
        files = {"fidelity": str(path), "fit": str(fit)}
        made.append(Cell(dataset, dataset, source, "", 0, [], files))
    return made


def test_fidelity_over_columns(tmp_path: Path) -> None:
    ours = Side("SynthER", list(measured(tmp_path, "synther", 0.98, 1.0)))
    for ks, verdict in ((0.94, Verdict.INDICATIVE_FOR), (0.99, Verdict.INDICATIVE_AGAINST)):
        theirs = Side("VAE", list(measured(tmp_path, "tvae", ks, 1.0)))
        for name in ("marginal", "correlation"):
            wanted = claim(tmp_path, "better", measure=name, seeds=0, of=ours, against=[theirs])
            outcome = decide(wanted, read([]))
            assert outcome.verdict is verdict
            assert outcome.effect == pytest.approx(0.98 - ks)
            assert outcome.limits == ["one fit of each generator"]


def test_dynamics_at_equal_distance(tmp_path: Path) -> None:
    """What is far from the data has larger errors: only equal distances are compared."""
    ours = Side("SynthER", list(measured(tmp_path, "synther", 0.9, 1.0)))
    for error, verdict in ((3.0, Verdict.INDICATIVE_FOR), (0.3, Verdict.INDICATIVE_AGAINST)):
        theirs = Side("noise", list(measured(tmp_path, "noise", 0.9, error, far=0.5)))
        wanted = claim(tmp_path, "better", measure="dynamics", seeds=0, of=ours, against=[theirs])
        outcome = decide(wanted, read([]))
        assert outcome.verdict is verdict
        assert outcome.effect == pytest.approx(error, rel=0.05)
        assert outcome.note == "20 bins of distance"
    apart = measured(tmp_path, "far", 0.9, 1.0)
    for cell in apart:
        rows = pd.read_parquet(cell.files["fidelity"], use_threads=False)
        rows["distance"] += 10
        rows.to_parquet(cell.files["fidelity"])
    wanted = dataclasses.replace(wanted, against=[Side("far", list(apart))])
    outcome = decide(wanted, read([]))
    assert outcome.verdict is Verdict.INCONCLUSIVE


def test_bins_hold_both_sides_at_common_distances() -> None:
    near = pd.DataFrame({"distance": np.linspace(0, 1, 1000), "mse": 1.0})
    far = pd.DataFrame({"distance": np.linspace(0.5, 3, 2000), "mse": 2.0})
    far.loc[0, "mse"] = np.nan
    bins = matched_bins(near, far)
    assert 8 <= len(bins) <= 10
    assert all(set(a) == {1.0} and set(b) == {2.0} for a, b in bins)
    assert sum(len(a) for a, _ in bins) == pytest.approx(500, abs=3)
    assert sum(len(b) for _, b in bins) == pytest.approx(400, abs=3)
    assert matched_bins(near, far.assign(distance=far["distance"] + 9)) == []
    assert matched_bins(near, far.assign(mse=np.nan)) == []


@pytest.mark.parametrize(
    ("gap", "expected", "finding"),
    [
        (0.0, 12.9, Finding.FOR),
        (-20.0, 12.9, Finding.AGAINST),
        (0.0, 13.0, Finding.UNDECIDED),  # nothing so small was tried
    ],
)
def test_ratios_count_where_the_score_is_kept(
    tmp_path: Path, gap: float, expected: float, finding: Finding
) -> None:
    ours = [
        dataclasses.replace(c, files=m.files)
        for c, m in zip(
            cells(tmp_path, "synther"), measured(tmp_path, "synther", 0.9, 1.0), strict=True
        )
    ]
    wanted = claim(
        tmp_path, "ratio", measure="compression", expected=expected, of=Side("SynthER", list(ours))
    )
    outcome = decide(wanted, finals(gap))
    assert outcome.finding == finding
    assert outcome.effect == pytest.approx(12.9)  # 43,000 rows of 12 columns
    assert outcome.limits == []
    if expected < 13:
        assert "at 97.50% for one of 2" in outcome.note
    else:
        assert "no ratio of 13 was tried" in outcome.note
    # "up to" is shown by one dataset, and disproved by all of them alone
    partly = decide(dataclasses.replace(wanted, of=Side("SynthER", [ours[0], None])), finals(gap))
    assert partly.limits == ([] if finding is Finding.FOR else ["1 of 2 datasets"])


def test_pairs_are_resampled_by_their_columns() -> None:
    """Against a loop over resamples that lists every pair of drawn columns."""
    generator = np.random.default_rng(1)
    matrix = generator.normal(size=(6, 6))
    matrix = matrix + matrix.T
    matrix[0, 3] = matrix[3, 0] = np.nan
    found = correlations([matrix, matrix + 1], reps=4000)
    upper = matrix[np.triu_indices(6, k=1)]
    assert found.value == pytest.approx(np.nanmean(upper) + 0.5)
    means = []
    for _ in range(4000):
        sides = []
        for shift in (0, 1):
            drawn = generator.integers(6, size=6)
            values = [
                matrix[i, j] + shift
                for n, i in enumerate(drawn)
                for j in drawn[n + 1 :]
                if i != j and not np.isnan(matrix[i, j])
            ]
            sides += [np.mean(values)] if values else []
        means += [np.mean(sides)] if len(sides) == 2 else []
    expected = np.percentile(means, [2.5, 97.5])
    np.testing.assert_allclose([found.low, found.high], expected, atol=0.1)
    pairs = marginals([upper, upper + 1], reps=4000)  # as if pairs were independent
    assert found.high - found.low > 1.2 * (pairs.high - pairs.low)
