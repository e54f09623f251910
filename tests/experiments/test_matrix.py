"""The matrix: what a preset runs, where it lies, with which settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from synther import SyntherError, config
from synther.config.specs import (
    agent_settings,
    source_settings,
    source_spec,
    stands_for,
    task_spec,
)
from synther.experiments import Experiments
from synther.planning.sizes import memory_mb


def test_table1_at_the_paper_is_the_whole_matrix() -> None:
    runs = Experiments("paper").plan("table1").runs()
    assert len(runs) == len(set(runs)) == (12 + 3) * 3 * 2
    assert len({run.dataset for run in runs}) == 12 + 3
    assert {(run.agent, run.source) for run in runs} == {
        (agent, source) for agent in ("td3_bc", "iql", "edac") for source in ("real", "synther")
    }
    assert {run.seeds for run in runs} == {tuple(range(8))}
    assert all(run.dataset.endswith(("-v2", "-v1")) for run in runs)


def test_the_appendix_runs_only_what_table1_does_not() -> None:
    paper = Experiments("paper")
    runs = paper.plan("appendix_offline").runs()
    assert not set(runs) & set(paper.plan("table1").runs())
    per_agent = {agent: [r for r in runs if r.agent == agent] for agent in ("cql", "bc", "iql")}
    assert {agent: len(found) for agent, found in per_agent.items()} == {
        "cql": (12 + 3 + 3) * 2,
        "bc": (12 + 3 + 3) * 2,
        "iql": 3 * 2,
    }
    assert all(run.dataset.startswith("antmaze-") for run in per_agent["iql"])


def test_the_curve_runs_every_source_at_every_share() -> None:
    paper = Experiments("paper")
    runs = paper.plan("small_data").runs()
    shares = [1, 3, 5, 10, 15, 20]
    assert list(map(str, paper.plan("small_data").shares())) == [f"{share}pct" for share in shares]
    assert {run.agent for run in runs} == {"td3_bc", "iql"}
    assert {run.source for run in runs} == {"real"} | {
        f"{source}-{percent}pct"
        for source in (
            "real",
            "synther",
            "noise-additive",
            "noise-multiplicative",
            "noise-dynamics",
        )
        for percent in shares
    }
    assert paper.real_data("hopper-medium-replay-v2", "synther-5pct").endswith("/5pct.npz")


def test_the_papers_first_figure_is_an_experiment_of_its_own() -> None:
    paper = Experiments("paper")
    assert "figures/figure1a.pdf" in paper.all_figures()
    runs = paper.plan("figure1a").runs()
    shared = {run.source for run in runs} - {"real"}
    assert {run.dataset for run in runs} == {"walker2d-medium-replay-v2"}
    assert {run.agent for run in runs} == {"iql"}
    assert len(runs) == len(shared) + 1 == 6
    assert {str(source_spec(source)["share"]) for source in shared} == {"15pct"}
    assert set(paper.results("figure1a")) <= set(paper.results("small_data"))
    claims = {claim["name"]: claim for claim in paper.table("claims")["claims"]}
    against = [side["cells"][0]["source"] for side in claims["figure1a"]["against"]]
    assert {*against, "synther-15pct"} == shared


def test_a_curve_over_transitions_has_a_rival() -> None:
    paper = Experiments("paper")
    runs = paper.plan("tiny_data").runs()
    cells = {(run.agent, run.source) for run in runs}
    sizes = (100, 300, 1000, 3000)
    own = {("td3_bc", f"{source}-{n}rows") for source in ("real", "synther") for n in sizes}
    rivals = ("td3_bc_regularised", "bc")
    assert cells == own | {(rival, f"real-{n}rows") for n in sizes for rival in rivals}
    folder = "results/paper/subsets/hopper-medium-v2"
    assert paper.real_data("hopper-medium-v2", "synther-300rows") == f"{folder}/300rows.npz"
    table = paper.table("tiny_data")
    assert (table["unit"], tuple(table["amounts"])) == ("rows", sizes)
    assert table["rivals"] == dict.fromkeys(rivals, "real")
    assert table["series"]["td3_bc_regularised"] == "TD3+BC, regularised (real)"
    assert table["agents"] == {"td3_bc": "TD3+BC"}
    assert source_spec("synther-3000rows")["title"] == "SynthER, 3,000 transitions"
    assert source_spec("real-15pct")["title"] == "real, 15%"


def test_an_experiment_may_have_seeds_of_its_own(edit_config: Callable[..., Path]) -> None:
    known = Experiments("known")
    assert (
        known.plan("table1").seeds("real"),
        known.plan("tiny_data").seeds("real-300rows"),
    ) == (4, 8)
    tiny = {run.seeds for run in known.plan("tiny_data").runs()}
    assert tiny == {tuple(range(8))}
    seeds = {run.source: 0 for run in known.plan("figure1a").runs()}
    for run in known.plan("figure1a").runs():
        seeds[run.source] += len(run.seeds)
    eight = {"real-15pct", "synther-15pct"}
    assert {source: 8 if source in eight else 4 for source in seeds} == seeds
    assert known.plan("figure1a").budget().startswith("4 or 8 seeds; 100,000 updates; 300,000")
    assert (
        known.plan("tiny_data")
        .budget()
        .startswith(
            "8 seeds; 50,000 updates; networks of 128; 1,000,000 transitions a dataset; "
            "diffusion: 100,000 samples, width 256, 30,000 steps"
        )
    )
    edit_config("presets/known.yaml", "real-15pct: 8", "real-15rows: 8")
    with pytest.raises(SyntherError, match="unknown source pattern 'real-15rows'"):
        Experiments("known").plan("figure1a").runs()


def test_shares_have_settings_of_their_own() -> None:
    tiny = agent_settings("td3_bc", "hopper-medium-local", "known", "real-300rows")
    assert (tiny["hidden"], tiny["steps"], tiny["batch_size"]) == ([128, 128], 50_000, 256)
    rival = agent_settings("td3_bc_regularised", "hopper-medium-local", "known", "real-300rows")
    assert rival == tiny | {"alpha": 1.0, "weight_decay": 0.1}
    share = agent_settings("iql", "walker2d-medium-replay-local", "known", "synther-15pct")
    assert (share["hidden"], share["steps"]) == ([256, 256], 100_000)
    known = Experiments("known")
    assert [known.samples(f"synther-{s}") for s in ("300rows", "15pct")] == [100_000, 1_000_000]
    widths = [
        source_settings(f"synther-{s}", "hopper-medium-local", "known")["width"]
        for s in ("300rows", "15pct")
    ]
    assert widths == [256, 512]


def test_shares_that_an_experiment_lacks_are_refused(edit_config: Callable[..., Path]) -> None:
    edit_config("presets/quick.yaml", "percents: [1, 3]", "percents: [1, 4]")
    with pytest.raises(SyntherError, match="unknown share '4pct'"):
        Experiments("quick").plan("small_data").runs()


def test_larger_agents_run_beside_the_ones_they_are_like() -> None:
    paper = Experiments("paper")
    pairs = paper.table("large_networks")["larger"]
    assert pairs == {"td3_bc": "td3_bc_large", "iql": "iql_large"}
    for preset in config.preset_names():
        if "large_networks" not in Experiments(preset).specs:
            continue
        for small, large in pairs.items():
            sizes = [agent_settings(a, "hopper-medium-v2", preset) for a in (small, large)]
            assert max(sizes[0]["hidden"]) < max(sizes[1]["hidden"]), preset
            assert sizes[0]["batch_size"] < sizes[1]["batch_size"], preset


def test_results_lie_where_their_identity_says() -> None:
    results = Experiments("paper").results("table1")
    assert "results/paper/offline/hopper-medium-v2/synther/td3_bc/seeds-0-7.parquet" in results
    assert len(set(results)) == len(results)


def test_quick_runs_stand_ins_of_the_same_matrix() -> None:
    quick = Experiments("quick")
    runs = quick.plan("table1").runs()
    assert {(run.agent, run.source) for run in runs} == {
        (run.agent, run.source) for run in Experiments("paper").plan("table1").runs()
    }
    assert all(run.dataset.endswith("-local") for run in runs)
    groups = quick.plan("table1").chosen()
    assert [stands_for(r.dataset) for r in runs[::6]] == groups["locomotion"] + groups["maze2d"]
    assert quick.run_name("hopper-medium-v2") == "hopper-medium-local"
    assert Experiments("paper").run_name("hopper-medium-v2") == "hopper-medium-v2"


def test_paths_of_files() -> None:
    paper, quick = Experiments("paper"), Experiments("quick")
    assert "figures/table1.pdf" in paper.figures("table1")
    assert "figures/quick/table1.pdf" in quick.figures("table1")
    suffixes = {path.rpartition(".")[2] for path in paper.all_figures()}
    assert suffixes == {"csv", "json", "md", "pdf", "png", "tex"}
    assert paper.dataset_file("hopper-medium-v2") == "data/d4rl/hopper_medium-v2.hdf5"
    assert quick.dataset_file("hopper-medium-local") == "data/quick/local/hopper-medium-local.hdf5"
    assert quick.training_data("hopper-medium-local", "real") == quick.dataset_file(
        "hopper-medium-local"
    )
    assert (
        quick.training_data("hopper-medium-local", "synther")
        == "results/quick/generators/hopper-medium-local/synther/samples.npz"
    )


def test_the_files_of_datasets_are_where_load_dataset_looks(tmp_path: Path) -> None:
    from synther.datasets import dataset_path

    quick = Experiments("quick")
    name = "hopper-medium-local"
    file = tmp_path / quick.dataset_file(name)
    file.parent.mkdir(parents=True)
    file.touch()
    assert dataset_path(name, tmp_path / quick.dataset_root(name)) == file


def test_settings_are_copies() -> None:
    agent_settings("td3_bc", "hopper-medium-v2")["steps"] = 1
    assert agent_settings("td3_bc", "hopper-medium-v2")["steps"] == 1_000_000


def test_seeds_are_cut_into_blocks(edit_config: Callable[..., Path]) -> None:
    edit_config("presets/quick.yaml", "seeds: 4\nseeds_per_job: 4", "seeds: 5\nseeds_per_job: 2")
    quick = Experiments("quick")
    assert quick.seed_blocks() == [(0, 1), (2, 3), (4,)]
    assert any(path.endswith("/seeds-4-4.parquet") for path in quick.results("table1"))


def test_the_budget_is_said_in_words() -> None:
    said = {
        "paper": (
            "8 seeds",
            "1,000,000 or 3,000,000 updates",
            "5,000,000 samples, width 2,048",
            "all 15 datasets",
        ),
        "quick": (
            "4 seeds",
            "500 or 1,000 updates",
            "20,000 transitions a dataset",
            "of 15 datasets",
        ),
    }
    for preset, parts in said.items():
        budget = Experiments(preset).plan("table1").budget()
        for part in parts:
            assert part in budget


def test_a_table_knows_whether_it_is_the_papers_protocol() -> None:
    paper, quick = Experiments("paper").table("table1"), Experiments("quick").table("table1")
    assert (paper["is_paper_protocol"], quick["is_paper_protocol"]) == (True, False)
    for name, said in {"paper": True, "reference": True, "known": True, "quick": False}.items():
        first = next(iter(Experiments(name).specs))
        assert Experiments(name).table(first)["is_evidence"] is said
    rows = [(row["name"], row["paper_name"]) for row in quick["groups"]["locomotion"]]
    assert ("hopper-medium-expert-local", "hopper-medium-expert-v2") in rows
    assert paper["agents"] == {"td3_bc": "TD3+BC", "iql": "IQL", "edac": "EDAC"}


def test_a_misspelt_preset_is_named() -> None:
    with pytest.raises(SyntherError, match="did you mean quick"):
        Experiments("quikc")


def test_the_real_data_have_no_generator() -> None:
    with pytest.raises(SyntherError, match="'real' has no generator"):
        source_settings("real", "hopper-medium-v2")


def test_memory_grows_with_the_samples() -> None:
    paper = Experiments("paper")
    real, synther = (memory_mb(paper, "hopper-medium-v2", s) for s in ("real", "synther"))
    assert synther > real
    assert memory_mb(Experiments("quick"), "hopper-medium-local", "real") < real


def test_time_limits_and_reference_returns() -> None:
    assert Experiments("paper").time_limit("hopper-medium-v2") == 1000
    assert Experiments("paper").time_limit("maze2d-umaze-v1") == 300
    assert task_spec("hopper")["reference_max"] == 3234.3


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("presets/quick.yaml", "- hopper-medium-expert-v2", "- hoper-medium-expert-v2", "hopper-"),
        ("experiments.yaml", "- hopper-medium-v2", "- hoper-medium-v2", "hopper-medium-v2"),
        ("experiments.yaml", "[td3_bc, iql, edac]", "[td3bc]", "did you mean td3_bc"),
        ("experiments.yaml", "[real, synther]", "[real, synthr]", "did you mean synther"),
        ("experiments.yaml", "{td3_bc: TD3+BC,", "{td3bc: TD3+BC,", "did you mean td3_bc"),
        ("experiments.yaml", "{real: Original", "{rael: Original", "did you mean real"),
    ],
)
def test_misspelt_names_in_the_matrix_offer_the_nearest(
    edit_config: Callable[..., Path], file: str, old: str, new: str, words: str
) -> None:
    edit_config(file, old, new)

    def everything() -> None:
        quick = Experiments("quick")
        quick.plan("table1").runs()
        quick.table("table1")

    with pytest.raises(SyntherError, match=words):
        everything()


def test_a_misspelt_generator_of_a_preset_is_not_ignored(edit_config: Callable[..., Path]) -> None:
    edit_config("presets/quick.yaml", "  diffusion:", "  difusion:")
    with pytest.raises(SyntherError, match="'difusion' in preset 'quick'; did you mean diffusion"):
        source_settings("synther", "hopper-medium-v2", "quick")


def test_a_pattern_that_fits_no_dataset_is_not_ignored(edit_config: Callable[..., Path]) -> None:
    edit_config("agents.yaml", "maze2d-*:", "maze2-d*:")
    with pytest.raises(SyntherError, match=r"unknown dataset pattern 'maze2-d\*'"):
        agent_settings("td3_bc", "maze2d-umaze-v1")


def test_a_preset_that_runs_nothing_of_an_experiment_is_refused(
    edit_config: Callable[..., Path],
) -> None:
    text = edit_config("presets/quick.yaml", "rows", "rows").read_text()
    chosen = text[text.index("datasets:") : text.index("experiments:")]
    edit_config("presets/quick.yaml", chosen, "datasets: [hopper-expert-v2]\n")
    with pytest.raises(SyntherError, match="'quick' runs no dataset of experiment 'table1'"):
        Experiments("quick").plan("table1").budget()


def test_a_dataset_without_a_stand_in_is_refused(edit_config: Callable[..., Path]) -> None:
    edit_config("datasets.yaml", "stands_for: hopper-medium-v2", "stands_for: hopper-expert-v2")
    with pytest.raises(SyntherError, match="hopper-medium-v2 has none"):
        Experiments("quick").run_name("hopper-medium-v2")
