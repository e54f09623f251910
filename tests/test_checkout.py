"""What git makes of the repository's files."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="no checkout")
def test_scripts_run_where_git_writes_windows_line_ends(tmp_path):
    copy = tmp_path / "copy"
    windows = ["-c", "core.autocrlf=true", "-c", "core.eol=crlf"]
    subprocess.run(
        ["git", *windows, "clone", "--quiet", "--shared", str(REPOSITORY), str(copy)], check=True
    )
    for path in (".ci/run", "Makefile", "Snakefile"):
        assert b"\r" not in (copy / path).read_bytes(), path
    changed = subprocess.run(
        ["git", *windows, "-C", str(copy), "status", "--porcelain"], capture_output=True, check=True
    )
    assert changed.stdout == b""


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="no checkout")
@pytest.mark.parametrize("folder", ["figures", "results"])
def test_a_folders_page_names_what_git_keeps_there(folder: str) -> None:
    listed = subprocess.run(
        ["git", "-C", str(REPOSITORY), "ls-files", folder], capture_output=True, text=True
    )
    kept = {path.split("/")[1] for path in listed.stdout.split() if path.count("/") > 1}
    page = (REPOSITORY / folder / "README.md").read_text(encoding="utf-8")
    (said,) = [line for line in page.splitlines() if "Git keeps only" in line]
    assert kept
    assert all(f"`{name}/`" in said for name in kept)
