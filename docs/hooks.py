"""What the site shows besides docs/: README first, each file that a page links to, and the verbs.

A hook of mkdocs. Pages link to files of the repository as a forge reads them
(`../config/agents.yaml`). Here each such file becomes a page of the site, and the link leads there:
nothing is written twice, and nothing generated is committed. A link to a file that is not there
fails the strict build.
"""

from __future__ import annotations

import contextlib
import io
import os
import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from synther.cli import main
from synther.cli.verbs import VERBS

ROOT = Path(__file__).parents[1]
FENCED = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(\]\()([^)#\s]+)(#[^)]*)?(\))")
AS_IT_IS = {".png", ".pdf", ".svg", ".html"}
ALWAYS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "config/paper/README.md")
"""Pages of the navigation that lie outside docs/."""

_place_of: dict[str, str] = {}
"""A page of the site -> the file of the repository that it shows, where that is Markdown."""


def site_path(path: str) -> str:
    """Return where the site has a file of the repository."""
    if path == "README.md":
        return "index.md"
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    if (ROOT / path).is_dir():
        return f"{path}/README.md" if (ROOT / path / "README.md").is_file() else f"{path}/index.md"
    return path if Path(path).suffix in {*AS_IT_IS, ".md"} else f"{path}.md"


def targets(path: str, text: str) -> list[str]:
    """Return the files and folders of the repository that a Markdown file links to."""
    prose = "".join(FENCED.split(text)[::2])
    found = [_resolved(path, match[2]) for match in LINK.finditer(prose)]
    return [target for target in found if target and (ROOT / target).exists()]


def _resolved(path: str, target: str) -> str | None:
    """Return a link's target relative to the repository, or None where it leads out of it."""
    if "://" in target or target.startswith("mailto:"):
        return None
    target = target.replace("\\", "")
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), target))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add README and whatever pages link to outside docs/, pages found on the way included."""
    pages = [f"docs/{file.src_uri}" for file in files.documentation_pages()]
    waiting, seen = [*ALWAYS, *pages], set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        place = ROOT / path
        if place.is_dir():
            waiting += listed(path)
            if (place / "README.md").is_file():
                continue
        if place.suffix == ".md":
            text = place.read_text(encoding="utf-8")
            _place_of[site_path(path)] = path
            waiting += targets(path, text)
            if not path.startswith("docs/"):
                files.append(File.generated(config, site_path(path), content=text))
        elif place.suffix in AS_IT_IS:
            if not path.startswith("docs/"):
                files.append(File.generated(config, site_path(path), abs_src_path=str(place)))
        else:
            files.append(File.generated(config, site_path(path), content=shown(path)))
    files.append(File.generated(config, "verbs.md", content=verbs()))
    return files


def verbs() -> str:
    """Return the page of the command line: what every verb says of itself."""
    os.environ["COLUMNS"] = "90"  # what fits on a page, whatever the terminal has
    text = ["# The command line", "", "Each verb does by hand what a rule of the workflow does."]
    for verb in VERBS:
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            main([verb, "--help"])
        text += ["", f"## synther {verb}", "", "````text", said.getvalue().strip(), "````"]
    return "\n".join(text) + "\n"


def listed(path: str) -> list[str]:
    """Return what a folder's page links to: its README where it has one, else all that is in it."""
    found = sorted((ROOT / path).iterdir())
    if any(place.name == "README.md" for place in found):
        return [f"{path}/README.md"]
    return [f"{path}/{place.name}" for place in found if place.name[0] not in "._"]


def shown(path: str) -> str:
    """Return a page that shows a text file, or lists a folder's files."""
    place = ROOT / path
    if place.is_dir():
        links = [
            f"- [{posixpath.basename(name)}]({posixpath.relpath(site_path(name), path)})"
            for name in listed(path)
        ]
        return "\n".join([f"# {path}/", "", *links, ""])
    kind = {".yaml": "yaml", ".py": "python", ".smk": "python"}.get(place.suffix, "text")
    return f"# {path}\n\n````{kind}\n{place.read_text(encoding='utf-8')}\n````\n"


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Let links lead to the site's own pages."""
    path = _place_of.get(page.file.src_uri)
    if path is None:
        return markdown
    folder = posixpath.dirname(page.file.src_uri) or "."

    def lead(link: re.Match[str]) -> str:
        target = _resolved(path, link[2])
        if target is None or not (ROOT / target).exists():
            return link[0]
        return f"{link[1]}{posixpath.relpath(site_path(target), folder)}{link[3] or ''}{link[4]}"

    parts = FENCED.split(markdown)
    parts[::2] = [LINK.sub(lead, prose) for prose in parts[::2]]
    return "".join(parts)
