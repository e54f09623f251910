"""Named specs of `config/`, resolved: what `synther-15pct` or `td3_bc_large` stands for.

A source may be followed by a percentage: `NAME-15pct` is source NAME on 15% of a dataset. An agent
may be like another one. Settings are layered: a spec's own, then those of the dataset patterns that
match, then a preset's.
"""

from __future__ import annotations

import fnmatch
import functools
import re
from typing import Any

from synther import config
from synther.errors import SyntherError, unknown_name

_REDUCED = re.compile(r"(?P<base>.+)-(?P<percent>[1-9]\d?)pct")


def stands_for(dataset: str) -> str:
    """Return the D4RL dataset that a collected one stands for; another name is returned as is."""
    spec = config.load("datasets")["datasets"].get(dataset, {})
    return spec.get("stands_for", dataset)


@functools.cache
def task_spec(task: str) -> dict[str, Any]:
    """Return a task's reference returns and time limit (config/datasets.yaml)."""
    tasks = config.load("datasets")["tasks"]
    if task not in tasks:
        raise unknown_name("task", task, tasks, str(config.config_dir() / "datasets.yaml"))
    return tasks[task]


def agent_spec(name: str, asked_by: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return an agent's module, title, settings and dataset settings.

    What an agent does not say is as in the one that it is `like`; its own settings win over all of
    that one's, those by dataset included.
    """
    spec = config.spec(name, "agent")
    if "like" not in spec:
        return spec
    if name in asked_by:
        raise SyntherError(f"agent '{name}' is like itself: see {config.config_dir()}/agents.yaml")
    base = agent_spec(spec["like"], (*asked_by, name))
    own = spec.get("settings", {})
    datasets = {
        pattern: {key: value for key, value in settings.items() if key not in own}
        for pattern, settings in base.get("datasets", {}).items()
    }
    return {
        **base,
        **spec,
        "settings": base["settings"] | own,
        "datasets": datasets | spec.get("datasets", {}),
    }


def source_spec(name: str) -> dict[str, Any]:
    """Return a source's spec; of `NAME-15pct`, NAME's with "percent": 15 and a title that says so.

    Raises:
        SyntherError: there is no such source.
    """
    reduced = _REDUCED.fullmatch(name)
    if name in config.load("sources")["sources"] or reduced is None:
        return {"title": name, **config.spec(name, "source"), "percent": None}
    spec, percent = source_spec(reduced["base"]), int(reduced["percent"])
    return {**spec, "title": f"{spec['title']}, {percent}%", "percent": percent}


def _matching(patterns: dict[str, dict[str, Any]], dataset: str) -> dict[str, Any]:
    """Return the settings of all patterns that fit a dataset; later ones win."""
    name, known = stands_for(dataset), config.load("datasets")["datasets"]
    merged: dict[str, Any] = {}
    for pattern, settings in patterns.items():
        if not fnmatch.filter(known, pattern):  # misspelt, it would be ignored in silence
            raise unknown_name("dataset pattern", pattern, known, "config")
        if fnmatch.fnmatchcase(name, pattern):
            merged |= settings
    return merged


def _dataset_settings(spec: dict[str, Any], dataset: str) -> dict[str, Any]:
    return spec.get("settings", {}) | _matching(spec.get("datasets", {}), dataset)


def preset_scale(preset: str | None, source: str) -> dict[str, Any]:
    """Return a preset's scaling (agents, per_agent, generators, samples) for a source.

    Sources on a share of the data have a scaling of their own, the preset's `reduced`, on top.
    """
    if preset is None:
        return {}
    scale = config.load_preset(preset)
    if source_spec(source)["percent"] is None:
        return scale
    reduced = scale.get("reduced", {})
    layered = {key: scale.get(key, {}) | reduced.get(key, {}) for key in ("agents", "per_agent")}
    generators = {
        name: scale.get("generators", {}).get(name, {})
        | reduced.get("generators", {}).get(name, {})
        for name in {**scale.get("generators", {}), **reduced.get("generators", {})}
    }
    return {**scale, **reduced, **layered, "generators": generators}


def agent_settings(
    agent: str, dataset: str, preset: str | None = None, source: str = "real"
) -> dict[str, Any]:
    """Return an agent's settings on a dataset, scaled by a preset where one is given."""
    settings = _dataset_settings(agent_spec(agent), dataset)
    scale = preset_scale(preset, source)
    for name in scale.get("per_agent", {}):
        agent_spec(name)  # misspelt, it would be ignored in silence
    return (
        settings
        | scale.get("agents", {})
        | _matching(scale.get("per_dataset", {}), dataset)
        | scale.get("per_agent", {}).get(agent, {})
    )


def source_settings(source: str, dataset: str, preset: str | None = None) -> dict[str, Any]:
    """Return the settings of a source's generator for a dataset, scaled by a preset if given.

    Raises:
        SyntherError: the source is the dataset itself and has no generator.
    """
    spec = source_spec(source)
    if "generator" not in spec:
        raise SyntherError(f"source '{source}' has no generator: its data are the dataset's own")
    scale = preset_scale(preset, source).get("generators", {})
    sources = config.load("sources")["sources"].values()
    known = {other["generator"] for other in sources if "generator" in other}
    for name in scale:  # misspelt, it would be ignored in silence
        if name not in known:
            raise unknown_name("generator", name, known, f"preset '{preset}'")
    return _dataset_settings(spec, dataset) | scale.get(spec["generator"], {})
