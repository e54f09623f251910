"""Files are whole or absent, and the system's refusals come in words."""

from __future__ import annotations

import ast
import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from synther import SyntherError
from synther.jobs.files import (
    atomic_path,
    explaining,
    read_json,
    require_file,
    require_writable,
    sha256,
    try_room,
    write_json,
)
from synther.jobs.folders import files_below, walk
from synther.jobs.npz import read_npz


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_walk_goes_through_links_and_not_in_circles(tmp_path: Path) -> None:
    tree, scratch = tmp_path / "tree", tmp_path / "scratch"
    for file in ("tree/a/x.npz", "scratch/b/y.npz", "scratch/.hidden/z.npz", "scratch/.w.npz"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    (tree / "far").symlink_to(scratch)
    (scratch / "back").symlink_to(tree)  # a circle
    (scratch / "b/self").symlink_to("self")
    seen = [str(path.relative_to(tree)) for path in walk(tree)]
    assert seen == [
        *("a", "a/x.npz", "far", "far/.hidden", "far/.hidden/z.npz", "far/.w.npz"),
        *("far/b", "far/b/self", "far/b/y.npz", "far/back"),
    ]
    with pytest.raises(SyntherError, match=r"far/b/self is a link that leads nowhere"):
        files_below(tree, "*.npz")
    (scratch / "b/self").unlink()
    assert files_below(tree, "*.npz") == [tree / "a/x.npz", tree / "far/b/y.npz"]
    (tmp_path / "linked").symlink_to(tree)
    assert len(files_below(tmp_path / "linked", "*.npz")) == 2
    assert files_below(tmp_path / "absent", "*") == []
    with pytest.raises(SyntherError, match=r"x.npz can't be read: Not a directory"):
        files_below(tree / "a/x.npz", "*")


def test_trees_are_walked_in_one_way() -> None:
    """`**` of pathlib, and os.walk, leave out what is behind links."""
    for path in (Path(__file__).parents[2] / "synther").rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_bytes())) if is_walk(node)]
        assert not calls, f"{path}:{calls[0].lineno}: use synther.jobs.folders.walk"


def is_walk(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr="walk" | "scandir")):
            return True
        case ast.Call(func=ast.Attribute(attr="rglob" | "glob"), args=[pattern]):
            return node.func.attr == "rglob" or "**" in ast.unparse(pattern)
    return False


def test_the_file_appears_whole_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "made/deep/x.txt"
    with atomic_path(path) as temporary:
        temporary.write_text("new")
        assert temporary.parent == path.parent
        assert temporary.suffix == ".txt"
        assert not path.exists()
    assert path.read_text() == "new"
    assert names(path.parent) == ["x.txt"]


def test_a_failed_block_keeps_the_old_content_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("old")

    def half() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["x.txt"]


def test_an_error_that_is_no_refusal_of_the_system_passes_unchanged(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="shapes differ"), atomic_path(tmp_path / "x"):
        raise RuntimeError("shapes differ")


def test_a_full_disk_is_said_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.json"
    write_json(path, {"old": 1})

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SyntherError, match=r"no space left to write .*x\.json"):
        write_json(path, {"new": 2})
    assert path.read_text() == '{\n  "old": 1\n}\n'
    assert names(tmp_path) == ["x.json"]


def test_room_is_asked_for_and_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try_room(tmp_path / "x", 1000)
    (tmp_path / "there").write_text("kept", encoding="utf-8")
    with pytest.raises(FileExistsError):
        try_room(tmp_path / "there", 1000)

    def refuse(number: int) -> None:
        def fallocate(descriptor: int, start: int, size: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "posix_fallocate", fallocate)

    refuse(errno.EDQUOT)  # of a quota, which no free space shows
    with pytest.raises(OSError, match="quota"):
        try_room(tmp_path / "x", 1000)
    refuse(errno.EOPNOTSUPP)
    try_room(tmp_path / "x", 1000)
    assert names(tmp_path) == ["there"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_the_kernels_own_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"

    def fill() -> None:
        with atomic_path(path) as temporary:
            temporary.symlink_to("/dev/full")
            temporary.write_text("data")

    with pytest.raises(SyntherError, match="no space left"):
        fill()
    assert names(tmp_path) == []


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from pathlib import Path
import numpy as np
from synther.errors import SyntherError
from synther.jobs.files import atomic_path
folder, much = Path(sys.argv[1]), np.zeros(100_000, np.float32)

def hdf5(path):
    import h5py
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=much)

