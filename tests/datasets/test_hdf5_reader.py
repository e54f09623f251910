"""HDF5 files that are whole, but not to be had just now: what stands in the way is named."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from synther import SyntherError
from synther.datasets.d4rl import load_transitions

ROWS = 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        for key, width in (("observations", (3,)), ("actions", (2,)), ("rewards", ())):
            file[key] = np.arange(ROWS * max(1, *width, 1), dtype=np.float32).reshape(ROWS, *width)
        for key in ("terminals", "timeouts"):
            file[key] = np.zeros(ROWS, dtype=bool)
    return tmp_path / "a.hdf5"


def test_a_file_that_another_process_has_locked_is_read(path: Path) -> None:
    with path.open("rb+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert len(load_transitions(path)) == ROWS - 1


WRITER = """
import sys, h5py, numpy as np
with h5py.File(sys.argv[1], "w", libver=sys.argv[2]) as file:
    file["observations"] = np.zeros((20, 3))
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("layout", ["earliest", "latest"])
def test_a_file_that_is_being_written_is_not_called_damaged(tmp_path: Path, layout: str) -> None:
    path = tmp_path / "a.hdf5"
    command = [sys.executable, "-c", WRITER, str(path), layout]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"open\n"
        with pytest.raises(SyntherError, match=r"a\.hdf5 is open for writing in another process"):
            load_transitions(path)


def test_a_lock_that_the_environment_demands_is_named(path: Path) -> None:
    code = f"from synther.datasets.d4rl import load_transitions; load_transitions({str(path)!r})"
    environment = {**os.environ, "HDF5_USE_FILE_LOCKING": "TRUE"}
    with path.open("rb+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True
        )
    assert "a.hdf5 can't be locked, as HDF5_USE_FILE_LOCKING=TRUE demands: unset it" in done.stderr


NO_LOCKS = "#include <errno.h>\nint flock(int f, int o) { errno = ENOLCK; return -1; }\n"
USE = """
import sys, numpy as np
from pathlib import Path
from synther.datasets.collect import collect
from synther.datasets.d4rl import load_transitions
from synther.datasets.vd4rl import ShardWriter, read_shards
folder = Path(sys.argv[1])
load_transitions(folder / "a.hdf5")
collect("hopper", "random", 30, folder / "b.hdf5", threads=1)
with ShardWriter(folder / "c.hdf5") as writer:
    writer.append(np.zeros((3, 3, 84, 84), np.uint8), np.zeros((2, 2)), np.zeros(2))
read_shards([folder / "c.hdf5"])
"""


def test_a_file_system_without_locks_will_do(path: Path, tmp_path: Path) -> None:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler, to take the locks away with")
    (tmp_path / "no.c").write_text(NO_LOCKS)
    library = tmp_path / "no.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "no.c"], check=True)
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    environment.pop("HDF5_USE_FILE_LOCKING", None)
    done = subprocess.run(
        [sys.executable, "-c", USE, str(tmp_path)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_a_filter_that_is_not_installed_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.hdf5"
    with h5py.File(path, "w") as file:
        for key in ("observations", "actions", "rewards", "terminals"):
            shape = (ROWS, 3) if key in ("observations", "actions") else (ROWS,)
            file.create_dataset(key, data=np.zeros(shape), compression="lzf")
    # The number of h5py's own filter, 32000, becomes that of one that is not here.
    path.write_bytes(path.read_bytes().replace(b"\x00\x7d\x08\x00", b"\xfe\x7d\x08\x00"))
    with pytest.raises(SyntherError, match=r"the HDF5 here can't undo .*h5repack"):
        load_transitions(path)


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EMFILE])
def test_what_the_system_refuses_is_not_the_contents_fault(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fail(*arguments: object, **named: object) -> None:
        raise OSError(f"Unable to open file (errno = {number}, error message = 'refused')")

    monkeypatch.setattr(h5py, "File", fail)
    with pytest.raises(SyntherError, match=f"can't be read here: {os.strerror(number)}") as caught:
        load_transitions(path)
    assert "not a whole" not in str(caught.value)


def test_too_little_memory_is_not_the_contents_fault(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise MemoryError

    monkeypatch.setattr("synther.datasets.d4rl._array", fail)
    with pytest.raises(MemoryError):
        load_transitions(path)
