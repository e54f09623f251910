"""The reference harness for Synthetic Experience Replay (SynthER).

The names below are imported when they are first used, so that `import synther` costs nothing.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from synther.jobs.inherited import SLEEPING

if TYPE_CHECKING:
    from synther.agents import make_agent
    from synther.datasets import load_dataset
    from synther.envs import make_env
    from synther.errors import SyntherError
    from synther.generators.diffusion import Diffusion
    from synther.transitions import Transitions

for _name, _value in SLEEPING.items():  # before torch and numpy are imported, which read them then
    os.environ.setdefault(_name, _value)

_HOMES = {
    "Diffusion": "synther.generators.diffusion",
    "SyntherError": "synther.errors",
    "Transitions": "synther.transitions",
    "load_dataset": "synther.datasets",
    "make_agent": "synther.agents",
    "make_env": "synther.envs",
}

__all__ = [
    "Diffusion",
    "SyntherError",
    "Transitions",
    "load_dataset",
    "make_agent",
    "make_env",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'synther' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)
