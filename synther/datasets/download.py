"""Downloads published datasets: resumed, verified, from the first place to serve them."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from synther import config
from synther.datasets import dataset_file, source_file
from synther.errors import SyntherError, unknown_name
from synther.jobs.files import explain_os_error, sha256
from synther.jobs.progress import Progress

CHUNK_BYTES = 1 << 16  # what is lost of a chunk when a connection breaks is fetched again
TIMEOUT_S = (10.0, 60.0)  # to connect, and between two reads
ATTEMPTS = 4


class _PlaceFails(Exception):
    """This place does not serve the file; another may."""


class _Interrupted(Exception):
    """The answer failed or broke off: worth another attempt at the same place."""


class _Unreachable(_Interrupted):
    """The host does not answer, whatever it is asked for."""


@dataclass(frozen=True)
class _Wanted:
    """The file that is wanted: `size` in bytes and `digest` are None where not published."""

    name: str
    size: int | None
    digest: str | None


def target_path(name: str, root: str | Path) -> Path:
    """Return where the file of a dataset lies as published: its name below root/d4rl.

    Files of OGBench's, from which the datasets of its tasks are made, lie below root/ogbench/raw.

    Raises:
        SyntherError: there is no such dataset, or it is not one that is downloaded.
    """
    spec = config.spec(name, "dataset")
    if spec["kind"] == "d4rl":
        return dataset_file(name, root)
    if spec["kind"] != "ogbench":
        raise SyntherError(
            f"{name} can't be downloaded, it is {spec['kind']} here: "
            f"`synther {'render' if spec['kind'] == 'rendered' else 'collect'} --dataset {name}`"
        )
    return Path(root) / "ogbench/raw" / _basename(spec["url"])


def download(name: str, root: str | Path, *, wait_s: float = 1.0) -> Path:
    """Make sure that the file of a dataset of D4RL's or OGBench's is whole, and return its path.

    The places tried, in order: the folder $SYNTHER_MIRROR, the dataset's own URL, the mirrors of
    config/datasets.yaml. A broken connection is resumed, in this call or, where the checksum is
    published, in a later one, from the `.part` file beside the target. The target appears under
    its name only when it is whole. A file:// source that is newer is copied again. Processes that
    want the same file wait for each other.

    Args:
        name: a dataset of kind `d4rl` or `ogbench`.
        root: the folder of data; the file lies at `target_path`.
        wait_s: seconds before the second attempt at a place; doubled for each after that.

    Raises:
        SyntherError: no place served the file (each is listed with its reason), the disk is too
            full, or the folder can't be written.
    """
    target = target_path(name, root)
    spec = config.spec(name, "dataset")
    wanted = _Wanted(name, spec.get("bytes"), spec.get("sha256"))
    mirrors = config.load("datasets")["mirrors"] if spec["kind"] == "d4rl" else []
    source = source_file(name)
    if source and _is_newer(source, target):
        print(f"{source} has changed: copying it again", file=sys.stderr)
        target.unlink()
    return _ensure(target, wanted, spec["url"], mirrors, wait_s)


def _is_newer(source: Path, target: Path) -> bool:
    there = source.is_file() and target.is_file()
    return there and source.stat().st_mtime > target.stat().st_mtime


def shard_paths(name: str, root: str | Path) -> list[Path]:
    """Return where the shards of the V-D4RL dataset `name` lie: root/vd4rl/ and their own paths.

    Raises:
        SyntherError: there is no such dataset, or it is not V-D4RL's.
    """
    spec = config.spec(name, "dataset")
    if spec["kind"] != "vd4rl":
        raise SyntherError(f"{name} is no dataset of V-D4RL's but {spec['kind']}: name another")
    return [Path(root) / "vd4rl" / below for below in spec["files"]]


def download_shards(
    name: str, root: str | Path, only: str | Path | None = None, *, wait_s: float = 1.0
) -> list[Path]:
    """Make sure that all shards of a V-D4RL dataset are whole, as `download` does of one file.

    A shard that is there is held against its published size only. Datasets share shards.

    Args:
        only: the path of one of `shard_paths`, where no other is wanted.

    Raises:
        SyntherError: as for `download`.
    """
    folder, targets = config.load("datasets")["vd4rl"].rstrip("/"), shard_paths(name, root)
    known_files = dict(zip(targets, config.spec(name, "dataset")["files"].items(), strict=True))
    if only is not None:
        if Path(only) not in known_files:
            raise unknown_name("shard", str(only), map(str, targets), f"{name} under {root}")
        targets = [Path(only)]
    for target in targets:
        below, known = known_files[target]
        if not (target.is_file() and target.stat().st_size == known["bytes"]):
            wanted = _Wanted(below, known["bytes"], known["sha256"])
            _ensure(target, wanted, f"{folder}/{below}", [], wait_s)
    return targets


def _ensure(target: Path, wanted: _Wanted, url: str, mirrors: Sequence[str], wait_s: float) -> Path:
    """Fetch the file of `url` to `target` unless it is there and whole."""
    if target.is_file():
        fault = _fault(target, wanted)
        if fault is None:
            return target
        print(f"{target} {fault}: downloading {wanted.name} again", file=sys.stderr)
    places = _places(url, mirrors)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _locked_part(target) as part:
            # Another process may have finished the file while this one waited for the lock.
            if not (target.is_file() and _fault(target, wanted) is None):
                _fetch_anywhere(places, part, wanted, target, wait_s)
                os.replace(part.name, target)
    except OSError as error:
        raise explain_os_error(error, target) from error
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
    names = list(dict.fromkeys([below, _basename(url)] if marker else [_basename(url)]))

    def under(mirror: str) -> list[str]:
        return [f"{mirror.rstrip('/')}/{name}" for name in names]

    others = mirrors if marker else []  # which have D4RL's files, and not one's own
    places = [*(under(own) if own else []), url, *(p for mirror in others for p in under(mirror))]
    return list(dict.fromkeys(places))


@contextmanager
def _locked_part(target: Path) -> Iterator[IO[bytes]]:
    """Yield `target`.part, open and locked; an empty one is removed afterwards."""
    path = target.with_name(f"{target.name}.part")
    while True:
        part = open(path, "ab")  # noqa: SIM115
        with suppress(OSError):  # some network file systems have no locks
            fcntl.flock(part, fcntl.LOCK_EX)
        # The one who held the lock may have renamed or removed this very file meanwhile.
        if path.exists() and os.path.samestat(os.fstat(part.fileno()), path.stat()):
            break
        part.close()
    try:
        yield part
    finally:
        # While the lock is held, or another process's new part could be the one removed.
        if path.exists() and path.stat().st_size == 0:
            path.unlink()
        part.close()


def _fetch_anywhere(
    places: list[str], part: IO[bytes], wanted: _Wanted, target: Path, wait_s: float
) -> None:
    """Fill `part` from the first place that serves the file whole."""
    reasons = []
    unreachable: dict[str, str] = {}
    for place in places:
        host = urllib.parse.urlsplit(place).netloc
        if host in unreachable:
            reasons.append(f"{place}: {unreachable[host]}")
            continue
        # Without a checksum nothing would tell if the parts of two places did not belong together.
        if wanted.digest is None:
            _empty(part)
        try:
            _fetch(place, part, wanted, wait_s)
            part.flush()
            os.fsync(part.fileno())
            return
        except (_PlaceFails, _Interrupted) as error:
            reasons.append(f"{place}: {error}")
            if isinstance(error, _Unreachable):
                unreachable[host] = str(error)
    tried = "\n  ".join(reasons)
    raise SyntherError(
        f"{wanted.name} could not be downloaded. Tried:\n  {tried}\n"
        f"Run it again later, set SYNTHER_MIRROR to a folder or address that has the file, or put "
        f"it at {target} yourself."
    )


def _fetch(place: str, part: IO[bytes], wanted: _Wanted, wait_s: float) -> None:
    """Fill `part` from one place and verify it; on a mismatch leave it empty."""
    import tenacity

    resumed = _length(part) > 0
    for attempt in tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(_Interrupted),
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_exponential(multiplier=wait_s, max=30 * wait_s),
        reraise=True,
    ):
        with attempt:
            _stream(place, part, wanted)
    part.flush()
    fault = _fault(Path(part.name), wanted)
    if fault is None:
        return
    _empty(part)
    # What was there from before may be at fault, not this place.
    if resumed:
        return _fetch(place, part, wanted, wait_s)
    raise _PlaceFails(f"what it serves {fault}")


def _stream(place: str, part: IO[bytes], wanted: _Wanted) -> None:
    """Append to `part` what it lacks of the file at `place`, once."""
    offset = _length(part)
    if wanted.size is not None and offset >= wanted.size:
        if offset == wanted.size:
            return
        _empty(part)
        offset = 0
    opened = _open_file if place.startswith("file://") else _open_http
    with opened(place, offset) as (start, total, chunks):
        if None not in (total, wanted.size) and total != wanted.size:
            raise _PlaceFails(f"has {total:,} bytes, expected {wanted.size:,}")
        if start != offset:
            _empty(part)
        total = total or wanted.size
        _require_space(Path(part.name), (total or 0) - start)
        with Progress(total or 0, f"download {wanted.name}", "byte", done=start) as progress:
            for chunk in chunks:
                part.write(chunk)
                progress.advance(len(chunk))
                if total is not None and progress.done > total:
                    raise _PlaceFails(f"serves more than the {total:,} bytes expected")
        if total is not None and progress.done < total:
            raise _Interrupted(f"ended after {progress.done:,} of {total:,} bytes")


@contextmanager
def _open_file(place: str, offset: int) -> Iterator[tuple[int, int, Iterator[bytes]]]:
    path = Path(urllib.request.url2pathname(urllib.parse.urlsplit(place).path))
    try:
        handle = open(path, "rb")  # noqa: SIM115
    except OSError as error:
        raise _PlaceFails(error.strerror or str(error)) from error
    with handle:
        total = os.fstat(handle.fileno()).st_size
        start = offset if offset <= total else 0
        handle.seek(start)
        yield start, total, iter(lambda: handle.read(CHUNK_BYTES), b"")


@contextmanager
def _open_http(place: str, offset: int) -> Iterator[tuple[int, int | None, Iterator[bytes]]]:
    import requests

    # Compressed bytes could be neither resumed nor counted.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={offset}-"} if offset else {})
    try:
        with requests.get(place, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
            status = response.status_code
            if status == 416:  # the part is no beginning of this file: ask for all of it
                with _open_http(place, 0) as opened:
                    yield opened
                return
            if status >= 500 or status == 429:
                raise _Interrupted(f"answered {status} {response.reason}")
            if status not in (200, 206):
                raise _PlaceFails(f"answered {status} {response.reason}")
            start, total = _content_range(response.headers, offset if status == 206 else 0)
            if start not in (0, offset):
                raise _PlaceFails(f"answered with bytes from {start:,}, asked from {offset:,}")
            yield start, total, response.iter_content(CHUNK_BYTES)
    except requests.exceptions.RequestException as error:
        if isinstance(error, (ValueError, requests.exceptions.TooManyRedirects)):
            raise _PlaceFails(f"is not a usable address ({error})") from error
        raise _interruption(error) from error


def _content_range(headers: Any, start: int) -> tuple[int, int | None]:
    """Return the first byte that a response holds and the size of the whole file, if told."""
    span, _, size = headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
    if span and start:
        first = span.partition("-")[0]
        return int(first) if first.isdigit() else start, int(size) if size.isdigit() else None
    length = headers.get("Content-Length", "")
    return start, start + int(length) if length.isdigit() else None


def _interruption(error: Exception) -> _Interrupted:
    import requests

    if isinstance(error, requests.exceptions.ConnectTimeout):
        return _Unreachable(f"can't be reached (no answer within {TIMEOUT_S[0]:.0f} s)")
    if isinstance(error, requests.exceptions.ConnectionError):
        reason = getattr(error.args[0] if error.args else None, "reason", None)
        return _Unreachable(f"can't be reached ({reason or error})")
    return _Interrupted(f"broke off ({error})")


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
        # Not locked by HDF5: its lock would collide with the one on the part.
        with h5py.File(path, "r", locking=False):
            return None
    except OSError as error:
        return f"is not a whole HDF5 file ({error})"


def _length(part: IO[bytes]) -> int:
    part.flush()
    return os.fstat(part.fileno()).st_size


def _empty(part: IO[bytes]) -> None:
    part.flush()
    os.ftruncate(part.fileno(), 0)


def _require_space(part: Path, needed: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise SyntherError(
            f"{part.parent} has {free / 1e9:.2f} GB free, {needed / 1e9:.2f} GB more are needed: "
            "free some, or choose another folder"
        )
