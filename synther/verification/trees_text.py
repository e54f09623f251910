"""A comparison of two trees as text for the terminal, as rows for a .csv, and as JSON."""

import itertools
import json
import math
from collections import Counter
from typing import Any

import pandas as pd
from tabulate import tabulate

from synther.experiments.trees import NAMES, shown
from synther.sheets import MISSING
from synther.verification.trees import Comparison, Pair

APART = "*"
"""Behind a difference whose interval leaves out zero."""


def tidy(comparison: Comparison) -> pd.DataFrame:
    """Return one row a pair: names, both means, stds and seeds, the difference and its bounds."""
    rows = []
    for pair in comparison.pairs:
        row: dict[str, Any] = dict(zip(NAMES, pair.name, strict=True))
        for side, cell in (("a", pair.a), ("b", pair.b)):
            row |= {f"{side}_mean": cell.mean, f"{side}_std": cell.std, f"{side}_seeds": cell.seeds}
        row["b_status"] = pair.b.published.status if pair.b.published else ""
        bounds = {f"difference_{end}": getattr(pair.difference, end) for end in ("low", "high")}
        row |= {"difference": pair.difference.value, **bounds}
        told = (f"{key}: {a} -> {b}" for key, (a, b) in pair.differs.items())
        rows.append(row | {"records_differ_in": "; ".join(told)})
    return pd.DataFrame(rows)


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Return everything as plain values; what is not known is null."""
    plain = json.dumps(comparison, default=lambda v: sorted(v) if isinstance(v, set) else vars(v))
    return json.loads(plain, parse_constant=lambda _: None)


def _difference(pair: Pair) -> str:
    found, unit = pair.difference, pair.name[3]
    value = shown(found.value, unit)
    value = value if value.startswith("-") else f"+{value}"
    if math.isnan(found.low):
        return value
    bounds = f"[{shown(found.low, unit)}, {shown(found.high, unit)}]"
    return f"{value} {bounds}{APART if pair.apart else ''}"


def text(comparison: Comparison) -> str:
    """Return a table for the terminal, and below it what the records differ in."""
    differences = [[(k, *v) for k, v in pair.differs.items()] for pair in comparison.pairs]
    counts = Counter(itertools.chain.from_iterable(differences))
    numbers = {difference: number for number, difference in enumerate(counts, start=1)}
    rows = []
    for pair, found in zip(comparison.pairs, differences, strict=True):
        marks = ",".join(map(str, sorted(map(numbers.__getitem__, found))))
        cells = [cell.text(pair.name[3]) for cell in (pair.a, pair.b)]
        named = [part or MISSING for part in pair.name]
        rows.append([*named, *cells, _difference(pair), marks or MISSING])
    lines = [f"A: {comparison.titles[0]}", f"B: {comparison.titles[1]}", ""]
    header = [*NAMES, "A", "B", "A - B", "differ in"]
    lines.append(tabulate(rows, header, tablefmt="plain", disable_numparse=True))
    lines += ["", "Scores and returns: mean ± std over seeds (their number), last evaluation."]
    lines.append(f"A - B: with its 95% bootstrap interval; {APART} where that leaves out 0.")
    if counts:
        lines += ["", "The records differ in"]
    for (key, a, b), count in counts.items():
        where = "all" if count == len(rows) else f"{count} of {len(rows)}"
        lines.append(f"  {numbers[key, a, b]}: {key}: {a} -> {b} ({where})")
    for letter, names in (("A", comparison.only_a), ("B", comparison.only_b)):
        if names:
            lines += ["", f"Only in {letter}: {len(names)}"]
            lines += [f"  {' '.join(part for part in name if part)}" for name in names]
    if comparison.notes:
        lines += ["", *comparison.notes]
    return "\n".join(lines)
