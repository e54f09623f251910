"""The pages of the documentation as their tests see them: blocks, commands, a place to run them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
        *(ROOT / name / "README.md" for name in ("results", "figures", "config/paper")),
        *(ROOT / "docs").glob("*.md"),
    ]
)
_BLOCK = re.compile(
    r"(?:^<!-- (?P<kind>test|expensive)(?:: (?P<name>\S+))? -->\n)?"
    r"^```(?P<language>\w+)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        language: behind the opening fence: console, python, yaml.
        text: between the fences.
        name: of `<!-- test: NAME -->` above it: a test of its own runs it.
        expensive: `<!-- expensive -->` stands above it: it is checked, and not run.
    """

    language: str
    text: str
    name: str | None
    expensive: bool

    @property
    def commands(self) -> list[str]:
        """The commands of a console block, continued lines joined."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line[2:].strip() for line in lines if line.startswith("$ ")]


def title(page: Path) -> str:
    """Return a page's path in the repository."""
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> list[Block]:
    """Return all fenced blocks of a page, in order."""
    return [
        Block(found["language"], found["text"], found["name"], found["kind"] == "expensive")
        for found in _BLOCK.finditer(page.read_text(encoding="utf-8"))
    ]


def named(page: Path) -> dict[str, str]:
    """Return the texts of the blocks that a test of their own runs, by name."""
    return {block.name: block.text for block in blocks(page) if block.name}


def spans(page: Path) -> list[str]:
    """Return what stands in backticks in a page's running text, on one line each."""
    prose = re.sub(
        r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    return [" ".join(found.split()) for found in re.findall(r"`([^`]+)`", prose)]


def checkout(folder: Path) -> Path:
    """Copy what the workflow needs into a folder, without data or results."""
    for name in ("config", "workflow", "profiles"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("Snakefile", "environment.yml", "Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    return folder


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run shell lines in a folder with its own configuration; they must succeed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "SYNTHER_CONFIG": str(folder / "config")}
    found = subprocess.run(
        ["bash", "-ec", command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found
