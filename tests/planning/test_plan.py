"""What a preset will cost: the same jobs as Snakemake's, counted, and rates that are measured."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from synther import SyntherError, config
from synther.cli import main
from synther.config.specs import source_spec, task_spec
from synther.envs import make_env
from synther.experiments import Experiments
from synther.planning import costs
from synther.planning.dag import Job
from synther.planning.rates import Work, read_rates
from synther.planning.resources import RuleResources, totals, wall_hours
from synther.planning.sizes import memory_mb

REPOSITORY = Path(__file__).parents[2]


pytestmark = pytest.mark.usefixtures("here")
TRAINING = {"dataset": "hopper-medium-v2", "source": "synther", "first": "0", "last": "7"}


def benchmark(folder: Path, name: str, device: str, **rates: object) -> Path:
    path = folder / "results/bench" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"rates": rates, "hardware": {"device": device}, "versions": {}}))
    return path


def planned(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    capsys.readouterr()
    assert main(["plan", "--json", "--device", "cpu", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_table1_of_the_paper_is_counted_in_full(capsys) -> None:
    plan = planned(capsys, "table1", "--preset", "paper")
    rules = plan["rules"]
    assert {rule: row["jobs"] for rule, row in rules.items()} == {
        "download_dataset": 15,
        "fit_generator": 15,
        "sample_generator": 15,
        "train_offline": 90,
        "paper_table": 1,
    }
    million, seeds = 1e6, 8
    assert rules["train_offline"]["updates"] == 30 * seeds * (1 + 1 + 3) * million
    assert rules["sample_generator"]["samples"] == 15 * 5 * million
    assert rules["fit_generator"]["diffusion_steps"] == 15 * 100_000
    # evaluated every 5,000 updates with 10 episodes; TD3+BC and IQL with 100 on maze2d
    locomotion = 12 * 2 * seeds * (200 + 200 + 600) * 10 * 1000
    mazes = 2 * seeds * (200 * 100 * 2 + 600 * 10) * (300 + 600 + 800)
    assert rules["train_offline"]["environment_steps"] == locomotion + mazes
    assert plan["total"]["gpu_hours"] == 0
    # 5M rows of (s, a, r, s', terminal) in float32, 42 columns for HalfCheetah's and Walker2d's
    columns = 4 * (2 * 42 + 27) + 3 * 12
    assert rules["sample_generator"]["disk_gb"] == pytest.approx(5e6 * 4 * columns / 1e9)


def test_a_figure_s_path_is_its_preset_s(capsys) -> None:
    plan = planned(capsys, "figures/quick/table1.pdf")
    assert plan["preset"] == "quick"
    assert plan["rules"]["train_offline"]["jobs"] == len(Experiments("quick").plan("table1").runs())


def test_a_benchmark_of_the_same_kind_of_device_wins(here: Path, capsys) -> None:
    before = planned(capsys, "table1", "--preset", "quick")
    assert before["rates"].startswith("stated")
    benchmark(here, "gpu", "cuda:0", samples_per_s=1e9)
    assert planned(capsys, "table1", "--preset", "quick") == before
    path = benchmark(here, "cpu", "cpu", agent_seed_updates_per_s={"td3_bc": 1e-3})
    after = planned(capsys, "table1", "--preset", "quick")
    assert str(path.relative_to(here)) in after["rates"]
    cpu_hours = [plan["rules"]["train_offline"]["cpu_hours"] for plan in (before, after)]
    assert cpu_hours[1] > 100 * cpu_hours[0]
    assert after["rules"]["sample_generator"] == before["rules"]["sample_generator"]


def test_the_newest_benchmark_counts(here: Path) -> None:
    old = benchmark(here, "b", "cpu", samples_per_s=1.0)
    os.utime(old, (1, 1))
    benchmark(here, "a", "cpu", samples_per_s=2.0)
    assert read_rates("cpu").per_s["samples_per_s"] == 2.0


@pytest.mark.parametrize("content", ["{", '{"rates": {}}', '{"rates": 3, "hardware": {}}'])
def test_a_damaged_benchmark_is_named(here: Path, content: str) -> None:
    benchmark(here, "x", "cpu").write_text(content)
    with pytest.raises(SyntherError, match=r"x\.json .*synther bench"):
        read_rates("cpu")


def test_a_rate_of_nothing_is_refused(here: Path) -> None:
    benchmark(here, "x", "cpu", samples_per_s=0)
    with pytest.raises(SyntherError, match="samples_per_s is 0"):
        read_rates("cpu")


def test_time_falls_with_the_networks_but_not_below_what_is_fixed() -> None:
    rates = read_rates("cpu")
    one = rates.seconds(Work("agent_updates", 1000, "td3_bc", size=1.0))
    assert one == pytest.approx(1000 * 8 / rates.per_s["agent_seed_updates_per_s"]["td3_bc"])
    small = rates.seconds(Work("agent_updates", 1000, "td3_bc", size=0.0))
    assert small == pytest.approx(one * rates.fixed["agent_updates"])


def test_gpu_hours_are_those_of_what_computes_on_the_device(capsys) -> None:
    main(["plan", "--json", "--device", "cuda", "table1", "--preset", "paper"])
    plan = json.loads(capsys.readouterr().out)
    assert plan["rules"]["train_offline"]["gpu_hours"] > 0
    assert plan["rules"]["download_dataset"]["gpu_hours"] == 0


def test_results_that_are_there_cost_nothing(here: Path, capsys) -> None:
    whole = planned(capsys, "table1", "--preset", "quick")
    output = here / "data/quick/local/hopper-medium-expert-local.hdf5"
    output.parent.mkdir(parents=True)
    output.touch()
    rest = planned(capsys, "table1", "--preset", "quick")
    assert rest["done"] == 1
    assert rest["total"]["jobs"] == whole["total"]["jobs"] - 1
    assert planned(capsys, "table1", "--preset", "quick", "--from-scratch") == whole


def test_wall_time_is_bound_by_cores_gpus_or_the_longest_chain() -> None:
    resources = {"estimate_ms": 3_600_000, "gpu": 1}
    chain = [
        Job("table", (name,), needs=needs, threads=2, resources=resources)
        for name, needs in {"a": (), "b": ("a",), "c": ("b",), "d": ()}.items()
    ]
    assert wall_hours(chain, cores=1, gpus=4) == 8
    assert wall_hours(chain, cores=8, gpus=1) == 4
    assert wall_hours(chain, cores=8, gpus=4) == 3
    assert totals(chain, on_gpus=True)["all"]["gpu_hours"] == 4
    assert totals(chain, on_gpus=False)["all"]["gpu_hours"] == 0


def test_a_rule_that_estimates_nothing_takes_its_time_limit() -> None:
    assert Job("mine", ("a",), resources={"runtime": 30}).seconds == 1800
    assert Job("mine", ("a",), resources={"runtime": 30, "estimate_ms": 1500}).seconds == 1.5
    assert Job("mine", ("a",)).seconds == 0


def asked(preset: str, device: str, wildcards: dict[str, str], attempt: int = 1) -> dict[str, int]:
    """What a training job asks for and does, as Snakemake learns it."""
    asks = RuleResources(Experiments, device)(costs.train_offline)
    every = {name: tell(wildcards | {"preset": preset}, attempt) for name, tell in asks.items()}
    return {name: value for name, value in every.items() if value is not None}


def test_a_further_attempt_asks_for_more() -> None:
    job = TRAINING | {"agent": "edac"}
    first, second, third = (asked("paper", "auto", job, attempt) for attempt in (1, 2, 3))
    assert second["mem_mb"] == pytest.approx(1.5 * first["mem_mb"], abs=1)
    assert third["mem_mb"] == pytest.approx(2 * first["mem_mb"], abs=1)
    assert [second["runtime"], third["runtime"]] == [2 * first["runtime"], 3 * first["runtime"]]
    assert first["estimate_ms"] == third["estimate_ms"]
    assert first["gpu"] == 1
    assert "gpu" not in asked("paper", "cpu", job)


def test_longer_jobs_ask_for_more_time() -> None:
    td3_bc, edac = (asked("paper", "cuda", TRAINING | {"agent": a}) for a in ("td3_bc", "edac"))
    assert edac["runtime"] > 3 * td3_bc["runtime"]
    assert td3_bc["runtime"] * 60_000 >= 3 * td3_bc["estimate_ms"]
    tiny = TRAINING | {"dataset": "hopper-medium-local", "agent": "td3_bc"}
    assert asked("quick", "cuda", tiny)["runtime"] == 10


def test_a_time_limit_has_a_margin_and_memory_snakemake_beside_it() -> None:
    """By hand: 8M seed updates at 135 a second, 16M steps at 13,000, four seconds to start."""
    job = asked("paper", "cpu", TRAINING | {"agent": "td3_bc", "source": "real"})
    seconds = 8e6 / 135 + 200 * 10 * 8 * 1000 / 13_000 + 4
    assert job["estimate_ms"] == round(1000 * seconds)
    assert job["runtime"] == math.ceil(3 * seconds / 60)
    assert job["updates"] == 8_000_000
    assert job["environment_steps"] == 16_000_000
    assert job["mem_mb"] == memory_mb(Experiments("paper"), "hopper-medium-v2") + 500


@pytest.mark.parametrize(
    ("settings", "unit", "amount"),
    [
        (source_spec("synther")["settings"] | {"steps": 10}, "diffusion_fit_rows", 10 * 256),
        (source_spec("dynamics")["settings"] | {"steps": 10}, "dynamics_fit_rows", 10 * 256),
        ({"shrink": 1.0, "depth": 4}, "rows", 1000),  # of one's own
    ],
)
def test_a_generator_is_counted_by_its_settings(settings: dict, unit: str, amount: int) -> None:
    (work,) = costs._fit("synther", settings, columns=27, rows=1000, memory_mb=0).work
    assert (work.unit, work.amount) == (unit, amount)


def test_tabular_models_fit_mixtures_once_and_networks_in_epochs() -> None:
    works = costs._fit("tvae", {"epochs": 3, "rows": 500}, columns=27, rows=1000, memory_mb=0).work
    found = {work.unit: work.amount for work in works}
    assert found == {"mixture_entries": 500 * 27, "tabular_entries": 3 * 500 * 27}


def test_rollouts_are_samples_and_read_the_states_that_they_begin_at() -> None:
    found = {}
    for source in ("dynamics", "dynamics-synther"):
        job = {"preset": "paper", "dataset": "hopper-medium-v2", "source": source}
        every = RuleResources(Experiments, "cpu")(costs.sample_generator)
        found[source] = {name: tell(job, 1) for name, tell in every.items()}
    assert {own["samples"] for own in found.values()} == {5_000_000}
    seconds = 5_000_000 / config.load("rates")["devices"]["cpu"]["rates"]["rollout_rows_per_s"]
    assert found["dynamics"]["estimate_ms"] == pytest.approx(1000 * (seconds + 4))
    more = found["dynamics-synther"]["mem_mb"] - found["dynamics"]["mem_mb"]
    assert more == pytest.approx(3 * 5_000_000 * 70 * 4 / 1e6, abs=2)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["tabel1"], "did you mean table1"),
        (["figures/quick/table1.pdf", "--preset", "paper"], "is of preset quick, not 'paper'"),
        (["--preset", "quik"], "did you mean quick"),
        (["figures/quick/tabel1.pdf"], "did you mean table1"),
        (["figures/qiuck/table1.pdf"], "did you mean quick"),
    ],
)
def test_misspelt_targets_are_named(arguments: list[str], says: str, capsys) -> None:
    assert main(["plan", *arguments]) == 1
    assert says in capsys.readouterr().err


def test_outside_of_a_checkout_it_says_where_to_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert main(["status"]) == 1
    assert f"no Snakefile in {tmp_path}" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["plan", "status"])
def test_it_starts_without_torch_and_says_nothing_of_snakemake(verb: str) -> None:
    code = (
        "import sys; from synther.cli import main;"
        f"main(['{verb}', 'table1', '--preset', 'known']);"
        "sys.exit(any(name in sys.modules for name in ('torch', 'mujoco')))"
    )
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "task", ["hopper", "halfcheetah", "maze2d-umaze", "antmaze-umaze", "dmc-reacher-hard"]
)
def test_stated_dimensions_are_the_simulators(task: str) -> None:
    env = make_env(task, 1)
    assert task_spec(task)["dimensions"] == [env.observation_dim, env.action_dim]


def test_the_defaults_of_agents_are_their_settings() -> None:
    from synther.agents.base import OfflineSettings
    from synther.planning.costs import DEFAULTS

    own = OfflineSettings()
    for name, value in DEFAULTS.items():
        stated = getattr(own, name)
        assert value == (list(stated) if isinstance(stated, tuple) else stated), name
