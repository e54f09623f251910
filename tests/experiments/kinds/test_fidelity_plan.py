"""What the tables of generators need: sources that share a model, packages, presets."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from synther import SyntherError, config
from synther.config.settings import resolve
from synther.config.specs import (
    fitted_source,
    sampling_settings,
    source_settings,
    source_spec,
    source_title,
)
from synther.experiments import Experiments
from synther.experiments.kinds.fidelity.plan import COLUMNS
from synther.generators import GENERATORS, generator_class

HOPPER = "hopper-medium-expert-v2"


@pytest.fixture
def without_ctgan(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "ctgan" else found(name)
    )


def test_every_source_builds_its_generator_at_every_preset() -> None:
    for name in config.load("sources")["sources"]:
        if "generator" not in source_spec(name):
            continue
        for preset in config.preset_names():
            settings = source_settings(name, HOPPER, preset)
            kind = generator_class(source_spec(name)["generator"])
            resolve(kind.settings_type, settings, where=name)
            assert set(sampling_settings(name, HOPPER, preset)) <= getattr(
                kind, "sampling_settings", set()
            )


def test_sampling_alone_fits_nothing_anew() -> None:
    paper = Experiments("paper")
    assert fitted_source("synther-steps-8") == fitted_source("synther-50k") == "synther"
    assert fitted_source("synther-steps-8-15pct") == "synther-15pct"
    assert fitted_source("synther-width-256") == "synther-width-256"
    folder = paper.model_folder(HOPPER, "synther-steps-8-ode")
    assert folder == paper.generator_folder(HOPPER, "synther")
    assert sampling_settings("synther-steps-8-ode", HOPPER) == {"sampling_steps": 8, "s_churn": 0.0}
    assert sampling_settings("synther", HOPPER) == {}
    whole = source_settings("synther-steps-8", HOPPER, "quick")
    assert (whole["sampling_steps"], whole["width"]) == (8, 128)  # its own, and the fitted model's
    assert paper.samples("synther-50k") == 50_000
    assert paper.samples("synther-steps-8") == 5_000_000


def test_rollouts_begin_at_another_source_s_states() -> None:
    paper = Experiments("paper")
    assert paper.start_states(HOPPER, "dynamics") == []
    (states,) = paper.start_states(HOPPER, "dynamics-synther")
    assert states == paper.training_data(HOPPER, "synther")
    (states,) = paper.start_states(HOPPER, "dynamics-synther-15pct")
    assert states == paper.training_data(HOPPER, "synther-15pct")
    assert fitted_source("dynamics-synther-15pct") == "dynamics-15pct"


def test_like_takes_over_all_but_what_is_said(edit_config: Callable[..., Path]) -> None:
    base, own = source_settings("synther", HOPPER), source_settings("synther-depth-3", HOPPER)
    assert own == base | {"depth": 3}
    td, by_return = (source_settings(f"prioritised-{n}", HOPPER) for n in ("td", "return"))
    assert td == by_return | {"relevance": "td_error"}
    assert source_spec("prioritised-td")["generator"] == "prioritised"
    edit_config("sources.yaml", "like: prioritised-return", "like: prioritised-td")
    with pytest.raises(SyntherError, match="'prioritised-td' builds on itself"):
        source_spec("prioritised-td")


def test_titles_say_what_the_preset_made_of_a_setting() -> None:
    assert source_title("synther-width-256", HOPPER, "paper") == "width 256"
    assert source_title("synther-width-256", HOPPER, "quick") == "width 32"
    assert source_title("synther-50k", HOPPER, "quick") == "2,000 samples"
    assert source_title("real", HOPPER) == "real"


def test_every_input_of_a_table_has_a_rule(tmp_path: Path) -> None:
    paper = Experiments("paper")
    paths = paper.plan("diversity").inputs()
    assert f"results/paper/fidelity/{HOPPER}/noise-additive.parquet" in paths
    assert f"results/paper/generators/{HOPPER}/noise-additive/fit.json" in paths
    assert f"results/paper/generators/{HOPPER}/noise-additive/samples.json" in paths
    assert not any("/offline/" in path for path in paths)
    assert len(paths) == 3 * 4 * 3  # datasets, sources, records
    # a source that shares its model has that one's record of the fit
    files = paper.plan("ablations").describe().files[HOPPER]
    assert files["synther-steps-8"]["fit"] == files["synther"]["fit"]
    assert files["synther-steps-8"]["sample"] != files["synther"]["sample"]


def test_without_the_package_its_rows_say_so_and_nothing_runs(without_ctgan: None) -> None:
    quick = Experiments("quick")
    assert quick.plan("generators").sources() == ["real", "synther", "flow", "prioritised-return"]
    table = quick.plan("generators").describe()
    assert table.not_installed == {"tvae": "ctgan", "ctgan": "ctgan"}
    assert {"tvae", "ctgan"} <= set(table.sources)
    assert not any("tvae" in path for path in quick.plan("generators").inputs())
    table = quick.plan("marginals").describe()
    assert list(next(iter(table.files.values()))) == ["synther"]


def test_a_preset_may_not_scale_an_ablation_away(edit_config: Callable[..., Path]) -> None:
    Experiments("quick").plan("ablations").describe()
    edit_config("presets/quick.yaml", "  synther-width-256: {settings: {width: 32}}\n", "")
    with pytest.raises(SyntherError, match=r"'synther' and 'synther-width-256'.*are the same"):
        Experiments("quick").plan("ablations").describe()


def test_misspelt_sources_offer_the_nearest(edit_config: Callable[..., Path]) -> None:
    edit_config("presets/quick.yaml", "  synther-50k: {samples", "  synther-5k: {samples")
    with pytest.raises(SyntherError, match="did you mean synther-50k"):
        Experiments("quick").plan("ablations").describe()
    edit_config("presets/quick.yaml", "  synther-5k: {samples", "  synther-50k: {samples")
    edit_config("presets/quick.yaml", "sources: [real, synther, tvae", "sources: [real, synhter")
    with pytest.raises(SyntherError, match="did you mean synther"):
        Experiments("quick").plan("generators").sources()


def test_every_layout_has_an_experiment() -> None:
    specs = config.load("experiments")["experiments"].values()
    assert set(COLUMNS) <= {spec.get("layout") for spec in specs}


def test_classes_of_ones_own_are_named_by_module() -> None:
    assert generator_class("synther.generators.noise:Noise") is generator_class("noise")
    with pytest.raises(SyntherError, match="can't be imported"):
        generator_class("no_such_module:Thing")
    with pytest.raises(SyntherError, match="can't be imported"):
        generator_class("synther.generators.noise:Noize")
    with pytest.raises(SyntherError, match="is no generator: it has no settings_type"):
        generator_class("synther.jobs.resumable:TransitionsWriter")
    with pytest.raises(SyntherError, match="did you mean diffusion"):
        generator_class("difusion")
    assert all(":" in place for place in GENERATORS.values())


def test_a_mixture_took_what_its_fit_and_its_samples_did() -> None:
    plan = Experiments("quick").plan("denoiser_size")
    (own,) = plan.measures().values()
    assert own["mix"] == {key: own["synther"][key] for key in ("fit", "sample")}
    (others,) = Experiments("quick").plan("generators").measures().values()
    assert "real" not in others


def test_a_factor_of_which_one_value_is_run_is_not_varied() -> None:
    factors = Experiments("quick").plan("denoiser_size").describe().factors
    assert list(factors) == ["width", "training steps", "sampling steps", "share of real rows"]
    assert len(Experiments("paper").plan("denoiser_size").describe().factors) == 5


@pytest.mark.parametrize(("name", "key"), [("diversity", "layout"), ("claims", "kind")])
def test_an_option_that_it_has_not_is_an_error(
    edit_config: Callable[..., Path], name: str, key: str
) -> None:
    entry = f"    {key}: {name}\n"
    edit_config("experiments.yaml", entry, entry + "    options: {evaluations: 3}\n")
    with pytest.raises(SyntherError, match="unknown option 'evaluations'"):
        Experiments("paper").plan(name).describe()
