"""`synther import` and `synther export`: files of others, in and out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from released_checkpoint import Plain, checkpoint

from synther import Diffusion, SyntherError, Transitions
from synther.cli import main
from synther.datasets.d4rl import load_transitions
from synther.jobs.files import sha256
from synther.transitions import FIELDS

Refused = Callable[..., str]


def run(*arguments: object) -> None:
    assert main([str(argument) for argument in arguments]) == 0


def assert_equal(found: Transitions, wanted: Transitions) -> None:
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name), err_msg=name)


@pytest.fixture
def theirs(hopper: Path, tmp_path: Path) -> Path:
    """Samples as the authors save them, rewards and terminals of which may be columns."""
    samples = load_transitions(hopper)
    arrays = {name: getattr(samples, name) for name in FIELDS}
    arrays["rewards"] = arrays["rewards"][:, None]
    np.savez_compressed(tmp_path / "5m_samples.npz", **arrays)
    return tmp_path / "5m_samples.npz"


def test_samples_come_in(theirs: Path, hopper: Path, tmp_path: Path) -> None:
    run("import", theirs, "--task", "hopper", "--out", tmp_path / "out/samples.npz")
    assert_equal(Transitions.load(tmp_path / "out/samples.npz"), load_transitions(hopper))
    record = json.loads((tmp_path / "out/samples.json").read_text())
    assert record["output_sha256"] == sha256(tmp_path / "out/samples.npz")
    assert record["imported"]["path"] == str(theirs)
    assert record["task"] == "hopper"


def test_a_checkpoint_comes_in_and_samples(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = Plain(2 * 11 + 3 + 2)
    file, out = checkpoint(theirs, tmp_path / "model-1000.pt"), tmp_path / "imported"
    run("import", file, "--task", "hopper", "--out", out)
    assert sorted(entry.name for entry in out.iterdir()) == [
        "fit.json",
        "model.pt",
        "settings.json",
    ]
    record = json.loads((out / "fit.json").read_text())
    assert record["model_sha256"] == sha256(out / "model.pt")
    assert record["imported"]["path"] == str(file)
    assert record["task"] == "hopper"
    x, sigma = torch.randn(5, 27), torch.rand(5) + 0.1
    with torch.inference_mode():
        wanted = theirs.denoise(x, sigma)
        torch.testing.assert_close(Diffusion.load(out).denoise(x, sigma), wanted)
    run("sample", "--model", out, "--num", 7, "--set", "sampling_steps=4", "--threads", 1,
        "--out", tmp_path / "samples.npz")  # fmt: skip
    assert Transitions.load(tmp_path / "samples.npz").observations.shape == (7, 11)


def test_a_model_that_can_not_be_written_has_no_record(
    tmp_path: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(model: Diffusion, folder: Path) -> None:
        raise SyntherError("no space left")

    monkeypatch.setattr(Diffusion, "save", full)
    file = checkpoint(Plain(2 * 11 + 3 + 2), tmp_path / "model-1000.pt")
    assert "no space" in refused("import", file, "--task", "hopper", "--out", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_what_came_in_is_compared_and_not_written_over(
    theirs: Path, hopper: Path, tmp_path: Path, refused: Refused
) -> None:
    out = tmp_path / "out/samples.npz"
    run("import", theirs, "--task", "hopper", "--out", out)
    before = out.read_bytes()
    run("import", theirs, "--task", "hopper", "--out", out)
    load_transitions(hopper)[:100].save(tmp_path / "others.npz")
    error = refused("import", tmp_path / "others.npz", "--task", "hopper", "--out", out)
    assert "samples.json says that what is there was not made from this file" in error
    assert out.read_bytes() == before
    for seed, name in ((1, "model-1.pt"), (2, "model-2.pt")):
        torch.manual_seed(seed)
        checkpoint(Plain(2 * 11 + 3 + 2), tmp_path / name)
    model = tmp_path / "model"
    run("import", tmp_path / "model-1.pt", "--task", "hopper", "--out", model)
    before = sha256(model / "model.pt")
    run("import", tmp_path / "model-1.pt", "--task", "hopper", "--out", model)
    assert sha256(model / "model.pt") == before
    error = refused("import", tmp_path / "model-2.pt", "--task", "hopper", "--out", model)
    assert "fit.json says" in error
    assert sha256(model / "model.pt") == before


def test_what_is_collected_twice_is_compared(
    hopper: Path, tmp_path: Path, refused: Refused
) -> None:
    out = tmp_path / hopper.name
    out.write_bytes(hopper.read_bytes())
    again = ["--task", "hopper", "--level", "random", "--rows", 300, "--threads", 1, "--out", out]
    run("collect", *again)
    assert "what was made now is not the same" in refused("collect", *again, "--seed", 1)
    assert out.read_bytes() == hopper.read_bytes()
    assert list(tmp_path.iterdir()) == [out]


def test_files_of_another_task_stay_out(theirs: Path, tmp_path: Path, refused: Refused) -> None:
    error = refused("import", theirs, "--task", "walker2d", "--out", tmp_path / "x.npz")
    assert "11 observation and 3 action dimensions; task 'walker2d' has 17 and 6" in error
    assert not (tmp_path / "x.npz").exists()
    error = refused("import", theirs, "--task", "hoper", "--out", tmp_path / "x.npz")
    assert "did you mean hopper" in error


@pytest.mark.parametrize(
    ("name", "out", "words"),
    [
        ("5m_samples.npz", "model", "must end in .npz"),
        ("model.bin", "model", "neither"),
        ("model.pt", "model", "no file that torch.save wrote"),
        ("model.pt", "model.npz", "must be a folder"),
        ("gone.pt", "model", "does not exist"),
    ],
)
def test_what_can_not_be_imported(
    theirs: Path, tmp_path: Path, refused: Refused, name: str, out: str, words: str
) -> None:
    for damaged in ("model.bin", "model.pt"):
        (tmp_path / damaged).write_bytes(b"nothing")
    error = refused("import", tmp_path / name, "--task", "hopper", "--out", tmp_path / "out" / out)
    assert words in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("format", "name"), [("d4rl", "out.hdf5"), ("npz", "out.npz")])
def test_what_goes_out_reads_back_equal(
    format: str, name: str, hopper: Path, tmp_path: Path
) -> None:
    wanted = load_transitions(hopper)
    out = tmp_path / name
    run("export", "--data", hopper, "--format", format, "--task", "hopper", "--out", out)
    assert_equal(load_transitions(out), wanted)
    run("export", "--data", out, "--format", "npz", "--out", tmp_path / "again.npz")
    assert_equal(load_transitions(tmp_path / "again.npz"), wanted)


def test_a_dataset_goes_out_by_name(hopper: Path, tmp_path: Path) -> None:
    local = tmp_path / "data/local/hopper-medium-local.hdf5"
    local.parent.mkdir(parents=True)
    local.write_bytes(hopper.read_bytes())
    wanted = ["--data", "hopper-medium-local", "--root", tmp_path / "data", "--format", "npz"]
    run("export", *wanted, "--out", tmp_path / "out.npz")
    assert_equal(load_transitions(tmp_path / "out.npz"), load_transitions(hopper))


def test_minari_goes_out(hopper: Path, tmp_path: Path) -> None:
    minari = pytest.importorskip("minari")
    out = tmp_path / "hopper-random-v0"
    run("export", "--data", hopper, "--format", "minari", "--task", "hopper", "--out", out)
    found = minari.MinariDataset(out / "data")
    # Whole episodes: with the last steps, which `qlearning_dataset` has not
    with h5py.File(hopper) as file:
        rewards, following = file["rewards"][()], file["next_observations"][()]
        terminals, ends = file["terminals"][()], file["terminals"][()] | file["timeouts"][()]
    assert found.total_steps == len(rewards) > len(load_transitions(hopper))
    episodes = list(found.iterate_episodes())
    np.testing.assert_array_equal(np.concatenate([e.rewards for e in episodes]), rewards)
    flags = np.concatenate([e.terminations for e in episodes])
    np.testing.assert_array_equal(flags, terminals)
    lasts = np.stack([e.observations[-1] for e in episodes])
    ends[-1] = True
    np.testing.assert_array_equal(lasts, following[ends])


def test_what_can_not_be_exported(hopper: Path, tmp_path: Path, refused: Refused) -> None:
    out = tmp_path / "x.txt"
    assert "must end in .hdf5" in refused(
        "export", "--data", hopper, "--format", "d4rl", "--out", out
    )
    wanted = ["--data", hopper, "--format", "npz", "--out", tmp_path / "x.npz"]
    assert "is of task 'hopper', as it says itself, not of 'walker2d'" in refused(
        "export", *wanted, "--task", "walker2d"
    )
    error = refused("export", "--data", "hopper-medum-v2", *wanted[2:])
    assert "did you mean" in error
    assert "hopper-medium-v2" in error
    assert not list(tmp_path.iterdir())
