"""Fixtures that every folder of tests may use."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from synther import config
from synther.config import specs

# A test that takes long on a busy machine is no failure.
hypothesis.settings.register_profile(
    "busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("busy")


REPOSITORY = Path(__file__).parents[1]


os.environ.pop("SYNTHER_CHECKPOINT_INTERVAL", None)  # tests choose their own


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a GPU where there is none."""
    if item.get_closest_marker("gpu") is None:
        return
    import torch  # here, because tests of config and docs start without it

    if not torch.cuda.is_available():
        pytest.skip("torch sees no GPU here")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder with pieces of D4RL's files and its policies; skip where there is none."""
    folder = Path(os.environ.get("SYNTHER_TEST_DATA", REPOSITORY.parent / "shared"))
    if not folder.is_dir():
        pytest.skip("SYNTHER_TEST_DATA names no folder of D4RL's files (CONTRIBUTING.md)")
    return folder


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Return the folder of mujoco-py's trajectories."""
    return REPOSITORY / "tests/data/mujoco_py"


@pytest.fixture
def edit_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Return edit(file, old, new): it edits a copy of config/, which is the one in use."""
    folder = tmp_path / "config"
    shutil.copytree(REPOSITORY / "config", folder)
    monkeypatch.setenv("SYNTHER_CONFIG", str(folder))
    caches = (config.load, config.load_preset, specs.task_spec, specs._require_fit)

    def forget() -> None:
        for cached in caches:
            cached.cache_clear()

    def edit(file: str, old: str, new: str) -> Path:
        text = (folder / file).read_text()
        assert old in text, f"{old!r} is not in {file}"
        (folder / file).write_text(text.replace(old, new, 1))
        forget()
        return folder / file

    forget()
    yield edit
    forget()
