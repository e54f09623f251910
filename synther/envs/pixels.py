"""Tasks of the DeepMind Control Suite seen through a camera, rendered headless in processes.

As V-D4RL (Lu et al. 2022, arXiv 2206.04779) and DrQ-v2 (Yarats et al. 2021, arXiv 2107.09645) have
them: 84 x 84 pixels of camera 0, every action held for two steps, the last three frames stacked.
Rendering is what costs, so the environments are shared out over processes of their own. Frames are
not the same to the bit under other drivers.
"""

from __future__ import annotations

import contextlib
import functools
import multiprocessing
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from synther.envs.vector import VectorEnv
from synther.errors import SyntherError
from synther.jobs.inherited import named_renderer

SIZE = 84
"""Pixels a side."""
STACK = 3
"""Frames that an agent sees at once."""
CAMERA = 0
BACKENDS = ("egl", "osmesa")
"""Ways to render without a display, in the order in which they are tried ($MUJOCO_GL names one)."""
PACKAGES = "libegl1 libgl1-mesa-dri (EGL), or libosmesa6 libgl1-mesa-dri (OSMesa)"
PROBE_S = 60.0
_PROBE = """
import mujoco
model = mujoco.MjModel.from_xml_string("<mujoco/>")
with mujoco.Renderer(model, 8, 8) as renderer:
    renderer.update_scene(mujoco.MjData(model))
    assert renderer.render().shape == (8, 8, 3)
"""


def _refusal(backend: str) -> str | None:
    """Return why a backend does not render here, or None if it does."""
    # In a process of its own: MuJoCo takes its backend once, when it is imported
    environment = {**os.environ, "MUJOCO_GL": backend, "PYOPENGL_PLATFORM": backend}
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROBE],
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=PROBE_S,
        )
    except subprocess.TimeoutExpired:
        return f"does not answer within {PROBE_S:.0f} s"
    if done.returncode == 0:
        return None
    lines = [line for line in done.stderr.splitlines() if line and not line.startswith(" ")]
    return next((line for line in reversed(lines) if "Error" in line), f"exit {done.returncode}")


@functools.cache
def find_backend() -> str:
    """Return the first of `BACKENDS` that renders here, or $MUJOCO_GL where that is set and does.

    Raises:
        SyntherError: none does; it says why, and which packages are missing.
    """
    named = named_renderer()
    reasons = []
    for backend in (named,) if named else BACKENDS:
        reason = _refusal(backend)
        if reason is None:
            return backend
        reasons.append(f"{backend}: {reason}")
    given = {"MUJOCO_GL": named, "MUJOCO_EGL_DEVICE_ID": os.environ.get("MUJOCO_EGL_DEVICE_ID")}
    blamed = " and ".join(f"{name}={value}" for name, value in given.items() if value)
    unset = f"Unset {blamed}, or name another. " if blamed else ""
    raise SyntherError(
        f"pixels can't be rendered here. {unset}Install on Debian: apt-get install {PACKAGES}. "
        "Tried:\n  " + "\n  ".join(reasons)
    )


def serve(handle: int, task: str, num_envs: int) -> None:
    """Simulate and render `num_envs` environments in this process, until the pipe closes."""
    # Signals to end reach the whole group of processes; the one who asks may still need this one to
    # end in order, and the pipe closes with it however it ends.
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    pipe = Connection(handle)
    try:
        from synther.envs import make_env
        from synther.envs.dm_control import DMControl

        env = make_env(task, num_envs)
        assert isinstance(env, DMControl)
        pipe.send((env.observation_dim, env.action_dim, env.time_limit))
        while True:
            verb, values, rows = pipe.recv()
            if verb == "reset":
                env.reset(values, indices=rows)
                answer: tuple[Any, ...] = ()
            else:
                actions, active = np.zeros((num_envs, env.action_dim)), np.zeros(num_envs, bool)
                actions[rows], active[rows] = values, True
                _, rewards, terminated, _ = env.step(actions, active=active)
                answer = rewards[rows], terminated[rows]
            pipe.send((env.render(rows, SIZE, CAMERA), env.observations()[rows], *answer))
    except (EOFError, KeyboardInterrupt):  # the one who asked has gone
        pass
    except SyntherError as error:
        pipe.send(error)
    except Exception:  # said by the one who asked, who would else only see a broken pipe
        pipe.send(SyntherError(f"rendering of {task} failed:\n{traceback.format_exc()}"))
    finally:
        pipe.close()
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(0)  # dm_control frees its contexts too late at an exit, and complains


