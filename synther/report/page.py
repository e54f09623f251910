"""The page: what there is to show, put into its template."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from synther.errors import SyntherError
from synther.files import atomic_path
from synther.report import tables
from synther.report.cells import AGREEMENTS, Table
from synther.report.costs import costs
from synther.report.provenance import Archive

TEMPLATES = Path(__file__).parent / "template"
ORDER = (
    *("reproduced", "indicative: in favour", "inconclusive", "indicative: against"),
    *("not reproduced", "pipeline check", "not run"),
)


@dataclass
class Section:
    """A table or figure of the page.

    Attributes:
        name: the experiment's slug.
        title: its heading.
        lines: preset, budget and physics.
        banner: that it is no evidence, or nothing.
        tables: its numbers.
        image: its figure as a data URI; empty where there is none.
        notes: its footnotes.
        files: where it lies in all formats.
        is_missing: whether nothing of it is there yet.
    """

    name: str
    title: str
    lines: list[str]
    banner: str
    tables: list[Table] = field(default_factory=list)
    image: str = ""
    notes: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    is_missing: bool = False


def _notes(markdown: str) -> tuple[str, list[str]]:
    """Return the banner and the footnotes of a table's Markdown."""
    lines = [line.replace("\\*", "*").replace("\\|", "|") for line in markdown.splitlines()]
    banner = next((line.strip("> *") for line in lines if line.startswith("> **")), "")
    return banner, [line[2:] for line in lines if line.startswith("- ")]


def section(spec: Mapping[str, Any], files: Iterable[str]) -> Section:
    """Return an experiment's part of the page, from the files of its figure that are there.

    Raises:
        SyntherError: a file is damaged, or of another version.
    """
    paths = {Path(file).suffix: Path(file) for file in files}
    made = Section(spec["name"], spec["title"], [f"Preset {spec['preset']}: {spec['budget']}"], "")
    made.files = [str(path) for path in paths.values()]
    if spec.get("physics"):
        made.lines.append(f"Physics: {spec['physics']}")
    if not all(paths[suffix].is_file() for suffix in (".csv", ".md", ".png")):
        made.is_missing = True
        return made
    made.banner, made.notes = _notes(paths[".md"].read_text(encoding="utf-8"))
    encoded = base64.b64encode(paths[".png"].read_bytes()).decode()
    made.image = f"data:image/png;base64,{encoded}"
    try:
        made.tables = tables.make(pd.read_csv(paths[".csv"]), spec)
    except (KeyError, ValueError, IndexError, AttributeError) as error:
        raise SyntherError(
            f"{paths['.csv']} is not what this version writes ({type(error).__name__}: {error}): "
            "remove it and make it again"
        ) from error
    return made


def _data(archive: Archive, titles: Mapping[str, Mapping[str, str]]) -> str:
    """Return what the page's script needs, as JSON that may stand in a <script>."""
    content = {
        "runs": archive.runs,
        "records": archive.records,
        "made_from": archive.made_from,
        **titles,
    }
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c")


def _verdicts(sections: Iterable[Section]) -> list[tuple[str, int]]:
    """Return how many claims have which verdict, the best first."""
    found = Counter(
        row[0].text for s in sections if s.name == "claims" for t in s.tables for row in t.rows
    )
    return [(verdict, found[verdict]) for verdict in ORDER if found[verdict]]


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def render(
    preset: str,
    is_paper_protocol: bool,
    is_evidence: bool,
    specs: Mapping[str, Mapping[str, Any]],
    figures: Mapping[str, list[str]],
    archive: Archive,
    made_by: str,
) -> str:
    """Return the page as HTML that needs nothing besides itself.

    Args:
        preset: its name.
        is_paper_protocol: whether that is the full protocol.
        is_evidence: whether its numbers may be held against the paper's.
        specs: experiment -> its description (`Experiments.table`).
        figures: experiment -> the files of its figure.
        archive: the runs.
        made_by: version and commit, as words.

    Raises:
        SyntherError: nothing is there, or a file is damaged.
    """
    sections = [section(spec, figures[name]) for name, spec in specs.items()]
    if all(part.is_missing for part in sections):
        raise SyntherError(
            f"preset '{preset}' has no table or figure yet: make them with `snakemake --config "
            f"preset={preset}`, or one with `synther table --preset {preset} --partial`"
        )
    sections.sort(key=lambda part: part.name != "claims")  # verdicts on top
    titles: dict[str, dict[str, str]] = {"agents": {}, "sources": {}}
    for spec in specs.values():
        for kind in titles:
            titles[kind].update(spec.get(kind) or {})
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["slug"] = _slug
    return environment.get_template("report.html").render(
        preset=preset,
        is_paper_protocol=is_paper_protocol,
        is_evidence=is_evidence,
        sections=[part for part in sections if not part.is_missing],
        missing=[part for part in sections if part.is_missing],
        verdicts=_verdicts(sections),
        costs=costs(archive.records),
        agreements=AGREEMENTS,
        made_by=made_by,
        commits=sorted({str(r["commit"]) for r in archive.records.values() if "commit" in r}),
        data=_data(archive, titles),
        style=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
        script=(TEMPLATES / "report.js").read_text(encoding="utf-8"),
    )


def save(html: str, path: Path) -> None:
    """Write the page, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(html, encoding="utf-8")
