"""D4RL's maze2d: a point mass that two motors push through a maze to a fixed goal.

The model is maze2d.xml with the walls of a maze's text. As with locomotion, two rules of the
MuJoCo that D4RL recorded on have changed, and `Maze2d.compile("d4rl")` undoes both; one step then
agrees with mujoco-py to 1e-13, contacts included:

1. A contact margin reached half as far (`synther.envs.physics`).
2. The compiler took a body's translational inverse weight as the mean over three axes. A body on
   two slides moves along two of them, so it was 2 / (3 m); today's compiler gives 1 / m.
"""

from pathlib import Path

import mujoco
import numpy as np

from synther.envs.batch import States, Task
from synther.envs.physics import compile_stock

WALL, FREE, GOAL = "#", "O", "G"
MAX_SPEED = 5.0
"""To which each velocity is clipped before every step."""
GOAL_RADIUS = 0.5
MEDIUM = "######## #OO##OO# #OO#OOO# ##OOO### #OO#OOO# #O#OO#O# #OOO#OG# ########"
LARGE = (
    "############ #OOOO#OOOOO# #O##O#O#O#O# #OOOOOO#OOO# #O####O###O# "
    "#OO#O#OOOOO# ##O#O#O#O### #OO#OOO#OGO# ############"
)
MAZES = {"umaze": "##### #GOO# ###O# #OOO# #####", "medium": MEDIUM, "large": LARGE}
"""Of maze2d-MAZE-v1, by rows."""


def cells(layout: str, kinds: str) -> np.ndarray:
    """Return the (row, column) of a maze's cells of the given kinds, (n, 2) integers, sorted."""
    grid = np.array([list(row) for row in layout.split()])
    return np.argwhere(np.isin(grid, list(kinds)))


class Maze2d(Task):
    """A maze of `MAZES`: d = 4 (position, velocity), a = 2; it never terminates.

    A cell (i, j) of the layout lies at position (i, j): rows are the first coordinate.

    Attributes:
        target: the goal's position (2,), the same in every episode.
    """

    frame_skip = 1

    def __init__(self, maze: str) -> None:
        self.layout = MAZES[maze]
        self.target = cells(self.layout, GOAL)[0].astype(np.float64)
        self._starts = cells(self.layout, FREE + GOAL)

    def spec(self) -> mujoco.MjSpec:
        """Return the point mass of maze2d.xml between this maze's walls."""
        spec = mujoco.MjSpec.from_file(str(Path(__file__).with_suffix(".xml")))
        box, size = mujoco.mjtGeom.mjGEOM_BOX, [0.5, 0.5, 0.2]
        for i, j in cells(self.layout, WALL):
            spec.worldbody.add_geom(
                name=f"wall_{i}_{j}", type=box, pos=[i + 1, j + 1, 0], size=size
            )
        return spec

    def compile(self, physics: str) -> mujoco.MjModel:
        """Return the compiled model, with D4RL's contact rules for "d4rl"."""
        model = compile_stock(self.spec())
        if physics == "d4rl":
            particle = model.body("particle").id
            model.geom_margin[:] *= 0.5
            model.body_invweight0[particle, 0] = 2.0 / (3.0 * model.body_mass[particle])
        return model

    def prepare(self, qpos: np.ndarray, qvel: np.ndarray) -> None:
        """Clip velocities to `MAX_SPEED`, as every step begins."""
        np.clip(qvel, -MAX_SPEED, MAX_SPEED, out=qvel)

    def state(self, observations: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the observation's halves: it is the state."""
        qpos, qvel = np.split(np.asarray(observations, np.float64), 2, axis=1)
        return qpos, qvel, np.ones(len(qpos), dtype=bool)

    def position_reward(self, positions: np.ndarray) -> np.ndarray:
        """Return 1 at positions (N, 2) within `GOAL_RADIUS` of the target, else 0."""
        distances = np.linalg.norm(positions - self.target, axis=1)
        return (distances <= GOAL_RADIUS).astype(np.float64)

    def reward(self, before: np.ndarray, actions: np.ndarray, after: States) -> np.ndarray:
        """Return the reward of the positions that the step led to."""
        return self.position_reward(after.qpos)

    def initial_state(
        self, generator: np.random.Generator, qpos: np.ndarray, qvel: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw a cell that is no wall, a place near its centre, and a slow velocity."""
        cell = self._starts[generator.integers(len(self._starts))]
        return (
            cell + generator.uniform(-0.1, 0.1, 2),
            qvel + 0.1 * generator.standard_normal(2),
        )
