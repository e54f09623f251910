"""What pages point at is there: linked files, and files and tests named in running text."""

from __future__ import annotations

import re
from pathlib import Path

import pages
import pytest

WRITTEN = {"config/presets/walker.yaml"}
"""Files that a page has its reader write."""


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.title)
def test_files_that_a_page_links_to_are_there(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target.replace("\\", "")).exists(), target


@pytest.mark.parametrize("page", pages.PAGES, ids=pages.title)
def test_files_and_tests_in_running_text_are_there(page: Path) -> None:
    for span in pages.spans(page):
        path, _, test = span.partition("::")
        if re.fullmatch(r"(synther|tests|workflow|docs|config)/[\w./-]+", path):
            assert (pages.ROOT / path).exists() or path in WRITTEN, span
            if test:
                assert f"def {test}(" in (pages.ROOT / path).read_text(encoding="utf-8"), span


def test_the_readme_is_read_in_five_minutes() -> None:
    assert len((pages.ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120
