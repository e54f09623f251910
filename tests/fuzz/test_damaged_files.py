"""Every reader of files from outside: damage gives a SyntherError, and memory stays bounded."""

from __future__ import annotations

import io
import json
import os
import resource
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from synther import SyntherError, Transitions, config
from synther.datasets.d4rl import load_transitions
from synther.datasets.policies import load_policy, recorded_returns
from synther.datasets.vd4rl import read_shards
from synther.generators.diffusion import Diffusion, DiffusionSettings
from synther.generators.dynamics import Dynamics
from synther.generators.members import DynamicsSettings
from synther.generators.noise import Noise
from synther.jobs import files, npz
from synther.jobs.checkpoint import Checkpoint
from synther.jobs.files import read_json
from synther.statistics.scores import read_result
from synther.tensors import weights
from synther.training.frames import load_body

MARGIN = 1 << 30
"""Bytes of memory that a reader may ask for beyond what the process has."""


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Make the system refuse what is more than `MARGIN` beyond what the process has now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MARGIN, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@dataclass(frozen=True)
class Reader:
    """What reads a file, that file's name, and how a whole one is made."""

    name: str
    file: str
    make: Callable[[Path], object]
    read: Callable[[Path], object]


def transitions(rows: int = 6) -> Transitions:
    drawn = np.random.default_rng(0).standard_normal((rows, 3)).astype(np.float32)
    return Transitions(drawn, drawn[:, :2], drawn[:, 0], drawn + 1, np.zeros(rows))


def d4rl(path: Path) -> None:
    rows = transitions()
    with h5py.File(path, "w") as file:
        for name in ("observations", "actions", "rewards", "terminals"):
            file.create_dataset(name, data=getattr(rows, name), compression="gzip")
        file["timeouts"] = np.zeros(6, dtype=bool)


def shard(path: Path) -> None:
    with h5py.File(path, "w") as file:
        frames = np.zeros((4, 3, 8, 8), dtype=np.uint8)
        file.create_dataset("observation", data=frames, compression="gzip", chunks=(2, 3, 8, 8))
        file["action"] = np.zeros((4, 2), dtype=np.float32)
        for name in ("reward", "discount"):
            file[name] = np.ones(4, dtype=np.float32)
        file["step_type"] = np.array([0, 1, 1, 2])


def policy(path: Path) -> None:
    layers = {"fc0": (4, 3), "fc1": (4, 4), "last_fc": (2, 4), "last_fc_log_std": (2, 4)}
    arrays = {f"{name}/weight": np.ones(shape, np.float32) for name, shape in layers.items()}
    arrays |= {f"{name}/bias": np.ones(shape[0], np.float32) for name, shape in layers.items()}
    np.savez(path, **arrays, nonlinearity=np.array("relu"))  # type: ignore[arg-type]


def result(path: Path) -> None:
    text = {name: [name] * 4 for name in ("preset", "dataset", "source", "agent")}
    numbers = {name: range(4) for name in ("seed", "step", "episode", "length")}
    values = {name: np.arange(4.0) for name in ("return", "score")}
    pd.DataFrame({**text, **numbers, **values}).to_parquet(path, compression="zstd")


def diffusion(path: Path) -> None:
    tiny = DiffusionSettings(width=8, depth=1, dim_t=8, steps=1, batch_size=4)
    Diffusion(tiny).fit(transitions(), progress=False).save(path.parent)


def dynamics(path: Path) -> None:
    tiny = DynamicsSettings(members=2, elites=1, width=4, depth=1, steps=1, batch_size=4)
    Dynamics(tiny).fit(transitions(10), progress=False).save(path.parent)


def body(path: Path) -> None:
    content = {
        "seeds": [0],
        "observation_shape": [9, 84, 84],
        "action_dim": 2,
        "about": {},
        "body": {"w": torch.ones(1, 3)},
    }
    weights.save(path, content)


