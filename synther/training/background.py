"""Evaluation on the CPU while a GPU goes on training."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from synther.agents.base import Agent
from synther.training.evaluate import Episodes
from synther.training.results import ResultRows


class BackgroundEvaluation:
    """Evaluates a copy of the agents in a thread of its own; one evaluation at a time.

    The simulator runs outside Python's lock, so the thread that feeds the GPU hardly waits.

    Args:
        shadow: the same agents on the CPU, whose parameters are overwritten.
        evaluate: what measures them.
        rows: where the measurements go, in the order of the steps.
    """

    def __init__(
        self, shadow: Agent, evaluate: Callable[[Agent], Episodes], rows: ResultRows
    ) -> None:
        self._shadow, self._evaluate, self._rows = shadow, evaluate, rows
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="evaluation")
        self._running: tuple[int, Future[Episodes]] | None = None

    def start(self, agent: Agent) -> None:
        """Evaluate the agents as they are now; waits for the evaluation before this one."""
        self.finish()
        self._shadow.load_state_dict(agent.state_dict())
        self._shadow.updates = agent.updates
        self._running = agent.updates, self._worker.submit(self._evaluate, self._shadow)

    def finish(self) -> None:
        """Wait for what runs and take its rows; raises what it raised."""
        if self._running is None:
            return
        step, future = self._running
        self._running = None
        self._rows.add(step, future.result())
