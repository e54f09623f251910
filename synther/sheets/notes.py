"""Footnotes: a template a kind, which has their words, with what those of several kinds share."""

import functools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from synther.sheets import printed
from synther.sheets.sheet import Note
from synther.statistics.published import footnotes

ENTRY = re.compile(r"^- (?:\[(page|text)\] )?(.*?)(?=^- |\Z)", re.M | re.S)
"""Of a template's list: where it stands, if not everywhere, and its words, on any lines."""


@functools.cache
def environment(*folders: Path, is_html: bool = False) -> Any:
    """Return jinja's environment of the templates of these folders, and of those beside this."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, Path(__file__).parent]),
        autoescape=is_html,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters |= {"marks": footnotes, "stand_ins": stand_ins}
    made.filters |= {"counted": printed.counted, "number": printed.number}
    return made


def written(sheet: str, found: Any, **names: Any) -> list[Note]:
    """Return the footnotes that `footnotes.j2` lists, an entry each.

    An entry that begins with `[page]` stands on the page (.pdf, .png) alone, one with `[text]` in
    formats of text.

    Args:
        sheet: path of a module beside it.
        found: the kind's `Numbers`. The template has this and its `spec`.
        names: what else the template says. `counts` of seeds are by default those of all rows.
    """
    if "seeds" in found.frame:
        names = {"counts": found.frame["seeds"].dropna()} | names
        names["counts"] = sorted({int(count) for count in names["counts"]})
    template = environment(Path(sheet).parent).get_template("footnotes.j2")
    text = template.render(found=found, spec=found.spec, **names)
    return [Note(" ".join(words.split()), where) for where, words in ENTRY.findall(text)]


def stand_ins(rows: Iterable[Any]) -> str:
    """Name which dataset stands for which: by their endings where these are the same for many."""
    pairs = []
    for row in (each for each in rows if each.is_stand_in):
        stem, _, ending = row.name.rpartition("-")
        theirs = row.paper_name.removeprefix(f"{stem}-")
        is_shared = stem and theirs != row.paper_name
        own = f"NAME-{ending} for NAME-{theirs}"
        pairs.append(own if is_shared else f"{row.name} for {row.paper_name}")
    return ", ".join(dict.fromkeys(pairs))
