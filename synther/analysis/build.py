"""Any table or figure in all formats, from its description as `config/` resolves it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from synther.analysis.curve_spec import CurveSpec
from synther.analysis.fidelity_spec import FidelitySpec
from synther.analysis.online_spec import OnlineSpec
from synther.analysis.spec import TableSpec
from synther.analysis.tables import build_comparison, build_curve, build_fidelity, build_online
from synther.errors import unknown_name

KINDS = (TableSpec.kind, CurveSpec.kind, FidelitySpec.kind, OnlineSpec.kind)
"""What a description's `kind` can be."""


def build(content: Mapping[str, Any], results: pd.DataFrame, out: Path) -> list[Path]:
    """Make a table or figure and write it in all formats.

    Args:
        content: what `to_dict` of a `TableSpec`, `CurveSpec`, `FidelitySpec` or `OnlineSpec`
            returns; `kind` says which, and is comparison if left out.
        results: rows as `scores.read_results` returns them.
        out: path without suffix, such as `figures/quick/table1`.

    Returns:
        The files written: `out` with each of `tables.SUFFIXES`.

    Raises:
        SyntherError: the kind is unknown, the description is wrong, the results don't belong to
            it, or a file can't be written.
    """
    kind = content.get("kind", TableSpec.kind)
    if kind == TableSpec.kind:
        return build_comparison(TableSpec.from_dict(content), results, out)
    if kind == FidelitySpec.kind:
        return build_fidelity(FidelitySpec.from_dict(content), results, out)
    if kind == OnlineSpec.kind:
        return build_online(OnlineSpec.from_dict(content), results, out)
    if kind == CurveSpec.kind:
        return build_curve(CurveSpec.from_dict(content), results, out)
    raise unknown_name("kind", str(kind), KINDS, f"the description of {content.get('name', '?')}")
