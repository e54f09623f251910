"""The commit that records name: what runs leave is no change of the code, wherever it lies."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from synther.jobs import provenance

ROOT = Path(__file__).parents[1]


def test_results_and_data_behind_links_are_no_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders that lie elsewhere (on scratch) would else mark every record as `+changes`."""
    checkout = tmp_path / "checkout"
    (checkout / "synther").mkdir(parents=True)
    for file in (".gitignore", "results/README.md", "figures/README.md"):
        (checkout / file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / file, checkout / file)
    code = checkout / "synther/jobs/provenance.py"
    code.touch()

    def git(*words: str) -> str:
        own = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        done = subprocess.run(["git", *own, *words], cwd=checkout, check=True, capture_output=True)
        return done.stdout.decode().strip()

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "all")
    for name in ("results", "figures", "data", "logs", ".snakemake", "wandb"):
        shutil.rmtree(checkout / name, ignore_errors=True)
        (tmp_path / name).mkdir()
        (checkout / name).symlink_to(tmp_path / name)
    monkeypatch.setattr(provenance, "__file__", str(code))
    assert provenance.commit.__wrapped__() == git("rev-parse", "HEAD")
    code.write_text("changed", encoding="utf-8")
    assert provenance.commit.__wrapped__() == git("rev-parse", "HEAD") + "+changes"
