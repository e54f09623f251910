"""docs/use_in_your_agent.md: its programs run as they stand, with smaller numbers."""

from __future__ import annotations

import re
import runpy
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pages
import pytest

from synther.datasets.collect import collect

PAGE = pages.ROOT / "docs/use_in_your_agent.md"
SMALL_MODEL = ", width=16, depth=1, dim_t=8, sampling_steps=4, progress=False"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small dataset in place of D4RL's."""
    root = tmp_path_factory.mktemp("page")
    collect("hopper", "random", 600, root / "data/local/hopper-medium-local.hdf5", threads=1)
    return root


def smaller(text: str, numbers: dict[str, str]) -> str:
    """Return a program with other numbers; each must be there once."""
    for old, new in numbers.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text.replace("hopper-medium-v2", "hopper-medium-local")


@pytest.fixture
def execute(local: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return run(name, numbers): a program of the page, and what its names stand for at its end."""
    texts = pages.named(PAGE)
    shutil.copytree(local / "data", tmp_path / "data")
    (tmp_path / "my_agent.py").write_text(texts["my_agent.py"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def run(name: str, numbers: dict[str, str]) -> dict[str, Any]:
        (tmp_path / name).write_text(smaller(texts[name], numbers))
        try:
            return runpy.run_path(str(tmp_path / name))
        finally:
            sys.modules.pop("my_agent", None)

    return run


def test_every_program_is_run() -> None:
    assert set(pages.named(PAGE)) == {"ten_lines.py", "my_agent.py", "offline.py", "online.py"}


def test_ten_lines(execute: Any) -> None:
    program = pages.named(PAGE)["ten_lines.py"]
    assert sum(bool(line) and not line.startswith("from") for line in program.splitlines()) <= 10
    small = {
        "steps=20_000, width=256": "steps=20" + SMALL_MODEL,
        "sample(100_000)": "sample(300)",
        "updates=50_000": "updates=5, progress=False",
        "seeds=(0, 1, 2, 3))": "seeds=(0, 1, 2, 3), hidden=(16, 16))",
    }
    found = execute("ten_lines.py", small)
    assert found["returns"].shape == (4, 10)
    assert np.isfinite(found["returns"]).all()


def test_offline(execute: Any) -> None:
    small = {
        "100_000, 5_000_000, 1_000_000": "20, 300, 5",
        "steps=FIT_STEPS": "steps=FIT_STEPS" + SMALL_MODEL,
    }
    found = execute("offline.py", small)
    assert len(found["samples"]) == 300
    before = found["Agent"](11, 3).actor[0].weight.std()
    assert found["agent"].actor[0].weight.isfinite().all()
    assert found["agent"].critic_optimizer.state  # it has learned
    assert before > 0


def test_online(execute: Any, capsys: pytest.CaptureFixture[str]) -> None:
    small = {
        "5_000, 1_000, 4, 256": "450, 200, 2, 32",
        "1_000, 2_000, 128, 20_000": "200, 20, 16, 100",
        "sampling_steps=16": "sampling_steps=4, depth=1, dim_t=8, progress=False",
    }
    found = execute("online.py", small)
    # Refitted at steps 200 and 400, and half of every batch synthetic since
    printed = capsys.readouterr().out
    assert re.findall(r"^step (\d+): ", printed, re.MULTILINE) == ["200", "400"]
    assert found["synthetic"].shape == (100, 2 * 3 + 1 + 2)
    assert found["share"] == 16
    assert found["batch"].shape == (32, 9)
    assert np.isfinite(found["real"]).all()
    assert len(found["returns"]) == 3  # two episodes of 200 steps, and a part of the third
    assert not found["synthetic"][:, -1].any()
