"""Text is UTF-8 in every file, whatever the locale."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
CALLS = ("run", "Popen", "check_output")


def asks_the_locale(call: ast.Call) -> bool:
    """Return whether a call reads or writes text, and does not say how."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ast.unparse(call.func)
    given = {word.arg for word in call.keywords}
    if "encoding" in given or name not in ("read_text", "write_text", *CALLS):
        return False
    return name not in CALLS or bool({"text", "universal_newlines"} & given)


def test_what_asks_the_locale_is_seen() -> None:
    guilty = ["p.read_text()", "a.b.write_text(x)", "subprocess.run(x, text=True)"]
    for code in guilty:
        assert asks_the_locale(ast.parse(code, mode="eval").body)
    for code in ("p.read_text(encoding='utf-8')", "subprocess.run(x)", "run(x, encoding='utf-8')"):
        assert not asks_the_locale(ast.parse(code, mode="eval").body)


def test_no_text_is_in_the_encoding_of_the_locale() -> None:
    """What ruff's PLW1514 can't see, which knows some paths only, and no programs."""
    files = [*(ROOT / "synther").rglob("*.py"), *(ROOT / "workflow").rglob("*.py")]
    for file in files:
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Call) and asks_the_locale(node):
                pytest.fail(f'{file}:{node.lineno} lacks encoding="utf-8"')


@pytest.mark.parametrize(
    "verb",
    [
        ["compare", "results/reference/online", "paper"],
        ["verify", "--preset", "reference", "--no-checksums"],
        ["table", "--preset", "reference", "--experiment", "claims", "--out"],
    ],
    ids=lambda verb: verb[0],
)
def test_verbs_work_in_a_locale_without_letters(verb: list[str], tmp_path: Path) -> None:
    if verb[-1] == "--out":
        verb = [*verb, str(tmp_path / "claims")]
    done = subprocess.run(
        [sys.executable, "-m", "synther.cli", *verb],
        cwd=ROOT,
        env=os.environ | ASCII,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
    if verb[0] == "compare":
        assert b"?" in done.stdout  # in place of a sign that the terminal has not
    if verb[0] == "table":
        assert "\u00b1" in (tmp_path / "claims.md").read_text(encoding="utf-8")
