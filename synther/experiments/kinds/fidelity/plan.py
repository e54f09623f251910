"""What tables and figures of generators are made from, and show."""

import dataclasses
import itertools
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar

from synther.config import specs
from synther.errors import SyntherError
from synther.experiments import kinds
from synther.experiments.kinds.spec import Spec

COLUMNS: dict[str, tuple[str, ...]] = {
    "generators": (
        *("marginal", "correlation", "mse", "distance", "memorised", "score"),
        *("fit_s", "sample_s", "parameters"),
    ),
    "ablations": (
        *("marginal", "correlation", "mse", "terminals", "distance"),
        *("score", "fit_s", "sample_s"),
    ),
    "diversity": ("distance", "data_distance", "memorised", "mse", "scaled_mse"),
    "marginals": ("marginal", "worst", "correlation"),
    "memory": ("distance", "data_distance", "memorised", "mse", "score"),
    "cost": ("parameters", "fit_s", "sample_s", "mse", "terminals", "score"),
    "compression": ("parameters", "compression", "score", "marginal", "mse"),
}
"""Layout -> the measures that it has columns of; scores are one an agent, if there are any."""


@dataclass(frozen=True, kw_only=True)
class FidelitySpec(Spec):
    """Measures of generated transitions: a row a dataset and source.

    Attributes:
        factors: what is varied -> its sources; one without a name where nothing is.
        files: dataset -> source -> "fidelity", "fit" and "sample" -> path of that result; a source
            without an entry is the dataset itself.
        not_installed: source -> the package that it lacks.
    """

    layouts: ClassVar[Collection[str]] = COLUMNS

    factors: dict[str, list[str]]
    files: dict[str, dict[str, dict[str, str]]]
    not_installed: dict[str, str] = dataclasses.field(default_factory=dict)


class Plan(kinds.Plan):
    """An experiment of this kind."""

    shows = FidelitySpec
    requires = ("datasets", "layout")
    varied = ("compression", "ablations", "cost")

    def measures(self) -> dict[str, dict[str, dict[str, str]]]:
        """Return dataset -> generated source -> "fidelity", "fit" and "sample" -> path.

        A mixture has the fit and the samples that it is made of; it is not measured itself.
        """
        found: dict[str, dict[str, dict[str, str]]] = {}
        names = map(self.run_name, self.datasets())
        for name, source in itertools.product(names, self.sources()):
            of, matrix = self.matrix.generated_source(source), self.matrix
            own = {"fidelity": matrix.fidelity_file(name, source)} if of == source else {}
            sources = found.setdefault(name, {})
            if of:
                sources[source] = own | {
                    "fit": f"{matrix.model_folder(name, of)}/fit.json",
                    "sample": f"{matrix.generator_folder(name, of)}/samples.json",
                }
        return found

    def described(self) -> dict[str, Any]:
        """Return the fields of the description, what is varied and the files among them.

        Raises:
            SyntherError: two sources of an ablation come out the same at this preset.
        """
        every, running = self.listed_sources(), self.sources()
        if not every:
            raise SyntherError(f"experiment '{self.name}' has no `sources` or `factors`: add them")
        first = self.datasets()[0]
        without = {s: package for s in every if (package := specs.missing_package(s))}
        shown = [source for source in every if source in running or source in without]
        varied = self.spec.get("factors", {})
        for sources in varied.values():
            of = {
                source: (self.matrix.samples(source), sorted(settings.items()))
                for source in sources
                if source in running and "generator" in specs.source_spec(source)
                for settings in [specs.source_settings(source, first, self.preset)]
            }
            self.require_difference("source", of)
        factors = {
            factor: kept
            for factor, sources in (varied or {"": every}).items()
            if len(kept := [source for source in sources if source in shown]) > bool(varied)
        }
        titles = {source: specs.source_title(source, first, self.preset) for source in shown}
        return super().described() | {
            "sources": titles,
            "factors": factors,
            "files": self.measures(),
            "not_installed": without,
        }
