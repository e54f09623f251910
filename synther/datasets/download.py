"""Downloads published datasets: resumed, verified, from the first place to serve them."""

import os
import shutil
import sys
import urllib.parse
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from synther import config
from synther.config.specs import dataset_files
from synther.datasets import source_file
from synther.datasets.addresses import Interrupted, PlaceFails, Unreachable, open_address
from synther.errors import SyntherError, unknown_name
from synther.jobs.files import claimed, explaining, sha256
from synther.jobs.progress import Progress

ATTEMPTS = 4
WAIT_S = 1.0
"""Before the second attempt at a place; doubled for each after that."""


@dataclass(frozen=True)
class _Wanted:
    """The file that is wanted: `size` in bytes and `digest` are None where not published."""

    name: str
    size: int | None
    digest: str | None


def download(name: str, root: str | Path) -> Path:
    """Make sure that the file of a dataset of D4RL's or OGBench's is whole, and return its path.

    The places tried, in order: the folder $SYNTHER_MIRROR, the dataset's own URL, the mirrors of
    config/datasets.yaml. A broken connection is resumed, in this call or, where the checksum is
    published, in a later one, from the `.part` file beside the target. The target appears under
    its name only when it is whole. A file:// source that is newer is copied again. Processes that
    want the same file wait for each other.

    The file lies in root/d4rl; one of OGBench's, from which the datasets of its tasks are made, in
    root/ogbench/raw.

    Raises:
        SyntherError: no place served the file (each is listed with its reason), the disk is too
            full, the folder can't be written, or the dataset is not one that is downloaded.
    """
    spec = config.spec(name, "dataset")
    if spec["kind"] == "d4rl":
        (target,) = dataset_files(name, root)
    elif spec["kind"] == "ogbench":
        target = Path(root) / "ogbench/raw" / _basename(spec["url"])
    else:
        raise SyntherError(
            f"{name} can't be downloaded, it is {spec['kind']} here: "
            f"`synther {'render' if spec['kind'] == 'rendered' else 'collect'} --dataset {name}`"
        )
    wanted = _Wanted(name, spec.get("bytes"), spec.get("sha256"))
    mirrors = config.load("datasets")["mirrors"] if spec["kind"] == "d4rl" else []
    source = source_file(name)
    there = source is not None and source.is_file() and target.is_file()
    if source and there and source.stat().st_mtime > target.stat().st_mtime:
        print(f"{source} has changed: copying it again", file=sys.stderr)
        target.unlink()
    return _ensure(target, wanted, spec["url"], mirrors)


def download_shards(name: str, root: str | Path, only: str | Path | None = None) -> list[Path]:
    """Make sure that all shards of a V-D4RL dataset are whole, as `download` does of one file.

    A shard that is there is held against its published size only. Datasets share shards. `only` is
    the path of one of `dataset_files`, where no other is wanted.

    Raises:
        SyntherError: as for `download`.
    """
    spec, targets = config.spec(name, "dataset"), dataset_files(name, root)
    if spec["kind"] != "vd4rl":
        raise SyntherError(f"{name} is no dataset of V-D4RL's but {spec['kind']}: name another")
    folder = config.load("datasets")["vd4rl"].rstrip("/")
    if only is not None and Path(only) not in targets:
        raise unknown_name("shard", str(only), map(str, targets), f"{name} under {root}")
    known_files = zip(targets, spec["files"].items(), strict=True)
    chosen = {t: file for t, file in known_files if only is None or t == Path(only)}
    for target, (below, known) in chosen.items():
        if not (target.is_file() and target.stat().st_size == known["bytes"]):
            wanted = _Wanted(below, known["bytes"], known["sha256"])
            _ensure(target, wanted, f"{folder}/{below}", [])
    return list(chosen)


def _ensure(target: Path, wanted: _Wanted, url: str, mirrors: Sequence[str]) -> Path:
    """Fetch the file of `url` to `target` unless it is there and whole."""
    if target.is_file():
        fault = _fault(target, wanted)
        if fault is None:
            return target
        print(f"{target} {fault}: downloading {wanted.name} again", file=sys.stderr)
    places = _places(url, mirrors)
    path = target.with_name(f"{target.name}.part")
    with claimed(target, wait=True), explaining(target):
        # Another process may have finished the file while this one waited for it.
        if not (target.is_file() and _fault(target, wanted) is None):
            try:
                with open(path, "ab") as part:
                    _fetch_anywhere(places, part, wanted, target)
                os.replace(path, target)
            finally:
                if path.exists() and path.stat().st_size == 0:
                    path.unlink()
    return target


def _basename(url: str) -> str:
    return urllib.parse.urlsplit(url).path.rsplit("/", 1)[-1]


