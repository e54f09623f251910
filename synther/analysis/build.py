"""Any table or figure in all formats, from its description as `config/` resolves it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from synther.analysis import evaluations
from synther.analysis.claims_spec import ClaimsSpec
from synther.analysis.curve_spec import CurveSpec
from synther.analysis.fidelity_spec import FidelitySpec
from synther.analysis.online_spec import OnlineSpec
from synther.analysis.scores import COLUMNS, read_results
from synther.analysis.spec import TableSpec
from synther.analysis.summary_spec import SummarySpec
from synther.analysis.tables import (
    build_claims,
    build_comparison,
    build_curve,
    build_fidelity,
    build_online,
    build_summary,
)
from synther.errors import unknown_name

_BUILDERS: dict[str, tuple[Any, Callable[[Any, pd.DataFrame, Path], list[Path]]]] = {
    TableSpec.kind: (TableSpec, build_comparison),
    CurveSpec.kind: (CurveSpec, build_curve),
    FidelitySpec.kind: (FidelitySpec, build_fidelity),
    OnlineSpec.kind: (OnlineSpec, build_online),
    SummarySpec.kind: (SummarySpec, build_summary),
    ClaimsSpec.kind: (ClaimsSpec, build_claims),
}
KINDS = tuple(_BUILDERS)
"""What a description's `kind` can be."""
_REDUCED = {SummarySpec.kind: evaluations.means, ClaimsSpec.kind: evaluations.finals}
"""Kinds that are made from many runs -> what they need of each run's rows."""


def read(content: Mapping[str, Any], paths: Sequence[str | Path]) -> pd.DataFrame:
    """Read what `build` needs of the result files of a description.

    Raises:
        SyntherError: a file is damaged, or there is none and the kind can't do without.
    """
    kind = content.get("kind", TableSpec.kind)
    if not paths and kind in (FidelitySpec.kind, ClaimsSpec.kind):
        # what measures samples may have no results of agents, and a claim may be not run
        return pd.DataFrame(columns=[*COLUMNS, "episodes"])
    return read_results(paths, _REDUCED.get(kind))


def build(content: Mapping[str, Any], results: pd.DataFrame, out: Path) -> list[Path]:
    """Make a table or figure and write it in all formats.

    Args:
        content: what `to_dict` of a `TableSpec` or another spec returns; `kind` says which, and is
            comparison if left out.
        results: as `read` returns them.
        out: path without suffix, such as `figures/quick/table1`.

    Returns:
        The files written: `out` with each of `tables.SUFFIXES`.

    Raises:
        SyntherError: the kind is unknown, the description is wrong, the results don't belong to
            it, or a file can't be written.
    """
    kind = content.get("kind", TableSpec.kind)
    if kind not in _BUILDERS:
        raise unknown_name(
            "kind", str(kind), KINDS, f"the description of {content.get('name', '?')}"
        )
    spec, builder = _BUILDERS[kind]
    return builder(spec.from_dict(content), results, out)
