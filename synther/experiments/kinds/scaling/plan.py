"""What a scaling law is fitted to: the losses of denoisers of several sizes on several shares."""

from dataclasses import dataclass
from typing import Any

from synther.config import specs
from synther.experiments import budget, kinds


@dataclass(frozen=True, kw_only=True)
class ScalingSpec(kinds.Spec):
    """A panel a dataset against parameters, and one against transitions.

    Attributes:
        shares: share of the data, as sources are named -> in words.
        files: dataset -> source -> share -> what `synther loss` left.
    """

    shares: dict[str, str]
    files: dict[str, dict[str, dict[str, str]]]


class Plan(kinds.Plan):
    """An experiment of this kind: denoisers are fitted, and neither sampled nor learned from."""

    shows = ScalingSpec
    requires = ("datasets", "sources")

    def measures(self) -> dict[str, dict[str, dict[str, str]]]:
        """Return dataset -> source -> share -> what `synther loss` leaves."""
        folder, shares = self.matrix.generator_folder, self.shares()
        return {
            name: {
                source: {
                    str(s): f"{folder(name, specs.on_share(source, s))}/loss.json" for s in shares
                }
                for source in self.whole_sources()
            }
            for name in map(self.run_name, self.datasets())
        }

    def physics(self) -> str:
        """Return nothing: no simulator says what is right."""
        return ""

    def spends(self) -> list[str]:
        """Return in words what the denoisers are."""
        every = [
            specs.source_settings(source, dataset, self.preset)
            for source in self.sources()
            for dataset in self.datasets()
        ]
        widths, steps = ({own[key] for own in every} for key in ("width", "steps"))
        return [f"denoisers of width {budget.listed(widths)}", f"{budget.listed(steps)} steps"]

    def described(self) -> dict[str, Any]:
        """Return the fields of the description, the shares and the files among them."""
        shares, first, titles = self.shares(), self.datasets()[0], {}
        for source in self.whole_sources():
            on_share = specs.on_share(source, shares[0])
            title = specs.source_title(on_share, first, self.preset)
            titles[source] = title.removesuffix(f", {shares[0].words}")
        return super().described() | {
            "sources": titles,
            "shares": {str(share): share.words for share in shares},
            "files": self.measures(),
        }
