"""The command line: its help, and the whole path by hand on tiny data."""

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
from small import SMALL

from synther import Diffusion, Transitions, config, load_dataset
from synther.cli import main, verbs
from synther.cli.results import Table
from synther.cli.verbs import VERBS

COLUMNS = ["preset", "dataset", "source", "agent", "seed"]
COLUMNS += ["step", "episode", "return", "length", "score"]
HEAVY = {"torch", "numpy", "pandas", "mujoco", "h5py", "matplotlib", "jsonschema"}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_defaults(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main([verb, "--help"])
    assert done.value.code == 0
    out = capsys.readouterr().out
    assert f"usage: synther {verb}" in out
    assert "(default: " in out or verb == "workflow"  # whose folder is to be named
    assert "None}" not in out


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_has_help_of_its_own(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    text = " ".join(capsys.readouterr().out.translate({ord(c): " " for c in "│╭╮╰╯─"}).split())
    options = re.split(r"(?= --[a-z][a-z-]+ )", text.partition(" -h, --help ")[2])[1:]
    assert options or verb == "workflow"
    assert "--set STR" not in text  # but KEY=VALUE
    for option in options:  # --name, its metavar in capitals, the help, and its default
        words = re.sub(r"\(default: .*|\(required\).*|\(repeatable\).*", "", option).split()[1:]
        words = [word for word in words if not re.fullmatch(r"[][.{}A-Z=_,]+|\{.*\}", word)]
        assert words, option


@pytest.mark.parametrize("verb", ["policies", "behaviour"])
def test_the_help_lists_the_tasks_that_have_policies(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    recipe = config.load("behaviour")
    words = re.findall(r"[\w-]+", capsys.readouterr().out)
    assert (recipe["d4rl"] if verb == "policies" else recipe)["tasks"].keys() <= set(words)


def test_the_help_lists_the_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["--help"])
    assert done.value.code == 0
    out = capsys.readouterr().out
    for verb in VERBS:
        assert verb in out


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import synther", HEAVY),
        ("from synther.cli import main; main(['-h'])", HEAVY | {"tyro", "yaml"}),
        (
            f"from synther.cli import verbs\nfor verb in {list(VERBS)}:\n"
            "    try: verbs.parse([verb, '-h'])\n    except SystemExit: pass",
            HEAVY,
        ),
    ],
)
def test_help_and_import_load_nothing_heavy(code: str, heavy: set[str]) -> None:
    """Not only for speed: what numpy and torch take from the environment is settled after this."""
    script = (
        f"import sys\ntry:\n    exec({code!r})\nexcept SystemExit: pass\n"
        f"print('LOADED', sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "LOADED []"


SAMPLE = ["sample", "--model", "x", "--out", "y.npz"]
FIT, SUBSET = ["fit", "--data", "x", "--out", "y"], ["subset", "--data", "x", "--out", "y.npz"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ([], "required: VERB"),
        (["trian"], "unknown verb 'trian'; did you mean train?"),
        (["fit"], "--data PATH"),
        (
            [*SAMPLE, "--num", "many"],
            "'many' is no whole number",
        ),
        ([*SAMPLE, "--num", "1.5"], "'1.5' is no whole number"),
        ([*SAMPLE, "--num", "[1"], "'[1' is no whole number"),
        ([*SAMPLE, "--num", "1e400"], "'1e400' is no whole number"),
        (["collect", "--threads", "0"], "0 is below 1"),
        (["collect", "--seed", "-1"], "-1 is below 0"),
        ([*FIT, "--sede", "3"], "--seed INT"),
        ([*FIT, "--dataset"], "--dataset"),
        ([*FIT, "x"], "x"),
        (["export", "--data", "x", "--out", "y", "--format", "zip"], "Expected one of ('d4rl', "),
        (SUBSET, "--percent"),
        ([*SUBSET, "--percent", "3", "--rows", "30"], "not allowed together"),
        (["verify", "--preset"], "--preset"),
        (["verify", "--no-no-checksums"], "--no-checksums"),
    ],
)
def test_wrong_usage_is_code_2(
    wrong: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as done:
        main(wrong)
    assert done.value.code == 2
    err = capsys.readouterr().err
    assert said in err
    assert re.search(rf"synther {wrong[0] if wrong[1:] else '.*'}", err)  # where its help is


def test_options_are_read_as_they_are_written() -> None:
    def fit(*more: str) -> Any:
        return verbs.parse([*FIT, *more])[1]

    asked = fit("--set", "a=1", "--set=b=[2, 3]", "--seed", "1e5", "--dataset", "None")
    assert asked.settings.parsed() == {"a": 1, "b": [2, 3]}
    assert (asked.seed, asked.data, asked.dataset) == (100_000, Path("x"), "None")
    assert fit("--time_limit", "1_000", "--source", "a", "--source", "b").source == "b"
    assert fit("--time-limit", "1_000").reading.time_limit == 1000
    assert fit("--time-limit", "1.5E3").reading.time_limit == 1500
    pixels = ["pixels", "--data", "a.hdf5", "b.hdf5", "--out", "y"]
    assert verbs.parse(pixels)[1].data == (Path("a.hdf5"), Path("b.hdf5"))  # type: ignore[attr-defined]
    plan: Any = verbs.parse(["plan", "--cores", "3", "table1", "table2", "--json"])[1]
    assert (plan.targets, plan.cores, plan.json) == (("table1", "table2"), 3, True)


def test_the_module_runs_as_a_program(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "synther.cli", "sample", "--model", "none", "--out", "x.npz"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert "none/settings.json does not exist" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_interrupt_is_code_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(self: Table) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Table, "__call__", stop)
    assert main(["table"]) == 130
    assert "synther table: interrupted" in capsys.readouterr().err


@pytest.fixture(scope="module")
def samples(fitted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("samples") / "samples.npz"
    wanted = ["--model", str(fitted), "--num", "200", "--seed", "4", "--out", str(out)]
    assert main(["sample", *wanted, "--threads", "1", "--device", "cpu"]) == 0
    return out


@pytest.fixture(scope="module")
def result(hopper: Path, samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("result") / "made/seeds-0-1.parquet"
    wanted = ["--task", "hopper", "--data", str(samples), "--statistics-from", str(hopper)]
    wanted += ["--agent", "td3_bc", "--seeds", "0-1", "--source", "synther", "--out", str(out)]
    assert main(["train", *wanted, *SMALL, "--threads", "1", "--device", "cpu"]) == 0
    return out


def test_collect_wrote_a_dataset(hopper: Path) -> None:
    assert [entry.name for entry in hopper.parent.iterdir()] == ["hopper-random.hdf5"]


def test_fit_left_a_model_and_what_made_it(fitted: Path, hopper: Path) -> None:
    names = sorted(entry.name for entry in fitted.iterdir())
    assert names == ["fit.json", "model.pt", "settings.json"]  # and no checkpoint
    record = json.loads((fitted / "fit.json").read_text())
    assert record["settings"]["width"] == 32
    assert record["settings"]["rho"] == 7.0  # config/sources.yaml's
    assert record["data"]["path"] == str(hopper)
    assert record["transitions"] <= 299
    assert {"versions", "commit", "hardware", "wall_time_s", "num_parameters"} <= set(record)
    assert len(Diffusion().load(fitted).sample(3)) == 3


def test_samples_are_in_the_authors_format(samples: Path, fitted: Path) -> None:
    with np.load(samples) as archive:
        found = {name: (archive[name].shape, str(archive[name].dtype)) for name in archive.files}
    assert found == {
        "observations": ((200, 11), "float32"),
        "actions": ((200, 3), "float32"),
        "rewards": ((200,), "float32"),
        "next_observations": ((200, 11), "float32"),
        "terminals": ((200,), "float32"),
    }
    same = Diffusion().load(fitted).sample(200, seed=4)
    np.testing.assert_array_equal(same.packed(), Transitions.load(samples).packed())
    record = json.loads(samples.with_suffix(".json").read_text())
    assert (record["samples"], record["seed"]) == (200, 4)


def test_results_have_a_row_an_episode(result: Path) -> None:
    rows = pd.read_parquet(result)
    assert list(rows.columns) == COLUMNS
    assert rows[["seed", "step", "episode"]].to_numpy().tolist() == [
        [seed, step, 0] for step in (10, 20) for seed in (0, 1)
    ]
    low, high = -20.272305, 3234.3
    expected = 100 * (rows["return"] - low) / (high - low)
    np.testing.assert_allclose(rows["score"], expected, rtol=1e-12)
    assert rows["length"].between(1, 1000).all()
    labels = rows[["preset", "dataset", "source", "agent"]].drop_duplicates().to_numpy().tolist()
    assert labels == [["none", "hopper", "synther", "td3_bc"]]
    assert sorted(entry.name for entry in result.parent.iterdir()) == [
        "seeds-0-1.json",
        "seeds-0-1.parquet",
    ]


def test_what_made_a_result_stands_beside_it(result: Path, hopper: Path, samples: Path) -> None:
    record = json.loads(result.with_suffix(".json").read_text())
    assert record["settings"]["steps"] == 20
    assert record["settings"]["hidden"] == [16, 16]
    assert record["settings"]["alpha"] == 2.5  # config/agents.yaml's
    assert record["seeds"] == [0, 1]
    assert record["data"]["path"] == str(samples)
    assert record["statistics_from"]["path"] == str(hopper)
    assert len(record["data"]["sha256"]) == 64
    assert record["physics"] == "d4rl"
    assert {"python", "torch", "numpy", "mujoco", "synther"} <= set(record["versions"])
    assert {"cpu", "cores", "device"} <= set(record["hardware"])
    assert record["commit"] == "unknown" or len(record["commit"].split("+")[0]) == 40
    assert record["wall_time_s"] > 0


def test_a_run_again_makes_the_same_rows(
    result: Path, hopper: Path, samples: Path, tmp_path: Path
) -> None:
    out = tmp_path / "again.parquet"
    wanted = ["--task", "hopper", "--data", str(samples), "--statistics-from", str(hopper)]
    wanted += ["--seeds", "1", "--source", "synther", "--out", str(out), "--device", "cpu"]
    assert main(["train", *wanted, *SMALL, "--threads", "1"]) == 0
    again, rows = pd.read_parquet(out), pd.read_parquet(result)
    alone = rows[rows["seed"] == 1].reset_index(drop=True)
    assert again["length"].tolist() == alone["length"].tolist()
    np.testing.assert_allclose(again["return"], alone["return"], rtol=1e-4)


def test_a_named_dataset_is_collected_where_load_dataset_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["collect", "--dataset", "hopper-random-local", "--rows", "50"]) == 0
    assert len(load_dataset("hopper-random-local")) <= 49


def test_a_preset_scales_the_settings(hopper: Path, tmp_path: Path) -> None:
    out = tmp_path / "x.parquet"
    wanted = ["--dataset", "hopper-random-local", "--data", str(hopper), "--agent", "bc"]
    wanted += ["--preset", "quick", "--seeds", "0", "--out", str(out), "--threads", "1"]
    assert main(["train", *wanted, "--set", "steps=5", "--device", "cpu"]) == 0
    settings = json.loads(out.with_suffix(".json").read_text())["settings"]
    assert (settings["steps"], settings["batch_size"], settings["hidden"]) == (5, 128, [64, 64])
    rows = pd.read_parquet(out)
    assert set(rows["preset"]) == {"quick"}
    assert set(rows["dataset"]) == {"hopper-random-local"}
    assert len(rows) == 4  # the preset's episodes


def test_d4rls_file_names_choose_its_settings(hopper: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "hopper_medium-v2.hdf5", tmp_path / "x.parquet"
    data.symlink_to(hopper)
    wanted = ["--data", str(data), "--agent", "iql", "--seeds", "0", "--out", str(out)]
    small = ["steps=5", "eval_every=5", "eval_episodes=1", "hidden=[8]", "batch_size=4"]
    small = [part for each in small for part in ("--set", each)]
    assert main(["train", *wanted, *small, "--device", "cpu", "--threads", "1"]) == 0
    record = json.loads(out.with_suffix(".json").read_text())
    assert (record["task"], record["dataset"]) == ("hopper", "hopper-medium-v2")
    assert record["settings"]["scale_rewards"]  # this dataset's
