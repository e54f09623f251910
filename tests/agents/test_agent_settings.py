"""config/agents.yaml states every setting of every agent, and states the classes' own defaults."""

import dataclasses

import pytest

from synther import config
from synther.agents import load_agent_class
from synther.config.settings import as_dict, resolve
from synther.config.specs import agent_settings, agent_spec

AGENTS = config.load("agents")["agents"]
LATER = {"n_step", "fine_tune_steps"}
"""Of online agents: newer than results that are shipped, whose records lack them."""
OWN = [name for name, spec in AGENTS.items() if "module" in spec]


def settings(agent, dataset):
    kind = load_agent_class(agent_spec(agent)["module"]).Settings
    return resolve(kind, agent_settings(agent, dataset), where=agent)


@pytest.mark.parametrize("agent", OWN)
def test_the_file_states_all_defaults(agent):
    later = LATER if "tasks" in AGENTS[agent] else set()
    kind, own = load_agent_class(AGENTS[agent]["module"]), agent_spec(agent)["settings"]
    stated = resolve(kind.Settings, own, where=agent)
    assert as_dict(stated) == as_dict(kind.Settings())
    assert set(own) == {f.name for f in dataclasses.fields(kind.Settings)} - later
    assert AGENTS[agent]["title"] == kind.title


@pytest.mark.parametrize(
    ("agent", "dataset", "expected"),
    [
        ("td3_bc", "hopper-medium-v2", {"alpha": 2.5, "eval_episodes": 10}),
        ("td3_bc", "antmaze-umaze-v2", {"reward_shift": -1.0, "eval_episodes": 100}),
        ("iql", "walker2d-medium-v2", {"beta": 3.0, "expectile": 0.7, "deterministic": False}),
        ("iql", "hopper-random-v2", {"tau": 0.005, "scale_rewards": False}),
        (
            "iql",
            "hopper-medium-replay-v2",
            {"deterministic": True, "tau": 0.001, "scale_rewards": True, "beta": 3.0},
        ),
        ("iql", "hopper-medium-v2", {"deterministic": True, "tau": 0.001, "scale_rewards": True}),
        (
            "iql",
            "hopper-medium-expert-v2",
            {"beta": 6.0, "expectile": 0.5, "deterministic": False, "scale_rewards": False},
        ),
        (
            "iql",
            "antmaze-medium-play-v2",
            {"beta": 10.0, "expectile": 0.9, "reward_shift": -1.0, "eval_episodes": 100},
        ),
        ("edac", "hopper-medium-replay-v2", {"num_critics": 50, "eta": 1.0, "steps": 3_000_000}),
        ("edac", "walker2d-medium-expert-v2", {"num_critics": 10, "eta": 5.0}),
        ("edac", "halfcheetah-medium-v2", {"num_critics": 10, "eta": 1.0}),
        ("edac", "maze2d-large-v1", {"eta": 0.1, "eval_episodes": 10}),
        ("edac", "antmaze-umaze-v2", {"eta": 1.0, "reward_shift": 0.0, "eval_episodes": 10}),
        ("sac_n", "hopper-medium-v2", {"num_critics": 500, "eta": 0.0, "steps": 3_000_000}),
        ("sac_n", "walker2d-medium-expert-v2", {"num_critics": 20, "eta": 0.0}),
        ("sac_n", "maze2d-large-v1", {"num_critics": 25, "eta": 0.0, "eval_episodes": 10}),
        ("sac_n", "halfcheetah-medium-v2", {"num_critics": 10}),
        ("iql_large", "hopper-medium-v2", {"deterministic": True, "hidden": [512, 512, 512]}),
        ("td3_bc_large", "maze2d-umaze-v1", {"batch_size": 1024, "eval_episodes": 100}),
        ("td3_bc_regularised", "hopper-medium-v2", {"alpha": 1.0, "weight_decay": 0.1}),
        ("td3_bc_regularised", "antmaze-umaze-v2", {"reward_shift": -1.0, "tau": 0.005}),
        ("cql", "hopper-medium-v2", {"scale_rewards": True, "lagrange": False}),
        ("cql", "hopper-medium-replay-v2", {"scale_rewards": False, "min_q_weight": 10.0}),
        ("cql", "maze2d-umaze-v1", {"lagrange": True, "target_action_gap": 5.0}),
        ("cql", "antmaze-umaze-v2", {"lagrange": False, "reward_shift": -1.0}),
    ],
)
def test_settings_that_differ_by_dataset(agent, dataset, expected):
    found = as_dict(settings(agent, dataset))
    assert {name: found[name] for name in expected} == expected


def test_a_collected_dataset_takes_the_settings_of_the_one_it_stands_for():
    local = [n for n, d in config.load("datasets")["datasets"].items() if "stands_for" in d]
    assert "hopper-medium-local" in local
    assert settings("iql", "hopper-medium-local").deterministic
