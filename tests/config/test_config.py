"""The specs of config/: found, read, checked, and refused with the nearest name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from synther import SyntherError, config
from synther.cli import main
from synther.config.settings import resolve
from synther.config.specs import agent_settings, agent_spec, source_settings, task_spec
from synther.experiments import Experiments

SPECS = (
    *("agents", "behaviour", "claims", "config", "datasets", "experiments"),
    *("rates", "sources"),
)


def read(file: Path) -> Any:
    return (
        config.load_preset(file.stem) if file.parent.name == "presets" else config.load(file.stem)
    )


def test_every_file_of_the_repository_is_valid() -> None:
    files = [path for path in config.config_dir().glob("*.yaml")]
    assert sorted(path.stem for path in files) == sorted(SPECS)
    for name in SPECS:
        assert config.load(name)
    assert {"paper", "quick"} <= set(config.preset_names())
    for name in config.preset_names():
        assert config.load_preset(name)


def test_every_schema_is_a_schema() -> None:
    import jsonschema

    for path in config.SCHEMAS.glob("*.schema.yaml"):
        jsonschema.Draft202012Validator.check_schema(config.read_yaml(path))


def test_every_setting_of_the_repository_is_one_of_its_class() -> None:
    from synther.agents import load_agent_class
    from synther.generators import generator_class

    for preset in [None, *config.preset_names()]:
        for name in config.load("agents")["agents"]:
            kind = load_agent_class(agent_spec(name)["module"]).Settings
            for dataset in config.load("datasets")["datasets"]:
                resolve(kind, agent_settings(name, dataset, preset), where=name)
        for name, spec in config.load("sources")["sources"].items():
            if "generator" in spec:
                kind = generator_class(spec["generator"]).settings_type
                resolve(kind, source_settings(name, "hopper-medium-v2", preset), where=name)


@pytest.mark.parametrize(
    ("file", "right", "wrong", "offered"),
    [
        ("agents.yaml", "module:", "modul:", "module"),
        ("agents.yaml", "    settings:", "    setings:", "settings"),
        ("sources.yaml", "samples:", "sampels:", "samples"),
        ("sources.yaml", "generator: d", "genrator: d", "generator"),
        ("datasets.yaml", "    kind:", "    knd:", "kind"),
        ("datasets.yaml", "    task:", "    tsk:", "task"),
        ("datasets.yaml", "sha256:", "sha25:", "sha256"),
        ("datasets.yaml", "stands_for:", "standsfor:", "stands_for"),
        ("datasets.yaml", "reference_min:", "refrence_min:", "reference_min"),
        ("experiments.yaml", "agents:", "agnets:", "agents"),
        ("experiments.yaml", "variants:", "variant:", "variants"),
        ("presets/quick.yaml", "rows:", "row:", "rows"),
        ("presets/quick.yaml", "protocol:", "protocl:", "protocol"),
        ("presets/paper.yaml", "seeds:", "sedes:", "seeds"),
        ("config.yaml", "device:", "devise:", "device"),
        ("behaviour.yaml", "tasks:", "task:", "tasks"),
    ],
)
def test_a_misspelt_key_is_named_and_the_nearest_offered(
    edit_config: Callable[..., Path], file: str, right: str, wrong: str, offered: str
) -> None:
    path = edit_config(file, right, wrong)
    with pytest.raises(SyntherError) as caught:
        read(path)
    message = str(caught.value)
    assert str(path) in message
    assert wrong.split(":")[0].strip() in message
    assert f"did you mean {offered}" in message


@pytest.mark.parametrize(
    ("file", "right", "wrong", "words"),
    [
        ("agents.yaml", "title: BC", "title: 3", "agents.bc.title: 3 is not of type 'string'"),
        ("agents.yaml", "steps: 1000000", "steps: many", "settings.steps: 'many' is not of type"),
        ("agents.yaml", "tau: 0.005", "tau: slow", "settings.tau: 'slow' is not of type 'number'"),
        ("agents.yaml", "[256, 256]", "[256, wide]", "settings.hidden.1: 'wide' is not of type"),
        ("sources.yaml", "samples: 5000000", "samples: 0", "sources.synther.samples: 0 is less"),
        ("datasets.yaml", "level: random", "level: randm", "'randm' is not one of"),
        ("datasets.yaml", "bytes: 2", "bytes: b2", "is not of type 'integer'"),
        ("experiments.yaml", "[td3_bc, iql, edac]", "td3_bc", "agents: 'td3_bc' is not of type"),
        ("experiments.yaml", "[real, synther]", "[]", "experiments.table1.sources"),
        ("presets/quick.yaml", "seeds: 4", "seeds: four", "seeds: 'four' is not of type 'integer'"),
        ("presets/quick.yaml", "seeds: 4", "seeds: true", "seeds: True is not of type 'integer'"),
        ("presets/quick.yaml", "protocol: reduced", "protocol: full", "'full' is not one of"),
        ("presets/quick.yaml", "evidence: false", "", "'evidence' is a required property"),
        (
            "presets/quick.yaml",
            "steps: 1000",
            "steps: many",
            "quick.yaml: agents.steps is 'many'; it must be like",
        ),
        (
            "presets/quick.yaml",
            "steps: 1000",
            "steps: 1000.5",
            "agents.steps is 1000.5; it must be like",
        ),
        ("presets/quick.yaml", "steps: 1000", "steps: 0100", "0100 begins with a zero: write 100"),
        (
            "presets/quick.yaml",
            "hidden: [64, 64]",
            "hidden: 64",
            "agents.hidden is 64; it must be like [256, 256]",
        ),
        (
            "presets/quick.yaml",
            "{epochs: 6, batch",
            "{epochs: six, batch",
            "generators.tvae.epochs is 'six'",
        ),
        (
            "presets/quick.yaml",
            "diffusion: {steps: 4000",
            "diffusion: {steps: x",
            "reduced.generators.diffusion.steps",
        ),
        (
            "presets/quick.yaml",
            "eval_episodes: 1\n    eval_steps",
            "eval_episodes: a\n    eval_steps",
            "pixels.agents",
        ),
        (
            "presets/quick.yaml",
            "{width: 64, steps: 200",
            "{width: wide, steps: 200",
            "sac_synther.diffusion.width",
        ),
        (
            "presets/quick.yaml",
            "{settings: {width: 32}}",
            "{settings: {width: []}}",
            "synther-width-256.settings.width",
        ),
        (
            "presets/quick.yaml",
            "iql: {learning_rate: 1.0e-3}",
            "iql: {learning_rate: no}",
            "per_agent.iql.learning_rate",
        ),
        ("presets/quick.yaml", "seeds: 4", "seeds: 4.0", "seeds: 4.0 is not of type 'integer'"),
        ("config.yaml", "device: auto", "device: gpu", "device: 'gpu' does not match"),
        ("behaviour.yaml", "hopper: {}", "hopper: 3", "tasks.hopper: 3 is not of type 'object'"),
    ],
)
def test_an_ill_typed_value_is_named_with_its_place(
    edit_config: Callable[..., Path], file: str, right: str, wrong: str, words: str
) -> None:
    path = edit_config(file, right, wrong)
    with pytest.raises(SyntherError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("agents.yaml", "  bc:\n", "  td3_bc:\n", "'td3_bc' is given twice"),
        ("presets/quick.yaml", "rows:", "seeds: 3\nrows:", "'seeds' is given twice"),
        ("config.yaml", "preset: paper", "preset: [paper", "line"),
        ("config.yaml", "preset: paper", "{[a]: b}: c", "line"),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line(
    edit_config: Callable[..., Path], file: str, old: str, new: str, words: str
) -> None:
    path = edit_config(file, old, new)
    with pytest.raises(SyntherError, match=words) as caught:
        read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"- a", b"\xff\xfe\x00", b"text"])
def test_other_content_is_refused(edit_config: Callable[..., Path], content: bytes) -> None:
    path = edit_config("config.yaml", "preset", "preset")
    path.write_bytes(content)
    with pytest.raises(SyntherError, match=r"config\.yaml"):
        read(path)


def test_a_merged_key_may_be_overridden(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\n")
    assert config.read_yaml(tmp_path / "x.yaml")["b"] == {"x": 3, "y": 2}
    (tmp_path / "x.yaml").write_text("a: &a {x: 1}\nb: {<<: *a, x: 3, x: 4}\n")
    with pytest.raises(SyntherError, match="'x' is given twice"):
        config.read_yaml(tmp_path / "x.yaml")


@pytest.mark.parametrize(
    ("kind", "name", "offered"),
    [
        ("dataset", "hoper-medium-v2", "hopper-medium-v2"),
        ("source", "synthr", "synther"),
        ("agent", "td3bc", "td3_bc"),
        ("experiment", "table_1", "table1"),
    ],
)
def test_an_unknown_name_offers_the_nearest(kind: str, name: str, offered: str) -> None:
    with pytest.raises(SyntherError, match=rf"unknown {kind} '{name}' .*{offered}"):
        config.spec(name, kind)


def test_an_unknown_preset_or_task_offers_the_nearest() -> None:
    with pytest.raises(SyntherError, match=r"unknown preset 'quik' .*did you mean quick"):
        Experiments("quik")
    with pytest.raises(SyntherError, match=r"unknown task 'hoper' .*did you mean hopper"):
        task_spec("hoper")


def test_a_missing_file_or_folder_is_said(
    edit_config: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    edit_config("config.yaml", "preset", "preset").unlink()
    with pytest.raises(SyntherError, match=r"config\.yaml is missing: restore it"):
        config.load("config")
    monkeypatch.setenv("SYNTHER_CONFIG", "/nowhere")
    with pytest.raises(SyntherError, match="no folder /nowhere: set SYNTHER_CONFIG"):
        config.load("agents")


def test_references_between_specs_hold() -> None:
    known = config.load("datasets")
    for name, spec in known["datasets"].items():
        assert spec["task"] in known["tasks"], name
        if "stands_for" in spec:
            stands_for = known["datasets"][spec["stands_for"]]
            assert stands_for["task"] == spec["task"]
            assert stands_for.get("level", spec["level"]) == spec["level"]
    for name in config.preset_names():
        experiments = Experiments(name)
        for experiment in experiments.specs:
            assert experiments.plan(experiment).inputs()
            assert experiments.table(experiment)


@pytest.mark.parametrize("written", ["10e2", "1.0e3", "1000.0", "1_000"])
def test_a_presets_settings_are_typed_when_it_is_loaded(
    edit_config: Callable[..., Path], written: str
) -> None:
    edit_config("presets/quick.yaml", "  steps: 1000\n", f"  steps: {written}\n")
    steps = config.load_preset("quick")["agents"]["steps"]
    assert (steps, type(steps)) == (1000, int)
    assert "1,000 updates" in Experiments("quick").table("table1")["budget"]
    assert main(["plan", "table1", "--preset", "quick"]) == 0


def test_null_and_settings_of_ones_own_agent_are_let_through(
    edit_config: Callable[..., Path],
) -> None:
    edit_config("presets/quick.yaml", "hidden: [64, 64]", "hidden: null\n  own: [1, a]")
    assert config.load_preset("quick")["agents"]["hidden"] is None
    assert config.load_preset("quick")["agents"]["own"] == [1, "a"]


def test_what_is_no_preset_stops_nobody(edit_config: Callable[..., Path]) -> None:
    folder = edit_config("presets/quick.yaml", "seeds: 4", "seeds: 4").parent
    (folder / "._quick.yaml").write_bytes(b"\x00\x05\x16\x07")  # macOS
    (folder / ".#quick.yaml").symlink_to("someone@somewhere.1234")  # Emacs
    (folder / "quick (copy).yaml").write_text("protocol:", encoding="utf-8")
    (folder / "bench.yaml").write_text("protocol:", encoding="utf-8")
    (folder / "half.yaml").write_text("protocol: red\nseeds: {", encoding="utf-8")
    assert config.preset_names() == ["half", "known", "paper", "quick", "reference"]
    assert Experiments("quick").scale["seeds"] == 4
    with pytest.raises(SyntherError, match=r"half\.yaml can't be read as YAML"):
        Experiments("half")
    for name in ("quick (copy)", "._quick", "Quick", "bench", ""):
        with pytest.raises(SyntherError, match="can't be a preset's name: rename its file"):
            config.load_preset(name)
    with pytest.raises(SyntherError, match="did you mean quick"):
        config.load_preset("quikc")


def test_config_yaml_names_a_preset() -> None:
    content = yaml.safe_load((config.config_dir() / "config.yaml").read_text())
    assert content["preset"] in config.preset_names()
