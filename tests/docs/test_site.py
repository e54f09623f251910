"""The documentation as a site: strict, complete, and readable without anybody else's server."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlparse

import pages
import pytest

from synther.cli.verbs import VERBS

pytest.importorskip("mkdocs")
pytest.importorskip("mkdocstrings")
PARTS = ("docs", "config", "figures", "results", "synther", "workflow")
FILES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE", "CITATION.cff", "mkdocs.yml")


def build(folder: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = build(pages.ROOT, folder)
    assert done.returncode == 0, done.stderr
    return folder


class Targets(HTMLParser):
    """Everything that a page of HTML links to or shows."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        wanted = {"a": "href", "img": "src", "script": "src", "link": "href"}
        found = dict(attrs).get(wanted.get(tag, ""))
        if found:
            self.found.append(found)


@pytest.mark.slow
def test_every_page_is_there_and_leads_somewhere(site: Path) -> None:
    for page in pages.PAGES:
        path = page.relative_to(pages.ROOT)
        place = path.relative_to("docs") if path.parts[0] == "docs" else path
        if path.name == "README.md":
            place = path.with_name("index.md")
        if path != Path("figures/README.md"):  # which nothing links to
            assert (site / place.with_suffix(".html")).is_file(), path
    for html in site.rglob("*.html"):
        if html.name == "404.html":  # served from anywhere: its links are absolute
            continue
        for target in Targets(html).found:
            parts = urlparse(target)
            if not parts.scheme and parts.path:
                assert (html.parent / unquote(parts.path)).exists(), f"{html}: {target}"


@pytest.mark.slow
def test_the_first_page_is_the_readme(site: Path) -> None:
    first = (site / "index.html").read_text(encoding="utf-8")
    for heading in re.findall(r"^## (.+)$", (pages.ROOT / "README.md").read_text(), re.MULTILINE):
        assert heading in first


@pytest.mark.slow
def test_every_verb_has_its_options_on_a_page(site: Path) -> None:
    shown = (site / "verbs.html").read_text(encoding="utf-8")
    for verb in VERBS:
        assert f'id="synther-{verb}"' in shown
        assert f"usage: synther {verb} [-h]" in shown


@pytest.mark.slow
def test_reading_needs_nobody_else_s_server(site: Path) -> None:
    for html in site.rglob("*.html"):
        text = html.read_text(encoding="utf-8")
        assert not re.search(r"<(?:script|img|iframe)[^>]+src=.?https?:", text), html
        assert not re.search(r"<link[^>]+stylesheet[^>]+https?:", text), html


@pytest.mark.slow
def test_the_python_interface_is_all_that_is_exported(site: Path) -> None:
    import synther

    shown = (site / "python.html").read_text(encoding="utf-8")
    for name in synther.__all__:
        home = synther._HOMES[name]
        assert re.search(rf'id="{re.escape(home)}(\.\w+)*\.{name}"', shown), name


def test_every_figure_of_the_reference_run_is_shown() -> None:
    text = (pages.ROOT / "docs/reference.md").read_text(encoding="utf-8")
    figures = sorted((pages.ROOT / "figures/reference").glob("*.png"))
    assert figures
    missing = [f.name for f in figures if f"](../figures/reference/{f.name})" not in text]
    assert not missing


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("[a](../config/no_such.yaml)", "no_such.yaml"),
        ("[a](protocol.md#no-such-heading)", "no-such-heading"),
        ("::: synther.Nothing", "synther.Nothing"),
    ],
)
def test_a_fault_fails_the_build(tmp_path: Path, fault: str, said: str) -> None:
    for name in PARTS:
        (tmp_path / name).symlink_to(pages.ROOT / name)
    for name in FILES:
        shutil.copy(pages.ROOT / name, tmp_path)
    (tmp_path / "docs").unlink()
    shutil.copytree(pages.ROOT / "docs", tmp_path / "docs")
    with open(tmp_path / "docs/protocol.md", "a", encoding="utf-8") as file:
        file.write(f"\n\n{fault}\n")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode != 0
    assert said in done.stderr
