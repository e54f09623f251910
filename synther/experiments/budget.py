"""What an offline experiment spends, in words: seeds, updates, transitions, samples.

A part of `synther.experiments`, which hands itself in.
"""

from __future__ import annotations

from typing import Any, Protocol

from synther.experiments import fidelity_plan
from synther.specs import agent_settings, collected_rows, source_settings, source_spec


class Plan(fidelity_plan.Plan, Protocol):
    """What is asked of `synther.experiments.Experiments`."""

    scale: dict[str, Any]

    def agents(self, name: str) -> list[str]:
        """Return an experiment's agents."""

    def fidelity_samples(self) -> int:
        """Return how many samples of a source are measured."""


def describe(plan: Plan, name: str) -> str:
    """Return the budget of an experiment, as tables print it."""
    spec, groups = plan.experiment(name), plan.datasets(name)
    datasets = [dataset for names in groups.values() for dataset in names]
    everything = sum(len(names) for names in spec["datasets"].values())
    sources = plan.sources(name)
    steps = sorted(
        {
            agent_settings(agent, dataset, plan.preset, source)["steps"]
            for agent in plan.agents(name)
            for dataset in datasets
            for source in sources
        }
    )
    parts = []
    if steps:
        parts.append(f"{plan.scale['seeds']} seeds")
        parts.append(f"{' or '.join(f'{n:,}' for n in steps)} updates")
    if spec["kind"] in fidelity_plan.LAYOUTS:
        parts.append(f"{plan.fidelity_samples():,} samples measured")
    if counts := sorted({n for d in datasets if (n := collected_rows(d, plan.preset))}):
        parts.append(f"{' or '.join(f'{n:,}' for n in counts)} transitions a dataset")
    if spec["kind"] in ("compression", "ablations"):  # what varies is said where it does
        sources = [s for s in sources if not {"like", "model_of"} & source_spec(s).keys()]
    generated = {_generated(plan, source, datasets[0]) for source in sources}
    parts += sorted(words for words in generated if words)
    parts.append(
        f"all {everything} datasets"
        if len(datasets) == everything
        else f"{len(datasets)} of {everything} datasets"
    )
    return "; ".join(parts)


def _generated(plan: Plan, source: str, dataset: str) -> str:
    spec = source_spec(source)
    if "generator" not in spec:
        return ""
    settings = source_settings(source, dataset, plan.preset)
    words = f"{spec['generator']}: {plan.samples(source):,} samples"
    for key, unit in (("width", "width {:,}"), ("steps", "{:,} steps")):
        if key in settings:
            words += ", " + unit.format(settings[key])
    return words