READERS = [
    Reader("npz", "x.npz", lambda path: transitions().save(path), Transitions.load),
    Reader("policy", "x.npz", policy, load_policy),
    Reader("d4rl", "x.hdf5", d4rl, load_transitions),
    Reader("shard", "x.hdf5", shard, lambda path: read_shards([path])),
    Reader("result", "x.parquet", result, read_result),
    Reader(
        "checkpoint",
        "x.ckpt",
        lambda path: Checkpoint(path, {"a": 1}).save({"w": torch.ones(40), "rows": [{"n": 1}]}),
        lambda path: Checkpoint(path, {"a": 1}).load(),
    ),
    Reader("diffusion", "model.pt", diffusion, lambda path: Diffusion.load(path.parent)),
    Reader("dynamics", "model.pt", dynamics, lambda path: Dynamics.load(path.parent)),
    Reader(
        "noise",
        "model.pt",
        lambda path: Noise().fit(transitions()).save(path.parent),
        lambda path: Noise.load(path.parent),
    ),
    Reader("body", "x.pt", body, load_body),
    Reader(
        "record",
        "x.json",
        lambda path: files.write_json(path, {"a": [1, {"b": None}], "settings": {"c": 0.5}}),
        read_json,
    ),
    Reader(
        "returns",
        "returns.json",
        lambda path: path.write_text(json.dumps({"p": {"return_mean": 1.0}})),
        lambda path: recorded_returns(path.parent, "none"),
    ),
    Reader(
        "yaml",
        "x.yaml",
        lambda path: path.write_text("a: 2026-01-02\nb: [1, x]\n"),
        config.read_yaml,
    ),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    found = {}
    for reader in READERS:
        path = tmp_path_factory.mktemp(reader.name) / reader.file
        reader.make(path)
        reader.read(path)
        found[reader.name] = path.read_bytes()
    return found


@st.composite
def damage(draw: st.DrawFn, content: bytes) -> bytes:
    """Flip, cut, repeat, blank out or insert bytes."""
    damaged = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(damaged) - 1, 0)))
        end = place + draw(st.integers(1, 64))
        how = draw(st.sampled_from(("flip", "set", "cut", "drop", "zero", "repeat", "insert")))
        if how == "cut":
            del damaged[place:]
        elif how == "drop":
            del damaged[place:end]
        elif how == "zero":
            damaged[place:end] = bytes(len(damaged[place:end]))
        elif how == "repeat":
            damaged[place:place] = damaged[place:end]
        elif how == "insert":
            damaged[place:place] = draw(st.binary(max_size=16))
        elif how == "set" and damaged:  # numbers that are sizes somewhere
            value = draw(st.sampled_from((0, 1, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1)))
            packed = struct.pack("<Q", value)[: draw(st.sampled_from((1, 2, 4, 8)))]
            damaged[place : place + len(packed)] = packed
        elif damaged:
            damaged[min(place, len(damaged) - 1)] ^= draw(st.integers(1, 255))
    return bytes(damaged)


def refusal(reader: Reader, path: Path) -> str:
    """Return what a reader says of a file; of one that it reads, the file's name."""
    try:
        reader.read(path)
    except SyntherError as error:
        return str(error)
    return str(path)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
