"""Verbs that start in a tenth of a second: forks of one process that has imported everything.

    python -m synther.cli.forkserver COMMAND [ARGUMENT ...]

runs COMMAND with such a server beside it, which ends when COMMAND does. A `synther VERB` below it
hands over its words, folder, environment and streams, passes on the signals that it is sent, and
ends as its fork does. A fork computes what a process of its own would, with one thread for numpy's
products, by the code and config/ that the server read when it started. Where the server has ended,
a verb runs by itself. `make quick` runs its workflow so: its jobs import for as long as they work.
"""

import gc
import importlib
import json
import os
import pkgutil
import select
import shutil
import signal
import socket
import sys
import tempfile
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import synther.cli
from synther import config
from synther.cli import FORKSERVER
from synther.errors import SyntherError
from synther.jobs import inherited, provenance
from synther.jobs.signals import ENDING

LATE = (
    *("h5py", "jsonschema", "matplotlib.backends.backend_svg", "mujoco.rollout", "ogbench"),
    *("pyarrow.parquet", "rliable.library", "scipy.stats", "seaborn.objects", "typst", "tyro"),
)
"""What modules of this package import when it is first used."""


def run(words: Sequence[str]) -> int | None:
    """Let the server run a verb; return its exit code, or None where there is no server."""
    client = socket.socket(socket.AF_UNIX)
    try:
        client.connect(os.environ[FORKSERVER])
        socket.send_fds(client, [b"\0"], [0, 1, 2])
    except OSError:  # it has ended, or a stream is closed
        return None
    asked = {"words": list(words), "folder": os.getcwd(), "environment": dict(os.environ)}
    process: int

    def pass_on(number: int, _: Any) -> None:
        with suppress(ProcessLookupError):
            os.kill(process, number)

    with client, client.makefile("rw", encoding="utf-8") as stream:
        stream.write(json.dumps(asked) + "\n")
        stream.flush()
        try:
            if not (number := stream.readline()):  # it has ended since
                return None
        except KeyboardInterrupt:
            return 130
        process = int(number)
        for ending in ENDING:
            if signal.getsignal(ending) is not signal.SIG_IGN:
                signal.signal(ending, pass_on)
        code = int(stream.readline() or -signal.SIGKILL)
    if code >= 0:
        return code
    print(f"synther {words[0]}: process {process} was killed; run it again", file=sys.stderr)
    return 128 - code


def _serve(listening: socket.socket, command: int) -> None:
    """Fork for every client until the process `command` has ended; return in what is forked."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that watch
    listening.settimeout(1.0)
    while os.getppid() == command:
        with suppress(TimeoutError):
            client, _ = listening.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listening.close()
                return _become(client)
            client.close()
    shutil.rmtree(Path(os.environ[FORKSERVER]).parent, ignore_errors=True)
    os._exit(0)


def _become(client: socket.socket) -> None:
    """Return in a fork that has all that the client handed over; watch over it until it ends."""
    client.settimeout(None)
    _, streams, _, _ = socket.recv_fds(client, 1, 3)
    stream = client.makefile("rw", encoding="utf-8")
    asked: dict[str, Any] = json.loads(stream.readline())
    alive, held = os.pipe()  # `held` is the fork's, and closed when it ends
    fork = os.fork()
    if fork == 0:
        stream.close()
        client.close()
        os.close(alive)
        for number, given in enumerate(streams):
            os.dup2(given, number)
            os.close(given)
        for number, name in enumerate(("stdin", "stdout", "stderr")):  # files, pipes, a terminal
            words = {"encoding": getattr(sys, name).encoding, "closefd": False}
            setattr(sys, name, os.fdopen(number, "w" if number else "r", 1, **words))
        os.chdir(asked["folder"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        del os.environ[FORKSERVER]
        sys.argv = ["synther", *asked["words"]]
        return
    os.close(held)
    with suppress(OSError):  # the client can be killed at any time
        stream.write(f"{fork}\n")
        stream.flush()
    ready, _, _ = select.select([alive, client.fileno()], [], [])
    if alive not in ready:  # it was killed, and so is what it stands for
        os.kill(fork, signal.SIGKILL)
    _, status = os.waitpid(fork, 0)
    with suppress(OSError):
        stream.write(f"{os.waitstatus_to_exitcode(status)}\n")
        stream.flush()
    os._exit(0)


def _prepare() -> None:
    """Import what verbs import, and read what they read of config/."""
    inherited.settle()
    every = (found.name for found in pkgutil.walk_packages(synther.__path__, "synther."))
    for name in (*(name for name in every if not name.startswith("synther.bench")), *LATE):
        if not name.endswith("__main__"):
            with suppress(ImportError):  # of an extra
                importlib.import_module(name)
    provenance.commit()
    for path in config.config_dir().glob("*.yaml"):
        config.load(path.stem)
    for preset in config.preset_names():
        with suppress(SyntherError):  # of one that nobody asked for
            config.load_preset(preset)
    # Python 3.12 warns of every thread; that of pyarrow's allocator may be forked.
    warnings.filterwarnings("ignore", ".*multi-threaded.*fork", DeprecationWarning)
    gc.collect()
    gc.freeze()  # or a fork's first collection would copy every page


def main() -> None:
    """Start the server, and become the command."""
    if not sys.argv[1:]:
        sys.exit("usage: python -m synther.cli.forkserver COMMAND [ARGUMENT ...]")
    folder = Path(tempfile.mkdtemp(prefix="synther-"))  # no other user can enter it
    listening, command = socket.socket(socket.AF_UNIX), os.getpid()
    try:
        listening.bind(str(folder / "socket"))
        listening.listen()  # from now on clients wait
    except OSError:  # of a long TMPDIR: every verb runs by itself
        shutil.rmtree(folder)
        os.execvp(sys.argv[1], sys.argv[1:])
    os.environ[FORKSERVER] = str(folder / "socket")
    if os.fork():
        listening.close()
        os.execvp(sys.argv[1], sys.argv[1:])
    os.setsid()  # the terminal's signals go to the clients
    _prepare()
    _serve(listening, command)
    sys.exit(synther.cli.main())


if __name__ == "__main__":
    main()