class PixelEnv(VectorEnv):
    """`num_envs` environments of one task seen as pixels, stepped together, until `close`.

    Observations are (N, 3 STACK, SIZE, SIZE) uint8, the oldest frame first; rewards are summed over
    the steps that an action is held for.

    Args:
        task: a task of the suite that `make_env` knows, such as "dmc-walker-walk-repeat2".
        processes: that render; at most N.

    Attributes:
        states: (N, d), what the simulator's own observations are; for policies that see them.

    Raises:
        SyntherError: nothing renders here, or the task is not of the suite.
    """

    def __init__(self, task: str, num_envs: int, processes: int = 1) -> None:
        from synther.envs import simulators

        if simulators().get(task, [""])[0] != "dm_control":
            raise SyntherError(f"{task} can't be rendered: choose a task of dm_control (dmc-...)")
        super().__init__(num_envs)
        backend = find_backend()
        self.task, self.physics = task, f"dm_control, {backend}"
        places = np.array_split(np.arange(num_envs), max(min(processes, num_envs), 1))
        self._parts = [(int(part[0]), int(part[-1]) + 1) for part in places]
        self._pipes: list[Connection] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        for first, last in self._parts:
            self._start(backend, last - first)
        widths = [self._receive(pipe) for pipe in self._pipes]
        width, self.action_dim, self.time_limit = widths[0]
        self.states = np.zeros((num_envs, width))
        self._observations = np.zeros((num_envs, 3 * STACK, SIZE, SIZE), dtype=np.uint8)

    def _start(self, backend: str, num_envs: int) -> None:
        """Start a process; not by `multiprocessing`, which would import the caller's script."""
        own, other = multiprocessing.Pipe()
        environment = {
            **os.environ,
            "MUJOCO_GL": backend,
            "PYOPENGL_PLATFORM": backend,
            "LP_NUM_THREADS": "0",  # Mesa would else start a thread a core in every process
        }
        call = f"serve({other.fileno()}, {self.task!r}, {num_envs})"
        with other:
            process = subprocess.Popen(
                [sys.executable, "-c", f"from synther.envs.pixels import serve; {call}"],
                pass_fds=(other.fileno(),),
                env=environment,
            )
        self._pipes.append(own)
        self._processes.append(process)

    def _receive(self, pipe: Connection) -> Any:
        try:
            answer = pipe.recv()
        except (EOFError, OSError) as error:
            self.close()
            raise SyntherError(
                f"a process that renders {self.task} ended early: look above for its own words, or "
                "give the job more memory"
            ) from error
        if isinstance(answer, SyntherError):
            self.close()
            raise answer
        return answer

    def _ask(self, verb: str, rows: np.ndarray, values: np.ndarray) -> list[Any]:
        """Send every process its rows, a value each; return (rows, answer) of those with any."""
        asked = []
        for pipe, (first, last) in zip(self._pipes, self._parts, strict=True):
            mine = (rows >= first) & (rows < last)
            if mine.any():
                try:
                    pipe.send((verb, values[mine], rows[mine] - first))
                except OSError:
                    self._receive(pipe)
                asked.append((pipe, rows[mine]))
        answers = []
        for pipe, where in asked:
            frames, states, *rest = self._receive(pipe)
            self.states[where] = states
            answers.append((where, frames, rest))
        return answers

    def _begin(self, rows: np.ndarray, seeds: Sequence[int]) -> None:
        drawn = np.array(seeds, dtype=np.uint64)
        for where, frames, _ in self._ask("reset", rows, drawn):
            self._observations[where] = np.tile(frames, (1, STACK, 1, 1))

    def _advance(self, rows: Any, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rewards, terminated = np.zeros(self.num_envs), np.zeros(self.num_envs, dtype=bool)
        asked = np.arange(self.num_envs)[rows]
        for where, frames, rest in self._ask("step", asked, actions[asked]):
            kept = self._observations[where][:, 3:]
            self._observations[where] = np.concatenate([kept, frames], axis=1)
            rewards[where], terminated[where] = rest
        return rewards[rows], terminated[rows]

    def close(self) -> None:
        """End the processes."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
