"""Agents, one file each, stacked over seeds; they know batches, not files or simulators."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from synther.errors import SyntherError

if TYPE_CHECKING:
    from synther.agents.base import Agent


def load_agent_class(module: str) -> type[Agent]:
    """Return the one `Agent` subclass that `module` defines.

    Args:
        module: an importable module, as `config/agents.yaml` names it: `synther.agents.td3_bc`,
            or a module of the user's own.
    """
    from synther.agents.base import Agent

    try:
        found = vars(importlib.import_module(module)).values()
    except ImportError as error:
        raise SyntherError(
            f"agent module '{module}' can't be imported ({error}); see config/agents.yaml"
        ) from error
    classes = [
        c for c in found if isinstance(c, type) and issubclass(c, Agent) and c.__module__ == module
    ]
    if len(classes) != 1:
        raise SyntherError(
            f"module '{module}' defines {len(classes)} agents; it must define exactly one subclass "
            "of synther.agents.base.Agent"
        )
    return classes[0]
