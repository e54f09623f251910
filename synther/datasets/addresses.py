"""Addresses of files, http(s):// and file://, read from any byte on."""

import os
import re
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

CHUNK_BYTES = 1 << 16  # what is lost of a chunk when a connection breaks is fetched again
TIMEOUT_S = (10.0, 60.0)  # to connect, and between two reads


class PlaceFails(Exception):
    """This place does not serve the file; another may."""


class Interrupted(PlaceFails):
    """The answer failed or broke off: worth another attempt at the same place."""


class Unreachable(Interrupted):
    """The host does not answer, whatever it is asked for."""


@contextmanager
def open_address(place: str, offset: int) -> Iterator[tuple[int, int | None, Iterator[bytes]]]:
    """Yield the byte that a file is read from, `offset` or 0, its size if told, and the rest of it.

    Raises:
        PlaceFails: it can't be read; Interrupted or Unreachable where another attempt may do.
    """
    opened = _open_file if place.startswith("file://") else _open_http
    with opened(place, offset) as found:
        yield found


@contextmanager
def _open_file(place: str, offset: int) -> Iterator[tuple[int, int, Iterator[bytes]]]:
    path = Path(urllib.request.url2pathname(urllib.parse.urlsplit(place).path))
    try:
        handle = open(path, "rb")  # noqa: SIM115
    except OSError as error:
        raise PlaceFails(error.strerror or str(error)) from error
    with handle:
        total = os.fstat(handle.fileno()).st_size
        start = handle.seek(offset if offset <= total else 0)
        yield start, total, iter(lambda: handle.read(CHUNK_BYTES), b"")


@contextmanager
def _open_http(place: str, offset: int) -> Iterator[tuple[int, int | None, Iterator[bytes]]]:
    import requests

    # Compressed bytes could be neither resumed nor counted.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={offset}-"} if offset else {})
    try:
        with requests.get(place, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
            status, said = response.status_code, f"answered {response.status_code}"
            if status == 416:  # the part is no beginning of this file: ask for all of it
                with _open_http(place, 0) as opened:
                    yield opened
                return
            if status not in (200, 206):
                kind = Interrupted if status >= 500 or status == 429 else PlaceFails
                raise kind(f"{said} {response.reason}")
            start, total = _content_range(response.headers, offset if status == 206 else 0)
            if start not in (0, offset):
                raise PlaceFails(f"answered with bytes from {start:,}, asked from {offset:,}")
            yield start, total, response.iter_content(CHUNK_BYTES)
    except requests.exceptions.ConnectTimeout as error:
        raise Unreachable(f"can't be reached (no answer within {TIMEOUT_S[0]:.0f} s)") from error
    except (ValueError, requests.exceptions.TooManyRedirects) as error:  # no address, or a loop
        raise PlaceFails(f"is not a usable address ({error})") from error
    except requests.exceptions.ConnectionError as error:
        reason = getattr(error.args[0] if error.args else None, "reason", None)
        raise Unreachable(f"can't be reached ({reason or error})") from error
    except requests.exceptions.RequestException as error:
        raise Interrupted(f"broke off ({error})") from error


def _content_range(headers: Mapping[str, str], start: int) -> tuple[int, int | None]:
    """Return the first byte that a response holds and the size of the whole file, if told."""
    span = re.fullmatch(r"bytes (\d+)-\d*/(\d+|\*)", headers.get("Content-Range", ""))
    if span and start:
        return int(span[1]), int(span[2]) if span[2].isdigit() else None
    length = headers.get("Content-Length", "")
    return start, start + int(length) if length.isdigit() else None