def _places(url: str, mirrors: Sequence[str]) -> list[str]:
    """Return every address to try for the file of `url`, in order."""
    own = os.environ.get("SYNTHER_MIRROR")
    if own and "://" not in own:
        own = Path(own).expanduser().absolute().as_uri()
    if own and not own.startswith(("http://", "https://", "file://")):
        raise SyntherError(
            f"SYNTHER_MIRROR is '{own}': set it to an http(s):// or file:// address, or a folder"
        )
    marker = "/offline_rl/" if "/offline_rl/" in url else "/vd4rl/main/"
    _, marker, below = url.partition(marker)
    names = [below, _basename(url)] if marker else [_basename(url)]
    others = mirrors if marker else []  # which have D4RL's files, and not one's own
    before, after = (
        [f"{mirror.rstrip('/')}/{name}" for mirror in some for name in names]
        for some in ([own] if own else [], others)
    )
    return list(dict.fromkeys([*before, url, *after]))


def _fetch_anywhere(places: list[str], part: IO[bytes], wanted: _Wanted, target: Path) -> None:
    """Fill `part` from the first place that serves the file whole."""
    reasons = []
    unreachable: dict[str, str] = {}
    for place in places:
        host = urllib.parse.urlsplit(place).netloc
        try:
            if host in unreachable:
                raise PlaceFails(unreachable[host])
            # Without a checksum nothing would tell if the parts of two places belonged together.
            if wanted.digest is None:
                part.truncate(0)
            _fetch(place, part, wanted)
            os.fsync(part.fileno())
            return
        except PlaceFails as error:
            reasons.append(f"{place}: {error}")
            if isinstance(error, Unreachable):
                unreachable[host] = str(error)
    tried = "\n  ".join(reasons)
    raise SyntherError(
        f"{wanted.name} could not be downloaded. Tried:\n  {tried}\n"
        f"Run it again later, set SYNTHER_MIRROR to a folder or address that has the file, or put "
        f"it at {target} yourself."
    )


def _fetch(place: str, part: IO[bytes], wanted: _Wanted) -> None:
    """Fill `part` from one place and verify it; on a mismatch leave it empty."""
    import tenacity

    resumed = part.seek(0, os.SEEK_END) > 0
    tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Interrupted),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_exponential(multiplier=WAIT_S, max=30 * WAIT_S),
        reraise=True,
    )(_stream, place, part, wanted)
    part.flush()
    if fault := _fault(Path(part.name), wanted):
        part.truncate(0)
        if not resumed:
            raise PlaceFails(f"what it serves {fault}")
        # What was there from before may be at fault, not this place.
        _fetch(place, part, wanted)


def _stream(place: str, part: IO[bytes], wanted: _Wanted) -> None:
    """Append to `part` what it lacks of the file at `place`, once."""
    offset = part.seek(0, os.SEEK_END)
    if offset == wanted.size:
        return
    if wanted.size is not None and offset > wanted.size:
        offset = part.truncate(0)
    with open_address(place, offset) as (start, total, chunks):
        if None not in (total, wanted.size) and total != wanted.size:
            raise PlaceFails(f"has {total:,} bytes, expected {wanted.size:,}")
        if start != offset:
            part.truncate(0)
        total = total or wanted.size
        folder, needed = Path(part.name).parent, (total or 0) - start
        if needed > (free := shutil.disk_usage(folder).free):
            raise SyntherError(
                f"{folder} has {free / 1e9:.2f} GB free, {needed / 1e9:.2f} GB more are needed: "
                "free some, or choose another folder"
            )
        with Progress(total or 0, f"download {wanted.name}", "byte", done=start) as progress:
            for chunk in chunks:
                part.write(chunk)
                progress.advance(len(chunk))
                if total is not None and progress.done > total:
                    raise PlaceFails(f"serves more than the {total:,} bytes expected")
        if total is not None and progress.done < total:
            raise Interrupted(f"ended after {progress.done:,} of {total:,} bytes")


def _fault(path: Path, wanted: _Wanted) -> str | None:
    """Return what is wrong with the file at `path`, or None if it is the wanted one."""
    size = path.stat().st_size
    if wanted.size is not None and size != wanted.size:
        return f"has {size:,} bytes, expected {wanted.size:,}"
    if wanted.digest is not None:
        found = sha256(path)
        return None if found == wanted.digest else f"has sha256 {found}, expected {wanted.digest}"
    # No checksum is published: at least an error page or a cut file must not pass for data.
    if ".npz" in path.suffixes:
        return None if zipfile.is_zipfile(path) else "is not a whole .npz file"
    import h5py

    try:
        # Not locked: some file systems have no locks.
        with h5py.File(path, "r", locking=False):
            return None
    except OSError as error:
        return f"is not a whole HDF5 file ({error})"
