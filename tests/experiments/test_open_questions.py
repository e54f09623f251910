"""Experiments on questions that the paper leaves open: what they run, and what they show."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from synther import config
from synther.config import shares, specs
from synther.config.shares import Share
from synther.experiments import Experiments
from synther.experiments.kinds import sheet_of as sheet
from synther.experiments.kinds.online.numbers import measure
from synther.experiments.kinds.online.sheet import DRIFT
from synther.jobs.files import write_json
from synther.planning import costs

QUESTIONS = (
    *("n_step", "n_step_online", "long_online", "little_data", "little_data_memory"),
    *("other_draws", "which_agent", "denoiser_size", "dynamics_models", "scaling"),
)


def test_rows_of_several_steps_are_made_of_all_of_a_dataset() -> None:
    matrix, data = Experiments("quick"), "hopper-medium-local"
    share = Share(3, "step")
    assert shares.split("synther-3step") == ("synther", share)
    assert shares.split("real-1step") == ("real-1step", None)
    assert share.of(1000) == 1000
    assert specs.source_spec("synther-3step")["title"] == "SynthER, 3 steps a row"
    assert matrix.subset_choice(share) == {"n_step": 3, "discount": 0.99}
    assert matrix.subset_choice(Share(300, "rows")) == {
        "rows": 300,
        "choose": "transitions",
        "seed": 0,
    }
    made = f"results/quick/subsets/{data}/3step.npz"
    assert (
        matrix.real_data(data, "synther-3step") == matrix.training_data(data, "real-3step") == made
    )
    # Statistics, of which the range of returns is one, are those of single steps
    assert matrix.statistics(data, "synther-3step") == matrix.dataset_file(data)
    assert matrix.statistics(data, "synther-300rows").endswith("300rows.npz")
    # Nor is it few data, on which a preset has smaller networks
    whole, few = (specs.source_settings(s, data, "quick") for s in ("synther", "synther-300rows"))
    assert specs.source_settings("synther-3step", data, "quick") == whole != few


def test_another_draw_is_another_choice_with_all_else_alike() -> None:
    matrix, data = Experiments("known"), "hopper-medium-local"
    first, other = (shares.split(f"synther-1000rows{end}")[1] for end in ("", "-draw2"))
    assert first
    assert other
    choices = [matrix.subset_choice(share) for share in (first, other)]
    assert choices[1] == choices[0] | {"seed": choices[0]["seed"] + 2}
    settings, budgets = (
        [read(f"{of}{end}") for end in ("", "-draw2")]
        for of, read in (
            ("synther-1000rows", lambda name: specs.source_settings(name, data, "known")),
            ("real-1000rows", lambda name: specs.agent_settings("td3_bc", data, "known", name)),
        )
    )
    assert settings[0] == settings[1]
    assert budgets[0] == budgets[1]
    assert specs.source_spec("real-1000rows-draw2")["title"] == "real, 1,000 transitions, draw 2"


def test_a_source_aside_is_run_where_a_preset_names_it() -> None:
    name, source = "denoiser_size", "synther-width-2048"
    assert Experiments("paper").specs[name]["aside"] == [source]
    runs = {preset: Experiments(preset).plan(name).sources() for preset in ("paper", "known")}
    assert source not in runs["paper"]
    assert source in runs["known"]
    assert source in Experiments("paper").plan(name).listed_sources()


def test_whole_trajectories_are_another_part_of_the_data() -> None:
    matrix, data, share = (
        Experiments("known"),
        "hopper-medium-local",
        Share(300, "rows", whole=True),
    )
    assert specs.source_spec("synther-whole-300rows")["share"] == share
    assert specs.source_spec("synther-300rows")["share"] == Share(300, "rows")
    assert shares.share_of(str(share)) == share
    assert str(share) == "300rows-whole"
    made = f"results/known/subsets/{data}/300rows-whole.npz"
    assert matrix.real_data(data, "synther-whole-300rows") == made
    assert matrix.training_data(data, "real-whole-300rows") == made
    assert matrix.subset_choice(share) == {"rows": 300, "choose": "trajectories", "seed": 0}
    # As few data as single transitions are, with the preset's networks for so few
    alone, whole = (
        specs.preset_scale("known", source)["generators"]
        for source in ("synther-300rows", "synther-whole-300rows")
    )
    assert alone == whole != specs.preset_scale("known", "synther")["generators"]
    cost = costs.subset(matrix, SimpleNamespace(dataset=data, share=str(share)))
    single = costs.subset(matrix, SimpleNamespace(dataset=data, share="300rows"))
    assert cost == single


def test_most_are_made_by_name_alone_at_the_quick_preset() -> None:
    quick, paper = Experiments("quick"), Experiments("paper")
    assert {"n_step", "dynamics_models"} == set(QUESTIONS) & set(quick.made())
    assert set(QUESTIONS) <= set(paper.made())
    assert quick.plan("little_data").inputs()


@pytest.mark.parametrize("preset", ["paper", "quick"])
def test_every_question_is_planned(preset: str) -> None:
    matrix = Experiments(preset)
    page = (config.HOME / "docs/open_questions.md").read_text(encoding="utf-8")
    for name in QUESTIONS:
        assert matrix.plan(name).describe().title
        assert matrix.plan(name).inputs()
        assert f"figures/{name}.pdf" in page
    factors = matrix.plan("denoiser_size").describe().factors
    assert all(len(sources) > 1 for sources in factors.values() if preset == "paper")
    assert "mix" in factors["share of real rows"]


@pytest.mark.parametrize("preset", ["paper", "quick"])
@pytest.mark.parametrize("tuned", ["sac_synther_tuned", "sac_synther_tuned_tenth"])
def test_a_tuned_denoiser_has_as_many_steps_or_a_tenth(preset: str, tuned: str) -> None:
    fresh, own = (
        specs.online_settings(agent, "hopper", preset) for agent in ("sac_synther_long", tuned)
    )
    times = 10 if tuned.endswith("tenth") else 1
    assert (
        own["fine_tune_steps"] * times == fresh["diffusion"]["steps"] == own["diffusion"]["steps"]
    )
    assert {**own, "fine_tune_steps": 0} == {"fine_tune_steps": 0, **fresh}


def test_drift_is_read_from_the_records(tmp_path: Path) -> None:
    plan = Experiments("quick").plan("long_online")
    assert set(plan.inputs()) >= {run.record for run in plan.runs()}
    spec = plan.describe()
    assert spec.records == [run.record for run in plan.runs()]
    fresh, tuned = (a for a in spec.agents if a in ("sac_synther_long", "sac_synther_tuned"))
    paths = []
    for k, (agent, errors) in enumerate(
        [(fresh, [4.0, 2.0]), (fresh, [8.0, 4.0]), (tuned, [1.0, 3])]
    ):
        found = [{"step": 100 * n, "scaled_mse": [e, e + 1]} for n, e in enumerate(errors, 1)]
        paths.append(str(tmp_path / f"{k}.json"))
        write_json(tmp_path / f"{k}.json", {"task": "walker2d", "agent": agent, "drift": found})
    rows = pd.DataFrame(
        {"preset": "quick", "dataset": "walker2d", "source": "online", "agent": agent}
        | {"seed": 0, "step": 100, "episode": 0, "return": 1.0, "length": 1000, "score": 0.1}
        for agent in spec.agents
    )
    spec = dataclasses.replace(spec, records=[*paths, str(tmp_path / "not-yet.json")])
    numbers = measure(spec, rows)
    drift = numbers.rows("drift")
    assert drift["agent"].tolist() == [fresh, fresh, tuned, tuned]
    assert drift["x"].tolist() == [100, 200, 100, 200]
    assert drift["value"].tolist() == [(4 + 5 + 8 + 9) / 4, (2 + 3 + 4 + 5) / 4, 1.5, 3.5]
    assert drift["seeds"].tolist() == [4, 4, 2, 2]
    assert [plot.title for plot in sheet(numbers).plots] == ["", DRIFT]
    without = measure(dataclasses.replace(spec, records=[]), rows)
    assert len(sheet(without).plots) == 1
