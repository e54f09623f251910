"""D4RL's own policies: fetched from where they are published, verified, and chosen by level."""

from __future__ import annotations

import functools
import http.server
import pickle
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest
from random_policies import random_policy

from synther import SyntherError, config
from synther.datasets import d4rl_policies as module
from synther.datasets.d4rl_policies import MIRROR, digest, fetch_policies
from synther.datasets.levels import choose_policies
from synther.datasets.policies import load_policies, load_policy, recorded_returns

RETURNS = {"medium": 900.0, "stage_0": 10.0, "stage_1": 700.0, "stage_2": 1200.0, "stage_3": 300.0}
WORDS = {"nonlinearity": "relu", "output_distribution": "tanh_gaussian"}


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Publish made-up policies of hopper's widths; return the folder that is served."""
    monkeypatch.delenv(MIRROR, raising=False)
    served, entries = tmp_path / "served", {}
    (served / "hopper").mkdir(parents=True)
    (tmp_path / "kept").mkdir()
    dataset = tmp_path / "hopper_expert-v2.hdf5"
    for seed, name in enumerate(RETURNS):
        arrays: dict[str, Any] = random_policy(11, 3, seed) | WORDS
        kept = tmp_path / f"kept/{'hopper-expert-v2' if name == 'medium' else name}.npz"
        np.savez(kept, **arrays)
        entries[name] = {"return_mean": RETURNS[name], "sha256": digest(load_policy(kept))}
        if name == "medium":
            entries[name]["dataset"] = "hopper-expert-v2"
            with h5py.File(dataset, "w") as file:
                for key, value in arrays.items():
                    file[f"metadata/policy/{key}"] = value
        else:
            (served / f"hopper/{name}.pkl").write_bytes(pickle.dumps(arrays, protocol=2))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(served))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    spec = {"medium": entries.pop("medium"), "snapshots": entries}
    known = {
        "address": f"http://127.0.0.1:{server.server_address[1]}",
        "tasks": {"hopper": spec},
    }
    specs = SimpleNamespace(load=lambda name: {"d4rl": known}, config_dir=config.config_dir)
    monkeypatch.setattr(module, "config", specs)
    monkeypatch.setattr("synther.datasets.download.download", lambda name, root: dataset)
    yield served
    server.shutdown()
    server.server_close()


def test_policies_are_fetched_verified_and_chosen(published: Path, tmp_path: Path) -> None:
    record = fetch_policies("hopper", tmp_path / "out/hopper")
    assert record["returns"]["medium"]["origin"] == "metadata of hopper-expert-v2"
    assert record["returns"]["stage_0"]["origin"].endswith("/hopper/stage_0.pkl")
    found = load_policies(tmp_path / "out", "hopper", 11, 3)
    returns = recorded_returns(tmp_path / "out", "hopper")
    assert returns == RETURNS

    def names(level: str) -> list[str]:
        return [policy.name for policy in choose_policies(level, found, returns) if policy]

    assert names("medium") == ["medium"]
    # Up to the first that does as well as the medium one; stage_3 comes after that.
    assert names("medium-replay") == ["stage_0", "stage_1", "medium"]
    assert names("full-replay") == ["stage_0", "stage_1", "stage_2", "stage_3"]
    assert names("medium-expert") == ["medium", "stage_2"]
    assert names("expert") == ["stage_2"]


def test_a_folder_of_copies_comes_first(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(published)
    monkeypatch.setenv(MIRROR, str(tmp_path / "kept"))
    record = fetch_policies("hopper", tmp_path / "out")
    assert {entry["origin"] for entry in record["returns"].values()} == {
        "hopper-expert-v2.npz",
        *(f"stage_{k}.npz" for k in range(4)),
    }


def test_another_policy_of_that_name_is_refused(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MIRROR, str(tmp_path / "kept"))
    arrays: dict[str, Any] = random_policy(11, 3, 99) | WORDS
    np.savez(tmp_path / "kept/stage_2.npz", **arrays)
    with pytest.raises(SyntherError, match=r"stage_2\.npz is not the policy that .* records"):
        fetch_policies("hopper", tmp_path / "out")
    assert not (tmp_path / "out/returns.json").exists()


def test_what_a_pickle_would_run_is_not_run(published: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    (published / "hopper/stage_1.pkl").write_bytes(pickle.dumps({"fc0/weight": Trap()}))
    with pytest.raises(SyntherError, match=r"stage_1\.pkl is not a pickled policy"):
        fetch_policies("hopper", tmp_path / "out")
    assert not (tmp_path / "sprung").exists()


def test_what_is_not_served_says_where_else_to_put_it(published: Path, tmp_path: Path) -> None:
    (published / "hopper/stage_3.pkl").unlink()
    with pytest.raises(SyntherError, match=f"404.*set {MIRROR} to a folder that has stage_3.npz"):
        fetch_policies("hopper", tmp_path / "out")


def test_a_task_without_them_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SyntherError, match="unknown task 'maze2d-umaze'"):
        fetch_policies("maze2d-umaze", tmp_path)


def test_the_real_ones_are_those_recorded(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(MIRROR, str(shared / "d4rl/policies"))
    for task in ("hopper", "halfcheetah"):
        record = fetch_policies(task, tmp_path / task)
        assert len(record["returns"]) == 12
