"""D4RL's maze2d: a point mass that two motors push through a maze to a fixed goal.

The model is built here from the maze's text. As with locomotion, two rules of the MuJoCo that D4RL
recorded on have changed, and `Maze2d.compile("d4rl")` undoes both; one step then agrees with
mujoco-py to 1e-13, contacts included:

1. A contact margin reached half as far (`synther.envs.physics`).
2. The compiler took a body's translational inverse weight as the mean over three axes. A body on
   two slides moves along two of them, so it was 2 / (3 m); today's compiler gives 1 / m.
"""

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
    """A maze: d = 4 (position, velocity), a = 2; it never terminates.

    A cell (i, j) of the layout lies at position (i, j): rows are the first coordinate.

    Args:
        maze: a name of `MAZES`.

    Attributes:
        layout: of the maze.
        target: the goal's position (2,), the same in every episode.
    """

    frame_skip = 1

    def __init__(self, maze: str) -> None:
        self.layout = MAZES[maze]
        self.target = cells(self.layout, GOAL)[0].astype(np.float64)
        self._starts = cells(self.layout, FREE + GOAL)

    def spec(self) -> mujoco.MjSpec:
        """Return the maze's model; numbers of d4rl/pointmaze/maze_model.py."""
        spec = mujoco.MjSpec()
        spec.compiler.degree = False
        spec.compiler.inertiafromgeom = mujoco.mjtInertiaFromGeom.mjINERTIAFROMGEOM_TRUE
        spec.option.timestep, spec.option.iterations = 0.01, 20
        spec.option.gravity = [0, 0, 0]
        spec.option.integrator = mujoco.mjtIntegrator.mjINT_EULER
        common = spec.default.geom
        common.friction, common.density, common.margin = [0.5, 0.1, 0.1], 1000, 0.002
        common.condim, common.contype, common.conaffinity = 1, 2, 1

        box, world = mujoco.mjtGeom.mjGEOM_BOX, spec.worldbody
        world.add_geom(
            name="ground",
            type=mujoco.mjtGeom.mjGEOM_PLANE,
            size=[40, 40, 0.25],
            pos=[0, 0, -0.1],
            contype=1,
            conaffinity=0,
        )
        particle = world.add_body(name="particle", pos=[1.2, 1.2, 0])
        sphere = mujoco.mjtGeom.mjGEOM_SPHERE
        particle.add_geom(name="particle_geom", type=sphere, size=[0.1, 0, 0], contype=1)
        for axis, direction in (("x", [1, 0, 0]), ("y", [0, 1, 0])):
            slide = mujoco.mjtJoint.mjJNT_SLIDE
            joint = particle.add_joint(name=f"ball_{axis}", type=slide, axis=direction)
            joint.damping[0] = 1.0  # linear in the velocity; further entries are higher powers
        for i, j in cells(self.layout, WALL):
            world.add_geom(
                name=f"wall_{i}_{j}", type=box, pos=[i + 1, j + 1, 0], size=[0.5, 0.5, 0.2]
            )
        for axis in ("x", "y"):
            motor = spec.add_actuator(name=axis, target=f"ball_{axis}")
            motor.trntype = mujoco.mjtTrn.mjTRN_JOINT
            motor.gear = [100, 0, 0, 0, 0, 0]
            motor.ctrllimited, motor.ctrlrange = True, [-1, 1]
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
