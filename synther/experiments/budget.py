"""What an offline experiment spends, in words: seeds, updates, transitions, samples.

A part of `synther.experiments`, which hands itself in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from synther.config.specs import agent_settings, collected_rows, source_settings, source_spec

if TYPE_CHECKING:
    from synther.experiments.matrix import Experiments


def describe(plan: Experiments, name: str, measured: int = 0, varies: bool = False) -> str:
    """Return the budget of an experiment, as tables print it.

    Args:
        plan: the matrix of a preset.
        name: the experiment.
        measured: samples of a source that are measured, if any.
        varies: whether sources that differ in a setting say so themselves.
    """
    datasets = [dataset for names in plan.datasets(name).values() for dataset in names]
    everything = sum(map(len, plan.experiment(name)["datasets"].values()))
    sources, cells = plan.sources(name), plan.plan(name).pairs()
    scaled, own = (
        [agent_settings(agent, d, preset, source) for agent, source in cells for d in datasets]
        for preset in (plan.preset, None)
    )
    parts = []
    if cells:
        parts.append(f"{listed(plan.seeds(name, source) for _, source in cells)} seeds")
        parts.append(f"{listed(settings['steps'] for settings in scaled)} updates")
    pairs = [(a.get("hidden", [0]), b.get("hidden")) for a, b in zip(scaled, own, strict=True)]
    if widths := {max(here) for here, there in pairs if here != there}:
        parts.append(f"networks of {listed(widths)}")
    if measured:
        parts.append(f"{measured:,} samples measured")
    if counts := {n for d in datasets if (n := collected_rows(d, plan.preset))}:
        parts.append(f"{listed(counts)} transitions a dataset")
    if varies:
        sources = [s for s in sources if not {"like", "model_of"} & source_spec(s).keys()]
    generated = set()
    for source in sources:
        if kind := source_spec(source).get("generator"):
            settings = source_settings(source, datasets[0], plan.preset)
            generated.add(generator(kind, plan.samples(source), settings))
    parts += sorted(generated)
    return "; ".join([*parts, part_of(len(datasets), everything)])


def part_of(count: int, whole: int) -> str:
    """Return how many of an experiment's datasets are run."""
    if count < whole:
        return f"{count} of {whole} datasets"
    return f"all {whole} datasets" if whole > 1 else "1 dataset"


def listed(numbers: Iterable[int]) -> str:
    """Return numbers that differ between runs, each once."""
    return " or ".join(f"{n:,}" for n in sorted(set(numbers)))


def generator(name: str, samples: int, settings: Mapping[str, Any]) -> str:
    """Return how large a generator is, how long it is fitted, and how much is drawn from it."""
    words = f"{name}: {samples:,} samples"
    for key, unit in (("width", "width {:,}"), ("steps", "{:,} steps")):
        if key in settings:
            words += ", " + unit.format(settings[key])
    return words
