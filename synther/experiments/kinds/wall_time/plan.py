"""What the table of wall time by online method runs and shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from synther.experiments.kinds.online import plan as online
from synther.experiments.kinds.spec import Spec


@dataclass(frozen=True, kw_only=True)
class WallTimeSpec(Spec):
    """Agents whose time is counted.

    Attributes:
        tasks: in order.
        records: paths of all their runs' records, those that are not there yet included.
    """

    kind: ClassVar[str] = "wall_time"

    tasks: list[str]
    records: list[str]


class Plan(online.Plan):
    """An experiment of this kind."""

    def files(self) -> list[str]:
        """Return the paths of the runs' records."""
        return [run.record for run in self.runs()]

    def describe(self) -> WallTimeSpec:
        """Return what the table shows."""
        return WallTimeSpec(**self.described(), records=self.files())
