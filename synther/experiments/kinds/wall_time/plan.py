"""What the table of wall time by online method runs and shows."""

from dataclasses import dataclass

from synther.experiments.kinds.online import plan as online
from synther.experiments.kinds.spec import Spec


@dataclass(frozen=True, kw_only=True)
class WallTimeSpec(Spec):
    """Agents whose time is counted.

    Attributes:
        records: paths of all their runs' records, those that are not there yet included.
    """

    records: list[str]


class Plan(online.Plan):
    """An experiment of this kind."""

    shows = WallTimeSpec

    def files(self) -> list[str]:
        """Return the paths of the runs' records."""
        return [run.record for run in self.runs()]
