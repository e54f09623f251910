"""Agents, one file each, stacked over seeds; they know batches, not files or simulators."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

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


def make_agent(
    name: str,
    observation_dim: int,
    action_dim: int,
    seeds: Sequence[int] = (0,),
    device: str = "cpu",
    dataset: str = "",
    **settings: Any,
) -> Agent:
    """Return K untrained agents of one kind, one a seed, stacked.

    `learn` of `synther.training.direct` trains an offline one on transitions, `evaluate` runs its
    episodes; or call `update(batch, noise)` and `act(observations)` yourself.

    Args:
        name: an agent of config/agents.yaml that sees states: td3_bc, iql, sac, ...
        observation_dim: d.
        action_dim: a; actions lie in [-1, 1].
        seeds: one an agent; each learns what it would learn alone.
        device: where they compute: "cpu", "cuda", "cuda:1", ...
        dataset: a name of config/datasets.yaml, for settings that differ by dataset.
        **settings: over those of config/agents.yaml, such as `hidden=(512, 512, 512)`.

    Raises:
        SyntherError: the agent, the dataset or a setting is unknown or unfit, the agent sees
            pixels, or there is no seed.
    """
    from synther import config
    from synther.agents.pixels import PixelSettings
    from synther.config import specs
    from synther.config.settings import resolve

    spec = specs.agent_spec(name)
    kind: Any = load_agent_class(spec["module"])
    if issubclass(kind.Settings, PixelSettings):
        raise SyntherError(f"{name} sees pixels: train it with `synther pixels`")
    if dataset:
        config.spec(dataset, "dataset")  # a misspelt name would take the wrong settings
    if not seeds:
        raise SyntherError("an agent needs a seed: give seeds=(0,), or more")
    own = specs.agent_settings(name, dataset)
    resolved = resolve(kind.Settings, own, settings, where=f"agent '{name}'")
    return kind(observation_dim, action_dim, list(seeds), resolved, device=device)