def torch(path):
    import torch
    torch.save({"x": torch.as_tensor(much)}, path)

def npz(path):
    np.savez(path, x=much)

for suffix, write in (("hdf5", hdf5), ("pt", torch), ("npz", npz)):
    try:
        with atomic_path(folder / f"x.{suffix}") as temporary:
            write(temporary)
    except SyntherError as error:
        assert f"x.{suffix}" in str(error), error
        print(suffix)

from synther.jobs.resumable import TransitionsWriter
from synther.transitions import Transitions
wide, flat = np.ones((4000, 3)), np.ones(4000)
rows = Transitions(wide, wide, flat, wide, flat)
for name, part in (("small", rows[:3000]), ("large", rows)):  # buffered to the end, or not
    try:
        with TransitionsWriter(folder / f"{name}.npz") as writer:
            writer.append(part)
    except SyntherError as error:
        print(name)
"""


def test_every_writers_failure_comes_in_words(tmp_path: Path) -> None:
    """torch and h5py raise RuntimeError, not OSError, where a file can't grow."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["hdf5", "pt", "npz", "small", "large"]
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space left to write"),
        (errno.EDQUOT, "no space left to write"),
        (errno.EACCES, "choose another folder"),
        (errno.EROFS, "choose another folder"),
        (errno.ENOTDIR, "a part of the path is a file"),
        (errno.EIO, "can't be written"),
    ],
)
def test_refusals_are_explained(number: int, words: str) -> None:
    with pytest.raises(SyntherError, match=words) as caught, explaining(Path("some/where.npz")):
        raise OSError(number, os.strerror(number))
    assert "some/where.npz" in str(caught.value)


@pytest.mark.parametrize("write", [lambda path: write_json(path, 1), require_writable])
def test_a_folder_that_can_not_be_written(tmp_path: Path, write: object) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SyntherError, match="a part of the path is a file"):
        write(tmp_path / "file/x.json")  # type: ignore[operator]
    with pytest.raises(SyntherError, match="can't be written"):
        write("/proc/synther/x.json")  # type: ignore[operator]  # not even root can
    with pytest.raises(SyntherError, match="can't be written"):
        write(tmp_path)  # type: ignore[operator]  # a folder


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_permissions_are_minded(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(SyntherError, match="choose another folder"):
        require_writable(tmp_path / "x.json")
    tmp_path.chmod(0o700)


def test_the_question_whether_a_file_can_be_written_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("old")
    assert require_writable(tmp_path / "x") == tmp_path / "x"
    assert (tmp_path / "x").read_text() == "old"
    assert names(tmp_path) == ["x"]


def test_a_required_file(tmp_path: Path) -> None:
    with pytest.raises(SyntherError, match=r"x does not exist or is not a file; do this"):
        require_file(tmp_path / "x", "do this")
    (tmp_path / "x").touch()
    assert require_file(str(tmp_path / "x")) == tmp_path / "x"


def test_sha256_of_a_known_text(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert sha256(tmp_path / "x").startswith("ba7816bf8f01cfea414140de5dae2223")


def test_arrays_that_may_be_absent(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.arange(3), other=np.arange(2))
    found = read_npz(tmp_path / "x.npz", ["a"], ["b"])
    assert list(found) == ["a"]
    with pytest.raises(SyntherError, match=r"lacks c; a policy has a, c"):
        read_npz(tmp_path / "x.npz", ["a", "c"], what="a policy")


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.EIO, "broken")])
def test_an_archive_that_can_not_be_read_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    np.savez(tmp_path / "x.npz", a=np.zeros(3))

    def fail(*arguments: object, **named: object) -> None:
        raise error

    monkeypatch.setattr("numpy.lib.format.read_array", fail)
    wanted = MemoryError if isinstance(error, MemoryError) else SyntherError
    with pytest.raises(wanted) as caught:
        read_npz(tmp_path / "x.npz", ["a"])
    assert "not a whole" not in str(caught.value)


def test_deeply_nested_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("[" * 100_000)
    with pytest.raises(SyntherError, match=r"x\.json is damaged"):
        read_json(path)
