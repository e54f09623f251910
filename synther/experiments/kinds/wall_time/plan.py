"""What the table of wall time by online method runs and shows."""

from synther.experiments.kinds.online import plan as online


class WallTimeSpec(online.OnlineSpec):
    """Agents whose time is counted, by all their runs' records, not there yet included."""

    kind = "wall_time"


class Plan(online.Plan):
    """An experiment of this kind."""

    shows = WallTimeSpec

    def files(self) -> list[str]:
        """Return the paths of the runs' records."""
        return [run.record for run in self.runs()]
