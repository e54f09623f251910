"""`synther verify`: whole results pass, and every kind of fault is found and named."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from synther import SyntherError, Transitions
from synther.cli import main
from synther.config.specs import agent_settings, source_settings, task_spec
from synther.experiments import Experiments, Run
from synther.jobs import provenance
from synther.jobs.files import describe_input, sha256, write_json
from synther.training.results import write_result
from synther.verification import Report, verify

PRESET = "quick"


def rows(run: Run, steps: int) -> pd.DataFrame:
    measured = [
        {"seed": seed, "step": step, "episode": episode, "return": 1.0 * seed, "length": 9}
        for seed in run.seeds
        for step in (steps // 2, steps)
        for episode in range(2)
    ]
    labels = {name: getattr(run, name) for name in ("preset", "dataset", "source", "agent")}
    frame = pd.DataFrame(measured).assign(score=50.0)
    return frame.assign(**labels)[[*labels, *frame.columns]]


def write_rows(frame: pd.DataFrame, out: Path, record: dict[str, Any]) -> None:
    """Write rows and their record as training does."""
    write_result(pa.Table.from_pandas(frame, preserve_index=False), out, record)


class Tree:
    """A folder with the results of one run, its samples, and its dataset, as jobs leave them."""

    def __init__(self, folder: Path) -> None:
        self.folder, plan = folder, Experiments(PRESET)
        self.run = next(run for run in plan.plan("table1").runs() if run.source == "synther")
        self.dataset = folder / plan.dataset_file(self.run.dataset)
        self.dataset.parent.mkdir(parents=True)
        self.dataset.write_bytes(b"a dataset")
        self.model = folder / plan.model_folder(self.run.dataset, "synther") / "model.pt"
        self.samples = self.model.with_name("samples.npz")
        self._leave_generator(plan)
        self.result = folder / self.run.result
        self.record = self.result.with_suffix(".json")
        settings = agent_settings(self.run.agent, self.run.dataset, PRESET, "synther")
        limits = task_spec("hopper" if "hopper" in self.run.dataset else "halfcheetah")
        record = {
            **{name: getattr(self.run, name) for name in ("preset", "dataset", "source", "agent")},
            "seeds": list(self.run.seeds),
            "settings": {**settings, "a_default": 1},
            "task": "hopper" if "hopper" in self.run.dataset else "halfcheetah",
            "reference": [limits["reference_min"], limits["reference_max"]],
            "time_limit": limits["time_limit"],
            "data": self.input(self.samples),
            "statistics_from": self.input(self.dataset),
            "version": provenance.version(),
        }
        write_rows(rows(self.run, settings["steps"]), self.result, record)

    def input(self, path: Path) -> dict[str, str]:
        return describe_input(path) | {"path": str(path.relative_to(self.folder))}

    def _leave_generator(self, plan: Experiments) -> None:
        write_json(self.model.with_name("settings.json"), {"generator": "diffusion"})
        self.model.write_bytes(b"a model")
        fitted = {
            "settings": source_settings("synther", self.run.dataset, PRESET),
            "data": self.input(self.dataset),
            "version": provenance.version(),
            "model_sha256": sha256(self.model),
        }
        write_json(self.model.with_name("fit.json"), fitted)
        number = plan.samples("synther")
        flat = np.zeros(number, np.float32)
        Transitions(flat[:, None], flat[:, None], flat, flat[:, None], flat).save(self.samples)
        folder = self.model.parent.relative_to(self.folder)
        record = {
            "samples": number,
            "settings": {},
            "model": {"path": str(folder), "sha256": sha256(self.model)},
            "output_sha256": sha256(self.samples),
            "version": provenance.version(),
        }
        write_json(self.samples.with_suffix(".json"), record)

    def change(self, path: Path, **changes: Any) -> None:
        """Change a record, taking out what becomes None."""
        content = json.loads(path.read_text(encoding="utf-8")) | changes
        write_json(path, {name: value for name, value in content.items() if value is not None})

    def verify(self) -> Report:
        return verify(self.folder / "results")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def found(report: Report) -> list[tuple[str, str, str]]:
    return [(f.kind, Path(f.path).name, f.message) for f in report.findings]


def test_whole_results_pass(tree: Tree, capsys: pytest.CaptureFixture[str]) -> None:
    report = tree.verify()
    assert found(report) == []
    assert (report.checked, report.runs, report.wrong) == (3, 1, 0)
    assert report.expected > 20
    capsys.readouterr()
    assert main(["verify", str(tree.folder / "results"), "--preset", "quick"]) == 0
    assert "all is well" in capsys.readouterr().out


@pytest.mark.parametrize("linked", ["results", "results/quick/offline", "run"])
def test_what_lies_behind_links_is_checked(tree: Tree, tmp_path: Path, linked: str) -> None:
    """Results that lie elsewhere (on scratch), with a link in their place."""
    whole = tree.verify()
    place = tree.result.parent if linked == "run" else tree.folder / linked
    elsewhere = tmp_path / "scratch" / "kept"
    elsewhere.parent.mkdir()
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    report = tree.verify()
    assert found(report) == []
    assert (report.checked, report.runs) == (whole.checked, whole.runs)
    content = tree.result.read_bytes()
    tree.result.write_bytes(content[:300])
    assert [kind for kind, *_ in found(tree.verify())] == ["damaged"]
    shutil.rmtree(elsewhere)
    if linked == "results":
        with pytest.raises(SyntherError, match="is not a folder of results"):
            tree.verify()
    else:
        messages = [message for kind, _, message in found(tree.verify()) if kind == "damaged"]
        assert messages == ["it is a link that leads nowhere: mount what it points to, or mend it"]


def rewrite(tree: Tree, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    record = json.loads(tree.record.read_text())
    write_rows(change(pd.read_parquet(tree.result, use_threads=False)), tree.result, record)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


FAULTS: dict[str, tuple[Callable[[Tree], object], str, str]] = {
    "cut": (
        lambda t: t.result.write_bytes(t.result.read_bytes()[:99]),
        "damaged",
        "is not a readable parquet",
    ),
    "column": (
        lambda t: rewrite(t, lambda r: r.drop(columns="score")),
        "damaged",
        "column score is missing",
    ),
    "nan": (lambda t: rewrite(t, lambda r: r.assign(score=np.nan)), "damaged", "score has NaN"),
    "row twice": (
        lambda t: rewrite(t, lambda r: pd.concat([r, r.iloc[:1]])),
        "duplicate",
        "is there twice",
    ),
    "edited": (
        lambda t: rewrite(t, lambda r: r) or t.change(t.record, rows_sha256="0" * 64),
        "damaged",
        "it is not the file that was written",
    ),
    "no record": (lambda t: t.record.unlink(), "incomplete", "is missing: the job did not end"),
    "no rows": (lambda t: t.result.unlink(), "incomplete", "its result is missing"),
    "no samples": (lambda t: t.samples.unlink(), "unverified", "removed, or not shipped"),
    "bad record": (lambda t: t.record.write_text("{"), "damaged", "is damaged"),
    "seed": (
        lambda t: rewrite(t, lambda r: r[r["seed"] != t.run.seeds[-1]]),
        "incomplete",
        "have no rows",
    ),
    "episode": (lambda t: rewrite(t, lambda r: r.iloc[1:]), "incomplete", "not evaluated alike"),
    "short": (
        lambda t: rewrite(t, lambda r: r[r["step"] != r["step"].max()]),
        "incomplete",
        "rows end at step",
    ),
    "foreign rows": (
        lambda t: rewrite(t, lambda r: r.assign(agent="bc")),
        "damaged",
        "rows say agent bc",
    ),
    "foreign record": (
        lambda t: t.change(t.record, source="real"),
        "damaged",
        "its record says source real",
    ),
    "dataset": (
        lambda t: t.dataset.write_bytes(b"another dataset"),
        "stale",
        "has changed since",
    ),
    "samples": (lambda t: flip(t.samples), "damaged", "not the file that was written"),
    "other samples": (
        lambda t: t.change(t.record, data={"path": t.input(t.samples)["path"], "sha256": "0"}),
        "stale",
        "its data, ",
    ),
    "model": (lambda t: t.model.write_bytes(b"another"), "stale", "its model, "),
    "start states": (
        lambda t: t.change(
            t.samples.with_suffix(".json"), states=t.input(t.dataset) | {"sha256": "0"}
        ),
        "stale",
        "its states, ",
    ),
    "no model": (lambda t: t.model.unlink(), "unverified", "removed, or not shipped"),
    "fewer samples": (
        lambda t: t.change(t.samples.with_suffix(".json"), samples=7),
        "damaged",
        "its record says samples 7, not",
    ),
    "settings": (
        lambda t: t.change(
            t.record, settings=json.loads(t.record.read_text())["settings"] | {"discount": 0.5}
        ),
        "stale",
        "settings differ: discount was 0.5, is 0.99",
    ),
    "fitted settings": (
        lambda t: t.change(t.model.with_name("fit.json"), settings={"width": 3}),
        "stale",
        "settings differ",
    ),
    "reference": (
        lambda t: t.change(t.record, reference=[0.0, 1.0]),
        "stale",
        "reference was [0.0, 1.0]",
    ),
    "no inputs": (lambda t: t.change(t.record, data=None), "damaged", "does not say its data"),
    "version": (lambda t: t.change(t.record, version="0.0.1"), "unverified", "made by version"),
    "input gone": (lambda t: t.dataset.unlink(), "unverified", "is not here"),
    "old record": (
        lambda t: t.change(t.record, rows_sha256=None),
        "unverified",
        "has no checksum",
    ),
    "checkpoint": (
        lambda t: t.result.with_suffix(".ckpt").touch(),
        "unfinished",
        "left by a job that was ended",
    ),
    "temporary": (
        lambda t: t.result.with_name(".x.1234.tmp.parquet").touch(),
        "unfinished",
        "left by a job that was ended",
    ),
    "stranger": (
        lambda t: t.result.with_name("notes.txt").touch(),
        "foreign",
        "no rule makes such a file",
    ),
    "preset": (
        lambda t: (t.folder / "results/quik").mkdir(),
        "foreign",
        "no preset has this name",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_found(tree: Tree, fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    change, kind, words = FAULTS[fault]
    change(tree)
    report = tree.verify()
    assert any(k == kind and words in message for k, _, message in found(report)), report.findings
    wrong = kind in ("damaged", "incomplete", "duplicate", "stale")
    assert bool(report.wrong) == wrong
    capsys.readouterr()
    assert main(["verify", str(tree.folder / "results"), "--json"]) == int(wrong)
    printed = capsys.readouterr()
    content = json.loads(printed.out)
    assert content["wrong"] == report.wrong
    assert len(content["findings"]) == len(report.findings)
    assert ("remove the files that they name" in printed.err) == wrong


def test_seeds_are_held_against_the_preset(tree: Tree) -> None:
    first, last = tree.run.seeds[0], tree.run.seeds[-1]
    half = tree.result.with_name(f"seeds-{first}-{first}.parquet")
    shutil.copy(tree.result, half)
    shutil.copy(tree.record, half.with_suffix(".json"))
    messages = [m for k, _, m in found(tree.verify()) if k == "duplicate"]
    assert messages == [
        f"{half.name} and {tree.result.name} both have seeds {first}: remove one of them"
    ]
    tree.result.unlink()
    tree.record.unlink()
    messages = [message for kind, _, message in found(tree.verify()) if kind == "incomplete"]
    assert any(f", {last} are missing" in message for message in messages)


def test_a_setting_that_changed_since_is_named(
    tree: Tree, edit_config: Callable[..., Path]
) -> None:
    assert found(tree.verify()) == []
    edit_config("presets/quick.yaml", "  eval_every:", "  discount: 0.5\n  eval_every:")
    messages = [message for kind, _, message in found(tree.verify()) if kind == "stale"]
    assert messages == ["settings differ: discount was 0.99, is 0.5"]


def test_without_checksums_no_input_is_read(tree: Tree) -> None:
    flip(tree.samples)
    tree.dataset.write_bytes(b"another")
    assert found(verify(tree.folder / "results", checksums=False)) == []


def test_notes_that_say_the_same_are_one_line(tree: Tree) -> None:
    for name in ("a", "b", "c"):
        tree.result.with_name(f"{name}.ckpt").touch()
    lines = tree.verify().lines()
    assert len(lines) == 2
    assert lines[0].endswith("(and 2 more like it)")
    assert "runs of their presets (pipeline check, no evidence: quick): 3 unfinished" in lines[1]


def test_a_preset_that_can_not_be_read_is_named_and_the_others_are_checked(
    edit_config: Callable[..., Path], tree: Tree
) -> None:
    edit_config("presets/known.yaml", "seeds: 4", "seeds: {")
    (tree.folder / "results/known").mkdir()
    ((kind, name, message),) = found(tree.verify())
    assert (kind, name) == ("unverified", "known")
    assert "known.yaml can't be read as YAML" in message
    assert tree.verify().runs == 1


def test_wrong_requests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path / "none")]) == 1
    assert "none is not a folder of results" in capsys.readouterr().err
    assert main(["verify", str(tmp_path), "--preset", "quik"]) == 1
    assert "did you mean quick" in capsys.readouterr().err
    assert main(["verify", str(tmp_path), "--preset", "quick"]) == 1
    assert "has no results of preset 'quick'" in capsys.readouterr().err
    (tmp_path / "quick/offline").mkdir(parents=True)
    assert main(["verify", str(tmp_path / "quick")]) == 0  # a preset's own folder
    assert main(["verify", str(tmp_path / "quick"), "--preset", "paper"]) == 1


def test_it_needs_no_torch(tree: Tree) -> None:
    code = (
        "import sys; from synther.cli import main; "
        f"assert main(['verify', {str(tree.folder / 'results')!r}]) == 0; "
        "assert not {'torch', 'mujoco'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("share", "asked"), [("15pct", {"percent": 15.0}), ("300rows", {"rows": 300})]
)
def test_parts_of_a_dataset_are_held_against_their_names(
    tree: Tree, share: str, asked: dict[str, float]
) -> None:
    path = tree.folder / f"results/{PRESET}/subsets/{tree.run.dataset}/{share}.npz"
    flat = np.zeros(5, np.float32)
    Transitions(flat[:, None], flat[:, None], flat, flat[:, None], flat).save(path)
    record = {
        "data": tree.input(tree.dataset),
        "transitions": 5,
        "choose": "transitions",
        "seed": 0,
    }
    write_json(path.with_suffix(".json"), record | asked | {"output_sha256": sha256(path)})
    assert not [finding for finding in tree.verify().findings if "subsets" in str(finding)]
    tree.change(path.with_suffix(".json"), **dict.fromkeys(asked, 7))
    (finding,) = [f for f in tree.verify().findings if "subsets" in str(f)]
    assert (finding.kind, next(iter(asked)) in finding.message) == ("stale", True)
