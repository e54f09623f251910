"""D4RL's AntMaze-v2: a four-legged robot walks through a maze to a goal drawn in every episode.

The robot is Gymnasium's ant, with the time step, contacts and motors of D4RL's own file
(d4rl/locomotion/assets/ant.xml), and walls added from the maze's text. The physics "d4rl" is that
of locomotion (`synther.envs.physics`).
"""

import mujoco
import numpy as np

from synther.envs.batch import States, Task
from synther.envs.maze2d import GOAL, LARGE, MEDIUM, WALL, cells
from synther.envs.physics import gymnasium_assets

START = np.array([1, 1])
"""The cell (row, column) where episodes begin, in every maze."""
MAZES = {"umaze": "##### #OOO# ###O# #GOO# #####", "medium-play": MEDIUM, "large-play": LARGE}
"""Of antmaze-MAZE-v2, by rows."""
CELL = 4.0
"""Width of a cell."""
WALL_HEIGHT = 2.0
GOAL_RADIUS = 0.5
MOTOR_TORQUE = 30.0
RESET_NOISE = 0.1


class AntMaze(Task):
    """A maze of `MAZES`: d = 29 (15 positions, 14 velocities), a = 8.

    An episode ends at the goal, never by a fall. The goal is not observed: it lies in the same cell
    in every episode, with an offset of up to 1.5 in each coordinate that is drawn at every reset
    (what v2 means).

    Attributes:
        target: the goal's cell (2,), the least goal in both coordinates.
    """

    frame_skip = 5

    def __init__(self, maze: str) -> None:
        self.layout = MAZES[maze]
        self.target = self._position(cells(self.layout, GOAL)[0])

    def _position(self, cell: np.ndarray) -> np.ndarray:
        """Return the (x, y) of a (row, column); the start cell is at (0, 0)."""
        return CELL * (cell - START)[::-1]

    def spec(self) -> mujoco.MjSpec:
        """Return the ant in its maze."""
        spec = mujoco.MjSpec.from_file(str(gymnasium_assets() / "ant.xml"))
        spec.option.timestep = 0.02
        half = [CELL / 2, CELL / 2, WALL_HEIGHT / 2]
        for cell in cells(self.layout, WALL):
            spec.worldbody.add_geom(
                name=f"block_{cell[0]}_{cell[1]}",
                type=mujoco.mjtGeom.mjGEOM_BOX,
                pos=[*self._position(cell), WALL_HEIGHT / 2],
                size=half,
                contype=1,
                conaffinity=1,
            )
        for geom in spec.geoms:
            geom.solref, geom.solimp = [0.02, 1.0], [0.8, 0.8, 0.01, 0.5, 2.0]
        for motor in spec.actuators:
            # D4RL's motors take +-30 and its wrapper scales actions in [-1, 1] to that.
            motor.gear = [MOTOR_TORQUE, 0, 0, 0, 0, 0]
        return spec

    def reward(self, before: np.ndarray, actions: np.ndarray, after: States) -> np.ndarray:
        """Return 1 where the torso is within `GOAL_RADIUS` of the goal, else 0."""
        return self.terminated(after).astype(np.float64)

    def terminated(self, states: States) -> np.ndarray:
        """Return where the torso is within `GOAL_RADIUS` of the goal."""
        distances = np.linalg.norm(states.qpos[:, :2] - states.goals, axis=1)
        return distances <= GOAL_RADIUS

    def initial_state(
        self, generator: np.random.Generator, qpos: np.ndarray, qvel: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw a state near the model's own, at the start cell.

        The `init_qpos` that the file mentions is not used: D4RL's environment starts from the
        model's positions (z = 0.75). The old MuJoCo normalised the torso's quaternion in place.
        """
        qpos = qpos + generator.uniform(-RESET_NOISE, RESET_NOISE, qpos.shape)
        qpos[3:7] /= np.linalg.norm(qpos[3:7])
        return qpos, qvel + RESET_NOISE * generator.standard_normal(qvel.shape)

    def draw_goal(self, generator: np.random.Generator) -> np.ndarray:
        """Draw a goal: the goal cell plus uniform(0, 1) plus uniform(0, 0.5), and not below 0."""
        offset = generator.uniform(0, CELL / 4, 2) + generator.uniform(0, CELL / 8, 2)
        return np.maximum(self.target + offset, 0.0)
