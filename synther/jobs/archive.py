"""A preset's results as one file that anybody can check and show: rows, records, checksums."""

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from synther.errors import SyntherError
from synther.jobs.files import atomic_path, blame_machine, explaining, sha256
from synther.jobs.folders import files_below, walk

SUMS = "SHA256SUMS"
"""The member that has the others' checksums, as `sha256sum --check` reads them."""
_MEMBER = re.compile(r"results/([a-z0-9][a-z0-9_-]*)(?:/[\w-][\w.-]*)+\.(?:json|parquet)", re.ASCII)
"""What a member can be called: nothing that leaves the folder, is hidden, or is a program."""


def pack(folder: str | Path, out: str | Path) -> int:
    """Write the rows and records of `folder`, results/PRESET, as a .zip; return how many it has.

    Models, samples, weights and what is unfinished are left out. The same results give the same
    bytes everywhere: members are in order, without times, and not compressed, as that depends on
    the version of zlib.

    Raises:
        SyntherError: there are no rows, or the file can't be written.
    """
    root = Path(os.path.abspath(folder))
    found = {
        f"results/{root.name}/{path.relative_to(root).as_posix()}": path
        for path in files_below(root, "*")
    }
    files = {name: found[name] for name in sorted(found) if _MEMBER.fullmatch(name)}
    if not any(name.endswith(".parquet") for name in files):
        raise SyntherError(f"{folder} has no results: name the folder of a preset, results/PRESET")
    with atomic_path(out) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        sums = "".join(f"{sha256(path)}  {name}\n" for name, path in files.items())
        archive.writestr(zipfile.ZipInfo(SUMS), sums)
        for name, path in files.items():
            archive.writestr(zipfile.ZipInfo(name), path.read_bytes())
    return len(files)


@contextlib.contextmanager
def opened(results: str | Path) -> Iterator[Path]:
    """Yield a folder of results: the one that is given, or what an archive of `pack` holds.

    An archive's content is checked and lies in a temporary folder, which can't be written and is
    the working folder within the block: paths in records are relative to it, and errors and
    findings name a file as the archive does. Hence one archive at a time.

    Raises:
        SyntherError: the file is no archive, it is damaged, or an error in the block.
    """
    path = Path(results)
    if not path.is_file():
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="synther-") as folder:
        preset = _unpack(path, Path(folder))
        try:
            with contextlib.chdir(folder):
                yield Path("results", preset)
        except SyntherError as error:
            raise SyntherError(f"{path}: {error}") from error


def _unpack(path: Path, folder: Path) -> str:
    """Write an archive's members into a folder, which is read-only then; return their preset."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            # What is compressed could swell, and what lies upon each other likewise
            if any(each.compress_type for each in infos) or (
                sum(each.file_size for each in infos) > path.stat().st_size
            ):
                raise ValueError("its members are larger than the file")
            contents = {each.filename: archive.read(each) for each in infos}
        lines = contents.pop(SUMS).decode("ascii").splitlines()
        sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
        if sums != {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}:
            raise ValueError(f"its files are not those of its {SUMS}")
        if len(infos) != len(sums) + 1 or not all(map(_MEMBER.fullmatch, sums)):
            raise ValueError("it has members that `synther pack` does not write")
        (preset,) = {name.split("/")[1] for name in sums}
    except (zipfile.BadZipFile, LookupError, ValueError, RuntimeError, EOFError, OSError) as error:
        blame_machine(error, path)
        raise SyntherError(
            f"{path} is no whole archive of results ({error}): get it anew from where it came, or "
            "make one with `synther pack results/PRESET`"
        ) from error
    with explaining(folder):
        for name, data in contents.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        for each in reversed(list(walk(folder))):
            each.chmod(0o555 if each.is_dir() else 0o444)
    return preset


def merge(archive: str | Path, results: str | Path) -> tuple[int, int]:
    """Copy an archive's results into a folder; what is there already must be equal, and stays.

    Of a run that was made twice the rows count: its record may say another machine and time.
    Return how many files are new, and how many were there.

    Raises:
        SyntherError: a file is there with other content; nothing is copied then.
    """
    root = Path(os.path.abspath(results)).parent
    if Path(results).name != "results":
        raise SyntherError(f"--out {results} must be a folder called results: paths begin with it")
    with opened(archive) as folder:
        every = files_below(folder, "*")
        new = [path for path in every if not (root / path).exists()]
        there = set(every) - set(new)
        counts = {
            rows if (rows := path.with_suffix(".parquet")) in there else path for path in there
        }
        if other := sorted(path for path in counts if sha256(root / path) != sha256(path)):
            raise SyntherError(
                f"{len(other)} of its files are in {root} with other content, the first is "
                f"{other[0]}: set both side by side with `synther compare`, and remove one"
            )
        for path in new:
            with atomic_path(root / path) as temporary:
                shutil.copyfile(path, temporary)
    return len(new), len(there)
