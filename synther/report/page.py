"""The page: what there is to show, put into its template."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from synther.errors import SyntherError
from synther.experiments import Experiments
from synther.jobs import provenance
from synther.report.costs import costs
from synther.report.provenance import Archive
from synther.sheets import html
from synther.sheets.sheet import Sheet

TEMPLATES = Path(__file__).parent / "template"
UNDECIDED = ("pipeline check", "not run")
"""Verdicts that decide nothing, which the page folds away."""
SHARE = re.compile(r", [\d,.]+(%| transitions)$")
"""What a source's title says of how much of the data it is of."""
NAMED = 8
"""Names that a line on the first screen has room for."""


def rulings(sheets: Mapping[str, Sheet]) -> list[dict[str, str]]:
    """Return every row with a verdict: what it is about, and the number that it is decided from."""
    found = []
    for name, sheet in sheets.items():
        for row in (row for table in sheet.tables for row in table.rows if row.verdict):
            words = [cell for cell in row.cells if cell.value is None]
            about = max(words, key=lambda cell: cell.text != row.verdict)
            effect = next((cell.text for cell in row.cells if cell.value is not None), "")
            statement = about.text + about.mark
            ruling = {"verdict": row.verdict, "statement": statement, "effect": effect}
            found.append(ruling | {"section": name})
    return found


def _some(names: Iterable[str]) -> str:
    """Return the first names, and how many more there are."""
    found = list(dict.fromkeys(names))
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return ", ".join(found[:NAMED]) + more


def ran(archive: Archive, titles: Mapping[str, Mapping[str, str]], sheets: int) -> dict[str, str]:
    """Return what the first screen says of the runs: what it is -> in words."""
    runs = archive.runs.values()
    seeds = sorted({len(run["seeds"]) for run in runs})
    sources = [run["source"] for run in runs]
    facts = {
        "Runs": f"{len(runs)}, of {' or '.join(map(str, seeds))} seeds each, in {sheets} tables",
        "Agents": _some(titles["agents"].get(run["agent"], run["agent"]) for run in runs),
        "Datasets and tasks": _some(run["dataset"] for run in runs),
        "Learned from": _some(SHARE.sub("", titles["sources"].get(s, s)) for s in sources),
    }
    return facts if runs else {"Runs": "none yet"}


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


def render(matrix: Experiments) -> str:
    """Return a preset's page as HTML that needs nothing besides itself.

    Raises:
        SyntherError: nothing is there, or a file is damaged.
    """
    files = matrix.sheets()
    sheets = {n: Sheet.read(Path(path)) for n, path in files.items() if Path(path).is_file()}
    if not sheets:
        raise SyntherError(
            f"preset '{matrix.preset}' has no table or figure yet: make them with `snakemake "
            f"--config preset={matrix.preset}`"
        )
    archive = Archive()
    archive.gather(matrix.results(*files), matrix.records(*files))
    missing = {n: path.replace(".json", ".pdf") for n, path in files.items() if n not in sheets}
    origins = {n: f"File: {files[n]}, and beside it in other formats." for n in sheets}
    return written([matrix], sheets, archive, origins, missing)


def written(
    matrices: Sequence[Experiments],
    sheets: Mapping[str, Sheet],
    archive: Archive,
    origins: Mapping[str, str],
    missing: Mapping[str, str],
) -> str:
    """Return a page as HTML.

    Args:
        matrices: what the results are of.
        sheets: name -> what is shown, in order.
        archive: the runs behind it.
        origins: name -> where a sheet is from, in words.
        missing: name -> the file of what could be made and is not there.
    """
    titles: dict[str, dict[str, str]] = {"agents": {}, "sources": {}}
    for kind, known in ((k, each) for m in matrices for k, each in m.titles().items()):
        titles[kind] |= known
    return html.template("report.html", TEMPLATES).render(
        preset=", ".join(dict.fromkeys(matrix.preset for matrix in matrices)),
        is_paper_protocol=all(matrix.scale["protocol"] == "paper" for matrix in matrices),
        is_evidence=all(matrix.scale["evidence"] for matrix in matrices),
        sheets=sheets,
        fragments={name: html.fragment(sheet) for name, sheet in sheets.items()},
        missing=missing,
        origins=origins,
        rulings=rulings(sheets),
        UNDECIDED=UNDECIDED,
        ran=ran(archive, titles, len(sheets)),
        costs=costs(archive.records),
        made_by=f"Made by synther {provenance.version()}, commit {provenance.commit()}",
        commits=sorted({str(r["commit"]) for r in archive.records.values() if "commit" in r}),
        data=_data(archive, titles),
        style=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
        script=(TEMPLATES / "report.js").read_text(encoding="utf-8"),
    )
