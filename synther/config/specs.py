"""Named specs of `config/`, resolved: what `synther-15pct` or `td3_bc_large` stands for.

A source may be followed by a share: `NAME-15pct` is source NAME on 15% of a dataset, `NAME-300rows`
on 300 of its transitions, `NAME-3step` on its rows of 3 steps. An agent may be like another one.
Settings are layered: a spec's own, then those of the dataset patterns that match, then a preset's.
"""

import dataclasses
import fnmatch
import functools
import importlib.util
from pathlib import Path
from typing import Any

from synther import config
from synther.config import shares
from synther.errors import SyntherError, unknown_name

D4RL_POLICIES = "d4rl"
"""What a preset says for D4RL's own behaviour policies, where there are any of a task."""
PIXEL_KINDS = ("rendered", "vd4rl")
"""Kinds of datasets that are frames."""


def stands_for(dataset: str) -> str:
    """Return the D4RL dataset that a collected one stands for; another name is returned as is."""
    spec = config.load("datasets")["datasets"].get(dataset, {})
    return spec.get("stands_for", dataset)


def dataset_files(name: str, root: str | Path = "data") -> list[Path]:
    """Return where the HDF5 files of a dataset lie, there or not: V-D4RL's shards, or else one.

    D4RL's and V-D4RL's lie in root/d4rl/ and root/vd4rl/ under their own names, OGBench's in
    root/ogbench/NAME.hdf5 with their task's rewards, collected ones in root/local/NAME.hdf5 and
    rendered ones in root/pixels/NAME.hdf5.
    """
    spec = config.spec(name, "dataset")
    folder = {"collected": "local", "rendered": "pixels"}.get(spec["kind"], spec["kind"])
    files = spec.get("files", [f"{name}.hdf5"])
    if spec["kind"] == "d4rl":
        files = [spec["url"].rpartition("/")[2]]
    return [Path(root) / folder / file for file in files]


@functools.cache
def task_spec(task: str) -> dict[str, Any]:
    """Return a task's reference returns and time limit (config/datasets.yaml)."""
    tasks = config.load("datasets")["tasks"]
    if task not in tasks:
        raise unknown_name("task", task, tasks, str(config.config_dir() / "datasets.yaml"))
    return tasks[task]


def policies_folder(task: str, preset: str) -> str | None:
    """Return the folder of the behaviour policies of a task at a preset; None: the package's."""
    folder = config.load_preset(preset).get("policies")
    if folder != D4RL_POLICIES:
        return folder
    return f"data/policies/{task}" if task in config.load("behaviour")["d4rl"]["tasks"] else None


def fetched_policies(dataset: str, preset: str) -> list[str]:
    """Return what is fetched before a dataset is collected: D4RL's own policies, or nothing."""
    spec = config.spec(dataset, "dataset")
    if config.load_preset(preset).get("policies") != D4RL_POLICIES or spec["level"] == "random":
        return []
    folder = policies_folder(spec["task"], preset)
    return [f"{folder}/returns.json"] if folder else []


def layered(*layers: dict[str, Any]) -> dict[str, Any]:
    """Return settings of all layers, later ones winning; settings within settings likewise."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            below = merged.get(key)
            if isinstance(value, dict) and isinstance(below, dict):
                value = layered(below, value)
            merged[key] = value
    return merged


def agent_spec(name: str) -> dict[str, Any]:
    """Return an agent's module, title, settings and dataset settings, those taken over included."""
    return _full_spec(name, "agent")


