"""What `pip install` gives: the wheel in an environment of its own, used in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
pytest.importorskip("hatchling")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def home(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, and this one's packages but for its synther."""
    home = tmp_path_factory.mktemp("home")
    venv.create(home, with_pip=False)
    (packages,) = home.glob("lib/python*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    # A folder named in a .pth is searched, and its own .pth, of an editable synther, are not read
    others = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    (packages / "others.pth").write_text("\n".join(others), encoding="utf-8")
    return home


def run(home: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    ours = ("PYTHONPATH", "SYNTHER_CONFIG")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment["PATH"] = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [str(home / "bin/python"), *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_has_the_workflow_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for part in (
        "Snakefile",
        "environment.yml",
        "config/agents.yaml",
        "workflow/rules/offline.smk",
    ):
        assert f"synther/_checkout/{part}" in names
    assert "snakemake_logger_plugin_synther/__init__.py" in names
    templates = [path.relative_to(REPOSITORY) for path in REPOSITORY.glob("synther/**/*.j2")]
    assert templates
    assert {str(path) for path in templates} <= set(names)
    assert not [name for name in names if "tests/" in name or "__pycache__" in name]


def test_the_library_and_the_verbs_need_no_checkout(home: Path, tmp_path: Path) -> None:
    where = run(home, tmp_path, "-c", "import synther; print(synther.__file__)")
    assert str(home) in where.stdout
    collect = ["collect", "--task", "hopper", "--level", "random", "--rows", "300"]
    done = run(home, tmp_path, "-m", "synther.cli", *collect, "--out", "hopper.hdf5")
    assert done.returncode == 0, done.stderr
    train = ["train", "--task", "hopper", "--data", "hopper.hdf5", "--agent", "td3_bc"]
    small = ["steps=10", "eval_every=10", "eval_episodes=1", "batch_size=16", "hidden=[16,16]"]
    sets = [word for text in small for word in ("--set", text)]
    out = ["--seeds", "0-1", "--out", "td3_bc.parquet"]
    done = run(home, tmp_path, "-m", "synther.cli", *train, *sets, *out)
    assert done.returncode == 0, done.stderr


def test_without_a_workflow_the_way_to_one_is_named(home: Path, tmp_path: Path) -> None:
    done = run(home, tmp_path, "-m", "synther.cli", "plan", "--preset", "quick")
    assert done.returncode != 0
    assert "synther workflow" in done.stderr


def test_the_workflow_is_written_out_and_runs_with_its_own_config(
    home: Path, tmp_path: Path
) -> None:
    write = ["-m", "synther.cli", "workflow", "here"]
    done = run(home, tmp_path, *write)
    assert done.returncode == 0, done.stderr
    again = run(home, tmp_path, *write)
    assert again.returncode == 1
    assert "has config, workflow, environment.yml, Snakefile, profiles already" in again.stderr
    here = tmp_path / "here"
    dry = ["-m", "snakemake", "-n", "figures/quick/marginals.pdf"]
    done = run(home, here, *dry)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rows=20000" in done.stdout or "--rows 20000" in done.stdout
    preset = here / "config/presets/quick.yaml"
    preset.write_text(
        re.sub(r"^rows: 20000", "rows: 12345", preset.read_text("utf-8"), flags=re.MULTILINE),
        encoding="utf-8",
    )
    assert "12345" in run(home, here, *dry).stdout
    plan = run(home, here, "-m", "synther.cli", "plan", "figures/quick/marginals.pdf")
    assert plan.returncode == 0, plan.stderr
    assert "11 jobs to run" in plan.stdout
