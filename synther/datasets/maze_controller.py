"""Re-collected maze2d datasets: a waypoint controller drives from goal to random goal.

The recipe is D4RL's (scripts/generation/generate_maze2d_datasets.py, relabel_maze2d_rewards.py,
d4rl/pointmaze/waypoint_controller.py), and where its released files differ from those scripts, the
files':

- No resets: one long trajectory. A new random cell becomes the target when the last one is reached
  or an episode's time limit has passed; that row is marked in `timeouts`, and no row is a terminal
  (D4RL issue 85).
- The reward of a row is that of the row's OWN observation for the task's fixed goal, not that of
  the state the step leads to, as the environment pays (D4RL issue 194).
- No noise is added to the actions.

Two things differ. Several trajectories run side by side, each a long run of its own from a random
start; they follow one another in the file, and the last row of each is marked in `timeouts`. And
after a target was reached D4RL's script repeats the last observation once; here it moves on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from synther.envs import make_batched_env
from synther.envs.maze2d import FREE, GOAL, Maze2d, cells
from synther.errors import SyntherError

if TYPE_CHECKING:
    from synther.jobs.progress import Progress

MAX_RUNS = 64
"""Most trajectories side by side."""
MIN_RUN_ROWS = 2000
"""Rows of a trajectory where several run side by side: many targets each."""
GAIN, DAMPING = 10.0, 1.0
REACHED = 0.1
"""Distance to a waypoint, and the way of one step, below which it counts as reached."""
WAYPOINT_NOISE = 0.2
DISCOUNT = 0.99
# None, left, right, up, down in a layout's (row, column), in the order in which ties are broken.
MOVES = np.array([(0, 0), (0, -1), (0, 1), (-1, 0), (1, 0)])


def next_cells(layout: str) -> np.ndarray:
    """Solve a maze by value iteration, for every target at once.

    Return integers (n, n) for the maze's n free cells, in the order of `cells`: entry (t, s) is the
    cell to go to from cell s, on a shortest way to cell t.
    """
    free = cells(layout, FREE + GOAL)
    number = {tuple(cell): index for index, cell in enumerate(free.tolist())}
    n = len(free)
    # A move against a wall stays where it is.
    leads_to = np.array(
        [
            [number.get(tuple(to), s) for to in (cell + MOVES).tolist()]
            for s, cell in enumerate(free)
        ]
    )
    values = np.zeros((n, n))
    for _ in range(n):  # no shortest way is longer
        values = np.eye(n) + DISCOUNT * values[:, leads_to].max(axis=2)
    best = values[:, leads_to].argmax(axis=2)
    return leads_to[np.arange(n), best]


class WaypointController:
    """Drives N point masses through a maze, each to targets of its own.

    The way to a target is a list of cells, each but the last shifted by uniform(-0.2, 0) so that no
    two runs are alike; the action pulls towards the next one, and damps the velocity.

    Args:
        layout: the maze's text.
        runs: N.
        generator: draws targets and shifts.
    """

    def __init__(self, layout: str, runs: int, generator: np.random.Generator) -> None:
        self.cells = cells(layout, FREE + GOAL)
        self._number = {tuple(cell): index for index, cell in enumerate(self.cells.tolist())}
        self._next = next_cells(layout)
        self._generator = generator
        self._rows = np.arange(runs)
        self.targets = np.full((runs, 2), -1)
        """The cells (N, 2) that the runs are heading for."""
        self._ways = np.zeros((runs, len(self.cells), 2))
        self._waypoint = np.zeros(runs, dtype=np.int64)
        self._last = np.zeros((runs, 2))

    def new_targets(self, runs: np.ndarray, positions: np.ndarray) -> None:
        """Draw a new target for each of `runs`, which are at `positions` (N, 2)."""
        for run in runs:
            cell = self.cells[self._generator.integers(len(self.cells))]
            if (cell == self.targets[run]).all():
                continue  # there already: reached again at once
            self._plan(run, positions[run], cell)

    def _plan(self, run: int, position: np.ndarray, target: np.ndarray) -> None:
        start = np.rint(position).astype(int)
        here, end = self._number[tuple(start.tolist())], self._number[tuple(target.tolist())]
        numbers: list[int] = []
        while not numbers or numbers[-1] != end:
            here = int(self._next[end, here])
            numbers.append(here)
        way = self.cells[numbers].astype(np.float64)
        way[:-1] -= self._generator.uniform(0, WAYPOINT_NOISE, way[:-1].shape)
        self._ways[run, : len(way)] = way
        self._waypoint[run] = 0
        self._last[run], self.targets[run] = start, target

    def act(self, positions: np.ndarray, velocities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return actions (N, 2) in [-1, 1], and booleans (N,): the target is reached."""
        slow = np.linalg.norm(self._last - positions, axis=1) < REACHED
        reached = slow & (np.linalg.norm(positions - self.targets, axis=1) < REACHED)
        waypoints = self._ways[self._rows, self._waypoint]
        waypoints = np.where(reached[:, None], self.targets, waypoints)
        pull = waypoints - positions
        self._waypoint += ~reached & slow & (np.linalg.norm(pull, axis=1) < REACHED)
        self._last = positions.copy()
        return np.clip(GAIN * pull - DAMPING * velocities, -1.0, 1.0), reached


