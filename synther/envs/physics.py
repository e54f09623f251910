"""The exact physics that D4RL was recorded with, on today's MuJoCo.

D4RL used Gym's -v2 environments on mujoco-py (MuJoCo 2.0). Two changes of MuJoCo since then move
every trajectory:

1. Before 2.1.2 a capsule of radius r and half-length h got the mass and the inertia of a cylinder
   of radius r and half-length h + r / 2.
2. From 3.5 on a geom's contact margin reaches twice as far.

`compile_d4rl` undoes both. With it one step from a recorded state agrees with mujoco-py to about
1e-14, and with D4RL's files to the rounding of float32.
"""

import importlib.util
from pathlib import Path

import mujoco
import numpy as np

from synther.errors import SyntherError


def gymnasium_assets() -> Path:
    """Return the folder of Gymnasium's robots, without importing the package."""
    found = importlib.util.find_spec("gymnasium")
    if found is None or found.origin is None:
        raise SyntherError("Gymnasium, whose robots these are, is missing: pip install gymnasium")
    return Path(found.origin).parent / "envs/mujoco/assets"


def compile_stock(spec: mujoco.MjSpec) -> mujoco.MjModel:
    """Compile a copy of `spec` as the installed MuJoCo does by itself."""
    copy = spec.copy()
    total_mass = copy.compiler.settotalmass
    copy.compiler.settotalmass = -1  # deprecated as an attribute; the call below replaces it
    model = copy.compile()
    if total_mass > 0:
        mujoco.mj_setTotalmass(model, total_mass)
        mujoco.mj_setConst(model, mujoco.MjData(model))
    return model


def _cylinder_inertials(spec: mujoco.MjSpec) -> mujoco.MjModel:
    """Compile a copy of `spec` in which every capsule is the cylinder that MuJoCo 2.0 weighed."""
    copy = spec.copy()
    frames = compile_stock(copy)
    for index, geom in enumerate(copy.geoms):
        compiled = frames.geom(index)
        if compiled.type != mujoco.mjtGeom.mjGEOM_CAPSULE:
            continue
        radius, half_length = compiled.size[0], compiled.size[1]
        geom.type = mujoco.mjtGeom.mjGEOM_CYLINDER
        geom.fromto = np.full(6, np.nan)  # else it would set position and length anew
        geom.pos, geom.quat = compiled.pos, compiled.quat
        geom.size = np.array([radius, half_length + radius / 2, 0.0])
    return compile_stock(copy)


def compile_d4rl(spec: mujoco.MjSpec) -> mujoco.MjModel:
    """Compile a copy of `spec` with the inertias and the contact margins of MuJoCo 2.0."""
    weighed = _cylinder_inertials(spec)
    spec = spec.copy()
    spec.compiler.inertiafromgeom = mujoco.mjtInertiaFromGeom.mjINERTIAFROMGEOM_FALSE
    spec.compiler.settotalmass = -1  # the weighed masses have that total already
    for index, body in enumerate(spec.bodies):
        if index == 0:  # the world has no inertia
            continue
        inertial = weighed.body(index)
        body.explicitinertial = True
        body.mass = float(inertial.mass[0])
        body.ipos, body.iquat = inertial.ipos, inertial.iquat
        body.inertia = inertial.inertia
    model = compile_stock(spec)
    model.geom_margin[:] *= 0.5
    return model


COMPILERS = {"d4rl": compile_d4rl, "stock": compile_stock}