def _full_spec(name: str, kind: str, asked_by: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return an agent's or a source's entry with what it takes over from the one it builds on.

    `like` takes over everything but what the entry says itself, settings one by one; its own ones
    win over all of that one's, those by dataset or task included. `model_of` takes over generator
    and samples, and no settings, which are the other's fitted model's.
    """
    spec = config.spec(name, kind)
    other = spec.get("like") or spec.get("model_of")
    if other is None:
        return spec
    if name in asked_by:
        raise SyntherError(
            f"{kind} '{name}' builds on itself: see {config.config_dir()}/{kind}s.yaml"
        )
    base = _full_spec(other, kind, (*asked_by, name))
    if kind == "source" and "generator" not in base:
        raise SyntherError(f"source '{name}' builds on '{other}', which has no generator")
    if "like" not in spec:
        if "model_of" in base:
            raise SyntherError(f"source '{name}': name the source that fits the model of '{other}'")
        return {"generator": base["generator"], "samples": base["samples"], **spec}
    own = spec.get("settings", {})
    for part in ("datasets", "tasks") if kind == "agent" else ("datasets",):
        left = {
            pattern: {k: v for k, v in settings.items() if k not in own or isinstance(v, dict)}
            for pattern, settings in base.get(part, {}).items()
        }
        spec = spec | {part: layered(left, spec.get(part, {}))}
    if kind == "source":  # whose title is its name where it has none
        base = {key: value for key, value in base.items() if key != "title"}
    return {**base, **spec, "settings": layered(base.get("settings", {}), own)}


def source_spec(name: str) -> dict[str, Any]:
    """Return a source's spec; of `NAME-15pct`, NAME's with that share and a title that says so.

    "share" is a `shares.Share`, or None of a source on all of a dataset.

    Raises:
        SyntherError: there is no such source.
    """
    base, share = shares.split(name)
    if name in config.load("sources")["sources"] or share is None:
        return {"title": name, **_full_spec(name, "source"), "share": None}
    spec = source_spec(base)
    share = dataclasses.replace(share, whole="choose" in spec)
    return {**spec, "title": f"{spec['title']}, {share.words}", "share": share}


def noise_sources() -> list[str]:
    """Return the sources that perturb rows: nothing of theirs is computed on a device."""
    every = config.load("sources")["sources"]
    return [name for name in every if _full_spec(name, "source").get("generator") == "noise"]


def fitted_source(name: str) -> str:
    """Return the source whose fitted model a source samples from: itself, or its `model_of`."""
    spec = source_spec(name)
    if "model_of" not in spec:
        return name
    return on_share(spec["model_of"], spec["share"])


def on_share(source: str, share: shares.Share | None) -> str:
    """Return the name of a source on a share of a dataset; on all of it where that is None."""
    return f"{source}-{share}" if share else source


def missing_package(name: str) -> str | None:
    """Return the optional package that a source requires and that is not installed, or None."""
    package = source_spec(name).get("requires")
    return package if package and importlib.util.find_spec(package) is None else None


def source_title(name: str, dataset: str, preset: str | None = None) -> str:
    """Return a source's title, with `{setting}` in it replaced by what a preset resolves it to."""
    spec = source_spec(name)
    if "{" not in spec["title"]:
        return spec["title"]
    samples = preset_scale(preset, name).get("samples", spec.get("samples"))
    values = source_settings(name, dataset, preset) | {"samples": samples}
    try:
        return spec["title"].format(**values)
    except (KeyError, ValueError, IndexError) as error:
        raise unknown_name("setting", str(error).strip("'"), values, f"{name}'s title") from error


@functools.cache
def _require_fit(pattern: str, kind: str, where: str) -> None:
    """Refuse a pattern of datasets or tasks that fits none: misspelt, it would be ignored."""
    known = config.load("datasets")[f"{kind}s"]
    if not fnmatch.filter(known, pattern):
        raise unknown_name(f"{kind} pattern", pattern, known, where)


def _fitting(
    patterns: dict[str, dict[str, Any]], name: str, kind: str = "dataset", where: str = "config"
) -> dict[str, Any]:
    """Return the settings of all patterns that fit a dataset or a task; later ones win."""
    for pattern in patterns:
        _require_fit(pattern, kind, where)
    own = stands_for(name) if kind == "dataset" else name
    return layered(*(s for p, s in patterns.items() if fnmatch.fnmatchcase(own, p)))


def _dataset_settings(spec: dict[str, Any], dataset: str) -> dict[str, Any]:
    return spec.get("settings", {}) | _fitting(spec.get("datasets", {}), dataset)


def _scaling(scale: dict[str, Any], agent: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a preset's part sets for all agents, and for one."""
    for name in scale.get("per_agent", {}):
        agent_spec(name)  # misspelt, it would be ignored in silence
    return scale.get("agents", {}), scale.get("per_agent", {}).get(agent, {})


def _part_of(preset: str | None, part: str) -> dict[str, Any]:
    return config.load_preset(preset).get(part, {}) if preset else {}


def preset_scale(preset: str | None, source: str) -> dict[str, Any]:
    """Return a preset's scaling (agents, per_agent, generators, samples) for a source.

    Sources on a share of the data have a scaling of their own, the preset's `reduced`, on top, and
    that of the share, its `per_share`, on top of this.
    """
    if preset is None:
        return {}
    scale = config.load_preset(preset)
    for name in scale.get("per_source", {}):
        config.spec(name, "source")  # misspelt, it would be ignored in silence
    own = scale.get("per_source", {}).get(source, {})
    share = source_spec(source)["share"]
    if share is None or share.unit == "step":
        return scale | {key: own[key] for key in ("samples",) if key in own}
    reduced = scale.get("reduced", {})
    patterns = reduced.get("per_share", {})
    parts = [reduced, *(own for p, own in patterns.items() if fnmatch.fnmatchcase(share.size, p))]
    return layered(scale, *parts)


def agent_settings(
    agent: str, dataset: str, preset: str | None = None, source: str = "real"
) -> dict[str, Any]:
    """Return an agent's settings on a dataset, scaled by a preset where one is given."""
    scale = preset_scale(preset, source)
    every, own = _scaling(scale, agent)
    by_dataset = _fitting(scale.get("per_dataset", {}), dataset)
    return _dataset_settings(agent_spec(agent), dataset) | every | own | by_dataset


def online_settings(agent: str, task: str, preset: str | None = None) -> dict[str, Any]:
    """Return an online agent's settings on a task, scaled by a preset where one is given."""
    spec, scale = agent_spec(agent), _part_of(preset, "online")
    every, own = _scaling(scale, agent)
    on_task = _fitting(spec.get("tasks", {}), task, "task", f"agent '{agent}'")
    per_task = _fitting(scale.get("per_task", {}), task, "task", f"preset '{preset}'")
    return layered(spec["settings"], on_task, every, per_task, own)


def pixel_settings(agent: str, dataset: str, preset: str | None = None) -> dict[str, Any]:
    """Return the settings of an agent that sees pixels, scaled by a preset where one is given."""
    every, own = _scaling(_part_of(preset, "pixels"), agent)
    return _dataset_settings(agent_spec(agent), dataset) | every | own


def collected_rows(dataset: str, preset: str) -> int | None:
    """Return how many transitions a preset collects for a dataset; None: as many as D4RL's."""
    rows = config.load_preset(preset).get("rows")
    if not isinstance(rows, dict):
        return rows
    sizes = {pattern: {"rows": number} for pattern, number in rows.items()}
    return _fitting(sizes, dataset).get("rows")


def source_settings(source: str, dataset: str, preset: str | None = None) -> dict[str, Any]:
    """Return the settings of a source's generator for a dataset, scaled by a preset if given.

    Those of a source with `model_of` are the fitted model's, with `sampling_settings` on top. For a
    dataset of pixels, whose latents it is fitted to, the preset's part `pixels` has the last word.

    Raises:
        SyntherError: the source is the dataset itself and has no generator.
    """
    spec = source_spec(source)
    if "generator" not in spec:
        raise SyntherError(f"source '{source}' has no generator: its data are the dataset's own")
    if "model_of" in spec:
        fitted = source_settings(fitted_source(source), dataset, preset)
        return fitted | sampling_settings(source, dataset, preset)
    whole = preset_scale(preset, source)
    scale = whole.get("generators", {})
    sources = config.load("sources")["sources"].values()
    known = {other["generator"] for other in sources if "generator" in other}
    own = _own_settings(source, preset)
    for name in scale:  # misspelt, it would be ignored in silence
        if name not in known:
            raise unknown_name("generator", name, known, f"preset '{preset}'")
    kind = config.load("datasets")["datasets"].get(dataset, {}).get("kind")
    on_latents = _part_of(preset if kind in PIXEL_KINDS else None, "pixels").get("generators", {})
    scaled, last = (part.get(spec["generator"], {}) for part in (scale, on_latents))
    return _dataset_settings(spec, dataset) | scaled | own | last


def sampling_settings(source: str, dataset: str, preset: str | None = None) -> dict[str, Any]:
    """Return what a source with `model_of` samples with in place of the fitted settings."""
    spec = source_spec(source)
    if "model_of" not in spec:
        return {}
    return _dataset_settings(spec, dataset) | _own_settings(source, preset)


def _own_settings(source: str, preset: str | None) -> dict[str, Any]:
    """Return a preset's settings of a source, whichever share of the data it is on."""
    base = shares.split(source)[0] if source_spec(source)["share"] else source
    settings: dict[str, Any] = _part_of(preset, "per_source").get(base, {}).get("settings", {})
    return settings