def drive(
    task: str,
    rows: int,
    seed: int,
    physics: str = "d4rl",
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, np.ndarray]:
    """Collect exactly `rows` transitions of a maze2d task; return D4RL's columns.

    Raises:
        SyntherError: the task is no maze.
    """
    runs = int(np.clip(rows // MIN_RUN_ROWS, 1, MAX_RUNS))
    env = make_batched_env(task, runs, physics, threads)
    if not isinstance(env.task, Maze2d):
        raise SyntherError(
            f"level 'waypoint' is for maze2d tasks, and '{task}' is none: "
            "give random, medium, medium-replay, medium-expert or expert"
        )
    starts, decisions = np.random.SeedSequence(seed).spawn(2)
    generator = np.random.default_rng(decisions)
    controller = WaypointController(env.task.layout, runs, generator)
    observations = env.reset(starts.generate_state(runs, np.uint64))
    controller.new_targets(np.arange(runs), observations[:, :2])
    since = np.zeros(runs, dtype=np.int64)
    steps: list[dict[str, np.ndarray]] = []
    for _ in range(-(-rows // runs)):
        actions, reached = controller.act(observations[:, :2], observations[:, 2:])
        actions = actions.astype(np.float32)
        changed = reached | (since >= env.time_limit)
        following, _, _, _ = env.step(actions)
        steps.append(
            {
                "observations": observations,
                "actions": actions,
                "next_observations": following,
                "timeouts": changed,
            }
        )
        since = np.where(changed, 0, since + 1)
        controller.new_targets(np.flatnonzero(changed), following[:, :2])
        observations = following
        if progress is not None:
            progress.advance(min(runs, rows - runs * (len(steps) - 1)))
    columns = {name: np.stack([step[name] for step in steps], axis=1) for name in steps[0]}
    columns["timeouts"][:, -1] = True
    # Run after run: (runs, steps, ...) to (runs * steps, ...), of which the last few are left out.
    columns = {name: array.reshape(-1, *array.shape[2:])[:rows] for name, array in columns.items()}
    columns["timeouts"][-1] = True
    states = columns["observations"]
    recorded = states.astype(np.float32)
    return {
        **columns,
        "observations": recorded,
        "next_observations": columns["next_observations"].astype(np.float32),
        "rewards": env.task.position_reward(recorded[:, :2]).astype(np.float32),
        "terminals": np.zeros(rows, dtype=bool),
        "infos/qpos": states[:, :2],
        "infos/qvel": states[:, 2:],
    }
