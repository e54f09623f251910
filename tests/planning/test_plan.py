"""What a preset will cost: the same jobs as Snakemake's, counted, and rates that are measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from synther import SyntherError
from synther.cli import main
from synther.envs import make_env
from synther.experiments import Experiments
from synther.planning.costs import Requests, total, wall_hours
from synther.planning.jobs import Jobs
from synther.planning.paths import preset_of
from synther.planning.rates import read_rates
from synther.planning.work import Job, Work
from synther.specs import task_spec

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, so that no result and no benchmark of the checkout counts."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


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
    assert plan["rules"]["train_offline"]["jobs"] == len(Experiments("quick").runs("table1"))
    assert preset_of("figures/table1.md") == "paper"
    assert preset_of("data/d4rl/hopper_medium-v2.hdf5") is None


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
    job = Jobs("quick").job("collect_dataset", {"dataset": "hopper-medium-expert-local"})
    for output in job.outputs:
        (here / output).parent.mkdir(parents=True)
        (here / output).touch()
    rest = planned(capsys, "table1", "--preset", "quick")
    assert rest["done"] == 1
    assert rest["total"]["jobs"] == whole["total"]["jobs"] - 1
    assert planned(capsys, "table1", "--preset", "quick", "--from-scratch") == whole


def test_wall_time_is_bound_by_cores_gpus_or_the_longest_chain(monkeypatch) -> None:
    rates = read_rates("cuda")
    monkeypatch.setattr(type(rates), "job_seconds", lambda self, job: 3600.0)
    chain = {
        name: Job("table", (name,), needs, "log", threads=2, on_device=True)
        for name, needs in {"a": (), "b": ("a",), "c": ("b",), "d": ()}.items()
    }
    assert wall_hours(chain, rates, cores=1, gpus=4) == 8
    assert wall_hours(chain, rates, cores=8, gpus=1) == 4
    assert wall_hours(chain, rates, cores=8, gpus=4) == 3
    assert total(chain.values(), rates).gpu_hours == 4


def test_a_further_attempt_asks_for_more() -> None:
    requests = Requests("paper", "auto")
    job = {"dataset": "hopper-medium-v2", "source": "synther", "agent": "edac"}
    job |= {"first": "0", "last": "7"}
    first, second, third = (
        [getattr(requests, what)("train_offline", job, n) for what in ("mem_mb", "runtime")]
        for n in (1, 2, 3)
    )
    assert second[0] == pytest.approx(1.5 * first[0], abs=1)
    assert third[0] == pytest.approx(2 * first[0], abs=1)
    assert [second[1], third[1]] == [2 * first[1], 3 * first[1]]
    assert requests.gpu("train_offline", job, 1) == 1
    assert Requests("paper", "cpu").gpu("train_offline", job, 1) == 0


def test_longer_jobs_ask_for_more_time() -> None:
    requests = Requests("paper", "cuda")
    job = {"dataset": "hopper-medium-v2", "source": "real", "first": "0", "last": "7"}
    td3_bc, edac = (
        requests.runtime("train_offline", job | {"agent": a}, 1) for a in ("td3_bc", "edac")
    )
    assert edac > 3 * td3_bc
    tiny = Requests("quick", "cuda").runtime(
        "train_offline", job | {"dataset": "hopper-medium-local", "agent": "td3_bc"}, 1
    )
    assert tiny == 10


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["tabel1"], "did you mean table1"),
        (["figures/quick/table1.pdf", "--preset", "paper"], "not of preset 'paper'"),
        (["--preset", "quik"], "did you mean quick"),
        (["figures/quick/tabel1.pdf"], "did you mean table1"),
    ],
)
def test_misspelt_targets_are_named(arguments: list[str], says: str, capsys) -> None:
    assert main(["plan", *arguments]) == 1
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["plan", "status"])
def test_it_starts_without_torch(verb: str, here: Path) -> None:
    code = (
        f"import sys; from synther.cli import main; main(['{verb}', '--preset', 'quick']);"
        "sys.exit(any(name in sys.modules for name in ('torch', 'pandas', 'mujoco')))"
    )
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0


@pytest.mark.parametrize(
    "task", ["hopper", "halfcheetah", "maze2d-umaze", "antmaze-umaze", "dmc-reacher-hard"]
)
def test_stated_dimensions_are_the_simulators(task: str) -> None:
    env = make_env(task, 1)
    assert task_spec(task)["dimensions"] == [env.observation_dim, env.action_dim]


def test_the_defaults_of_agents_are_their_settings() -> None:
    from synther.agents.base import OfflineSettings
    from synther.planning.jobs import DEFAULTS

    own = OfflineSettings()
    for name, value in DEFAULTS.items():
        stated = getattr(own, name)
        assert value == (list(stated) if isinstance(stated, tuple) else stated), name