@pytest.mark.filterwarnings("ignore")  # of numpy and zipfile, before they give up
def test_damage_is_a_synther_error(reader: Reader, whole: dict[str, bytes]) -> None:
    examples = int(os.environ.get("SYNTHER_FUZZ_EXAMPLES", "60"))

    @given(data=st.data())
    @settings(max_examples=examples, database=None)
    def fuzz(data: st.DataObject) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / reader.file
            path.write_bytes(data.draw(damage(whole[reader.name])))
            with bounded_memory():
                assert str(path) in refusal(reader, path)

    fuzz()


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
@given(content=st.binary(max_size=300))
@settings(max_examples=20)
@pytest.mark.filterwarnings("ignore")
def test_any_bytes_are_a_synther_error(reader: Reader, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / reader.file
        path.write_bytes(content)
        assert str(path) in refusal(reader, path)


# --- what is made to fill the memory, or to reach outside ---------------------------------------


def member(shape: tuple[int, ...], kind: Any = "<f4") -> bytes:
    """Return the header of an array in an .npz."""
    buffer = io.BytesIO()
    header = {"descr": kind, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue()


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def test_an_npz_that_swells_is_refused(tmp_path: Path) -> None:
    rows = 1 << 28
    fields = {
        name: np.zeros((4, 1) if name in ("observations", "actions", "next_observations") else 4)
        for name in ("observations", "actions", "next_observations", "rewards", "terminals")
    }
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        for name, array in fields.items():
            if name == "rewards":
                with file.open("rewards.npy", "w", force_zip64=True) as target:
                    target.write(member((rows,)))
                    for _ in range(4 * rows >> 24):
                        target.write(bytes(1 << 24))
            else:
                with file.open(f"{name}.npy", "w") as target:
                    np.lib.format.write_array(target, array)
    assert path.stat().st_size < 8 << 20
    with bounded_memory(), pytest.raises(SyntherError, match="made to fill the memory"):
        Transitions.load(path)


@pytest.mark.parametrize("shape", [(1 << 40,), (1 << 31, 1 << 31), (-1,), (2, 0, 1 << 60)])
def test_an_npz_that_claims_an_absurd_shape_is_refused(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    path = archive(tmp_path / "x.npz", {"w.npy": member(shape) + bytes(64)})
    with bounded_memory(), pytest.raises(SyntherError, match="claims shape"):
        npz.read_npz(path, ["w"])


def test_names_that_climb_out_of_an_archive_write_nothing(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    content = member((1,)) + bytes(4)
    path = archive(inner / "x.npz", {"../escaped.npy": content, "/tmp/../x.npy": content})
    with pytest.raises(SyntherError, match="lacks observations"):
        Transitions.load(path)
    assert npz.read_npz(path, ["../escaped"])["../escaped"].shape == (1,)  # a name, no place
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["inner", "x.npz"]


def test_hdf5_that_claims_an_absurd_shape_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.hdf5"
    d4rl(path)
    with h5py.File(path, "r+") as file:
        del file["rewards"]  # chunks that were never written: all fill values
        file.create_dataset("rewards", shape=(1 << 40,), dtype="f4", chunks=(1024,))
    with bounded_memory(), pytest.raises(SyntherError, match="claims to hold 4,398,046,511,104"):
        load_transitions(path)
    shard(tmp_path / "y.hdf5")
    with h5py.File(tmp_path / "y.hdf5", "r+") as file:
        del file["observation"]
        file.create_dataset("observation", (1 << 30, 3, 84, 84), "u1", chunks=(64, 3, 84, 84))
    with bounded_memory(), pytest.raises(SyntherError, match="claims to hold"):
        read_shards([tmp_path / "y.hdf5"])


def test_hdf5_that_points_elsewhere_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(24))
    d4rl(tmp_path / "other.hdf5")
    links = {
        "link": lambda file: file.__setitem__(
            "rewards", h5py.ExternalLink(str(tmp_path / "other.hdf5"), "rewards")
        ),
        "raw": lambda file: file.create_dataset(
            "rewards", (6,), "f4", external=[(str(secret), 0, 24)]
        ),
        "virtual": lambda file: file.create_virtual_dataset("rewards", virtual(tmp_path)),
        "soft": lambda file: file.__setitem__("rewards", h5py.SoftLink("/actions")),
    }
    for name, change in links.items():
        path = tmp_path / f"{name}.hdf5"
        d4rl(path)
        with h5py.File(path, "r+") as file:
            del file["rewards"]
            change(file)
        with pytest.raises(SyntherError, match="rewards lies outside the file"):
            load_transitions(path)


def virtual(folder: Path) -> h5py.VirtualLayout:
    layout = h5py.VirtualLayout(shape=(6,), dtype="f4")
    layout[:] = h5py.VirtualSource(str(folder / "other.hdf5"), "rewards", shape=(6,))
    return layout


def test_a_model_that_claims_an_absurd_size_is_refused(tmp_path: Path) -> None:
    diffusion(tmp_path / "model.pt")
    for change in (
        {"width": 10**9},
        {"depth": 10**9},
        {"dim_t": 10**9},
        {"fourier_features": 10**9},
    ):
        content = torch.load(tmp_path / "model.pt", weights_only=True)
        described = json.loads(content["description"])
        described["settings"] |= change
        folder = tmp_path / "changed"
        weights.save(folder / "model.pt", content | {"description": json.dumps(described)})
        with bounded_memory(), pytest.raises(SyntherError, match="do not fit its settings"):
            Diffusion.load(folder)


def test_tensors_that_repeat_one_value_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    Checkpoint(path, {}).save({"rows": torch.ones(1).expand(1 << 40)})
    with bounded_memory(), pytest.raises(SyntherError, match="repeats its values"):
        Checkpoint(path, {}).load()


def test_compressed_members_of_a_checkpoint_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    Checkpoint(path, {}).save({"rows": torch.zeros(100)})
    with zipfile.ZipFile(path) as stored:
        members = {name: stored.read(name) for name in stored.namelist()}
    archive(path, members)
    with pytest.raises(SyntherError, match="is compressed, which torch's files never are"):
        Checkpoint(path, {}).load()


def test_a_result_that_claims_billions_of_rows_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.parquet"
    result(path)
    monkeypatch.setattr("synther.statistics.scores.MOST_ROWS", 3)
    with pytest.raises(SyntherError, match="it claims 4 rows"):
        read_result(path)


def test_checksums_of_members_are_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    Checkpoint(path, {}).save({"rows": torch.arange(1000.0)})
    content = bytearray(path.read_bytes())
    where = content.index(struct.pack("<f", 500.0))
    content[where] ^= 1
    path.write_bytes(content)
    with pytest.raises(SyntherError, match="damaged"):
        Checkpoint(path, {}).load()
