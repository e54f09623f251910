"""Which rule of the workflow makes a file: the rules' outputs and logs, as patterns.

The rules in workflow/rules/ say the same to Snakemake; a test holds the two against each other.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

from synther.experiments import FIGURE_FORMATS, PAPER_PRESET

_GENERATOR = "results/{preset}/generators/{dataset}/{source}"
_LATENTS = "results/{preset}/latents/{dataset}/{agent}"
_OFFLINE = "results/{preset}/offline/{dataset}/{source}/{agent}/seeds-{first}-{last}"
_ONLINE = "results/{preset}/online/{task}/{agent}/seeds-{first}-{last}"
_FRAMES = "results/{preset}/pixels/{dataset}/real/{agent}/seeds-{first}-{last}"
_HEADS = "results/{preset}/pixels/{dataset}/{source}/{agent}/seeds-{first}-{last}"

# In the order in which they are tried: frames before heads, which take any source.
OUTPUTS: dict[str, tuple[str, ...]] = {
    "download_dataset": ("data/d4rl/{file}.hdf5",),
    "download_shard": ("data/vd4rl/{shard}.hdf5",),
    "d4rl_policies": ("data/policies/{task}/returns.json",),
    "collect_dataset": ("data/{preset}/local/{dataset}.hdf5",),
    "render_dataset": ("data/{preset}/pixels/{dataset}.hdf5",),
    "subset": tuple(
        f"results/{{preset}}/subsets/{{dataset}}/{{share}}.{s}" for s in ("npz", "json")
    ),
    "fit_generator": tuple(f"{_GENERATOR}/{n}" for n in ("model.pt", "settings.json", "fit.json")),
    "sample_generator": tuple(f"{_GENERATOR}/samples.{suffix}" for suffix in ("npz", "json")),
    "mix_sources": tuple(f"{_GENERATOR}/mixture.{suffix}" for suffix in ("npz", "json")),
    "fidelity": tuple(
        f"results/{{preset}}/fidelity/{{dataset}}/{{source}}.{s}" for s in ("parquet", "json")
    ),
    "train_offline": tuple(f"{_OFFLINE}.{suffix}" for suffix in ("parquet", "json")),
    "train_online": tuple(f"{_ONLINE}.{suffix}" for suffix in ("parquet", "json")),
    "train_pixels": tuple(f"{_FRAMES}.{suffix}" for suffix in ("parquet", "json", "pt")),
    "train_heads": tuple(f"{_HEADS}.{suffix}" for suffix in ("parquet", "json")),
    "encode_latents": tuple(f"{_LATENTS}/latents.{suffix}" for suffix in ("npz", "json")),
    "fit_latents": tuple(f"{_LATENTS}/{{source}}/{name}" for name in ("model.pt", "fit.json")),
    "sample_latents": tuple(f"{_LATENTS}/{{source}}/samples.{s}" for s in ("npz", "json")),
    "table": tuple(f"figures/{{preset}}/{{experiment}}.{suffix}" for suffix in FIGURE_FORMATS),
    "paper_table": tuple(f"figures/{{experiment}}.{suffix}" for suffix in FIGURE_FORMATS),
    "scores": ("results/{preset}/scores.csv",),
}

LOGS: dict[str, str] = {
    "download_dataset": "logs/download/{file}.log",
    "download_shard": "logs/download/vd4rl/{shard}.log",
    "d4rl_policies": "logs/policies/{task}.log",
    "collect_dataset": "logs/{preset}/collect/{dataset}.log",
    "render_dataset": "logs/{preset}/render/{dataset}.log",
    "subset": "logs/{preset}/subset/{dataset}/{share}.log",
    "fit_generator": "logs/{preset}/fit/{dataset}/{source}.log",
    "sample_generator": "logs/{preset}/sample/{dataset}/{source}.log",
    "mix_sources": "logs/{preset}/mix/{dataset}/{source}.log",
    "fidelity": "logs/{preset}/fidelity/{dataset}/{source}.log",
    "train_offline": "logs/{preset}/offline/{dataset}/{source}/{agent}/seeds-{first}-{last}.log",
    "train_online": "logs/{preset}/online/{task}/{agent}/seeds-{first}-{last}.log",
    "train_pixels": "logs/{preset}/pixels/{dataset}/real/{agent}/seeds-{first}-{last}.log",
    "train_heads": "logs/{preset}/pixels/{dataset}/{source}/{agent}/seeds-{first}-{last}.log",
    "encode_latents": "logs/{preset}/latents/{dataset}/{agent}/encode.log",
    "fit_latents": "logs/{preset}/latents/{dataset}/{agent}/{source}-fit.log",
    "sample_latents": "logs/{preset}/latents/{dataset}/{agent}/{source}-sample.log",
    "table": "logs/{preset}/table/{experiment}.log",
    "paper_table": "logs/paper/table/{experiment}.log",
    "scores": "logs/{preset}/scores.log",
}

_WILDCARDS = {
    "file": "[^/]+",
    "shard": ".+",
    "agent": "[a-z0-9_-]+",
    "experiment": "[a-z0-9_]+",
    "first": r"\d+",
    "last": r"\d+",
    "share": r"\d+(pct|rows)",
}
_SLUG = "[a-z0-9_-]+"


@functools.cache
def _expression(pattern: str) -> re.Pattern[str]:
    def group(match: re.Match[str]) -> str:
        return f"(?P<{match[1]}>{_WILDCARDS.get(match[1], _SLUG)})"

    return re.compile(re.sub(r"\\{(\w+)\\}", group, re.escape(pattern)))


def maker(path: str) -> tuple[str, dict[str, str]] | None:
    """Return the rule that makes a file and its wildcards, or None if no rule does."""
    for rule, patterns in OUTPUTS.items():
        for pattern in patterns:
            if found := _expression(pattern).fullmatch(path):
                return rule, found.groupdict()
    return None


def preset_of(path: str) -> str | None:
    """Return the preset that a file belongs to; None where all presets share it."""
    made = maker(path)
    if made is None:
        return None
    rule, wildcards = made
    return PAPER_PRESET if rule == "paper_table" else wildcards.get("preset")


def outputs(rule: str, wildcards: Mapping[str, str]) -> tuple[str, ...]:
    """Return the files that a job makes."""
    return tuple(pattern.format(**wildcards) for pattern in OUTPUTS[rule])


def log(rule: str, wildcards: Mapping[str, str]) -> str:
    """Return the path of a job's log."""
    return LOGS[rule].format(**wildcards)
