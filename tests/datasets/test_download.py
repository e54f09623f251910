"""Downloads against a server in this process: resumed, verified, and honest when they fail."""

from __future__ import annotations

import hashlib
import http.server
import io
import shutil
import socket
import threading
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import requests
import yaml

from synther import config, datasets
from synther.datasets.download import ATTEMPTS, download
from synther.errors import SyntherError
from synther.jobs.files import claimed

BELOW = "group/file-v2.hdf5"


def hdf5_bytes(seed=0):
    rng = np.random.default_rng(seed)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file["observations"] = rng.normal(size=(3000, 3))
        file["actions"] = rng.normal(size=(3000, 2))
        file["rewards"] = rng.normal(size=3000)
        file["terminals"] = np.zeros(3000, bool)
        file["timeouts"] = np.zeros(3000, bool)
    return buffer.getvalue()


WHOLE = hdf5_bytes()
SIZE = len(WHOLE)
DIGEST = hashlib.sha256(WHOLE).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.files`; `server.faults` holds one behaviour for each coming request."""

    def do_GET(self):
        server = self.server
        span = self.headers.get("Range")
        server.asked.append((self.path, span))
        fault = server.faults.pop(0) if server.faults else None
        body = server.files.get(self.path)
        if fault == "error" or body is None:
            return self.send_error(503 if fault == "error" else 404)
        total, status, first = len(body), 200, 0
        if span and server.ranges:
            first = int(span.removeprefix("bytes=").rstrip("-"))
            if first >= total:
                return self.send_error(416)
            status = 206
        self.send_response(status)
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{total - 1}/{total}")
        self.send_header("Content-Length", str(total - first))
        self.end_headers()
        body = body[first:]
        self.wfile.write(body[: len(body) // 2] if fault == "cut" else body)
        return None

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files = {f"/offline_rl/{BELOW}": WHOLE}
    server.faults, server.asked, server.ranges = [], [], True
    server.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def setup(tmp_path, monkeypatch):
    """Return a function that puts one dataset, `thing`, into the configuration."""
    folder = tmp_path / "config"
    folder.mkdir()
    monkeypatch.setenv("SYNTHER_CONFIG", str(folder))
    monkeypatch.delenv("SYNTHER_MIRROR", raising=False)
    for variable in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)
    # So that a file of the tests, too, is many chunks.
    monkeypatch.setattr("synther.datasets.addresses.CHUNK_BYTES", 4096)
    root = tmp_path / "data"
    target = root / "d4rl/file-v2.hdf5"

    def make(url, mirrors=(), size=SIZE, digest=DIGEST):
        thing = {"kind": "d4rl", "task": "task", "url": url, "bytes": size, "sha256": digest}
        thing = {key: value for key, value in thing.items() if value is not None}
        own = {"kind": "collected", "task": "task", "level": "medium"}
        content = {
            "mirrors": list(mirrors),
            "tasks": {"task": {"reference_min": 0, "reference_max": 1, "time_limit": 9}},
            "datasets": {"thing": thing, "own": own},
        }
        (folder / "datasets.yaml").write_text(yaml.safe_dump(content))
        config.load.cache_clear()
        return SimpleNamespace(root=root, target=target, part=root / "d4rl/file-v2.hdf5.part")

    yield make
    config.load.cache_clear()


def folder_with(path, name, content=WHOLE):
    """Return the file:// address of a folder at `path` that holds `name`."""
    (path / name).parent.mkdir(parents=True)
    (path / name).write_bytes(content)
    return path.as_uri()


@pytest.fixture
def closed():
    """Return an address on which nothing listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def fetch(place):
    assert download("thing", place.root) == place.target
    assert place.target.read_bytes() == WHOLE
    assert [p.name for p in place.target.parent.iterdir()] == [place.target.name]


def refuse(place, message):
    with pytest.raises(SyntherError, match=message) as caught:
        download("thing", place.root)
    assert not place.target.exists()
    return str(caught.value)


def test_downloads_once(server, setup):
    place = setup(f"{server.address}/offline_rl/{BELOW}")
    fetch(place)
    fetch(place)
    assert server.asked == [(f"/offline_rl/{BELOW}", None)]


def test_resumes_after_a_cut_connection(server, setup):
    place = setup(f"{server.address}/offline_rl/{BELOW}")
    server.faults = ["cut", "error", "cut"]
    fetch(place)
    spans = [span for _, span in server.asked]
    assert spans[0] is None
    offsets = [int(span.removeprefix("bytes=").rstrip("-")) for span in spans[1:]]
    assert len(offsets) == 3
    assert 0 < offsets[0] == offsets[1] < offsets[2] < len(WHOLE)


def test_resumes_the_part_of_an_earlier_call(server, setup):
    place = setup(f"{server.address}/offline_rl/{BELOW}")
    place.part.parent.mkdir(parents=True)
    place.part.write_bytes(WHOLE[:1000])
    fetch(place)
    assert server.asked == [(f"/offline_rl/{BELOW}", "bytes=1000-")]


def test_keeps_the_part_for_a_later_call(server, setup):
    place = setup(f"{server.address}/offline_rl/{BELOW}")
    server.faults = ["cut"] + ["error"] * 3
    refuse(place, "503")
    assert len(server.asked) == 4
    assert 0 < place.part.stat().st_size < len(WHOLE)
    fetch(place)


def test_starts_over_where_ranges_are_ignored(server, setup):
    place = setup(f"{server.address}/offline_rl/{BELOW}")
    server.ranges = False
    server.faults = ["cut"]
    fetch(place)
    assert [bool(span) for _, span in server.asked] == [False, True]


@pytest.mark.parametrize("size", [len(WHOLE), len(WHOLE) + 50])
def test_a_wrong_part_is_not_trusted(server, setup, size):
    place = setup(f"{server.address}/offline_rl/{BELOW}")
    place.part.parent.mkdir(parents=True)
    place.part.write_bytes(b"x" * size)
    fetch(place)


def test_a_wrong_beginning_costs_one_more_download(server, setup):
    place = setup(f"{server.address}/offline_rl/{BELOW}")
    place.part.parent.mkdir(parents=True)
    place.part.write_bytes(b"x" * 500)
    fetch(place)
    assert [span for _, span in server.asked] == ["bytes=500-", None]


def test_a_part_beyond_a_file_of_unknown_size(server, setup):
    place = setup(f"{server.address}/offline_rl/{BELOW}", size=None)
    place.part.parent.mkdir(parents=True)
    place.part.write_bytes(b"x" * (len(WHOLE) + 1))
    fetch(place)


def test_wrong_checksum_goes_on_to_the_next_place(server, setup, tmp_path):
    wrong = bytes([*WHOLE[:-1], WHOLE[-1] ^ 1])
    server.files[f"/offline_rl/{BELOW}"] = wrong
    mirror = folder_with(tmp_path / "mirror", BELOW)
    fetch(setup(f"{server.address}/offline_rl/{BELOW}", [mirror]))


def test_wrong_checksum_everywhere_leaves_nothing(server, setup):
    server.files[f"/offline_rl/{BELOW}"] = b"x" * len(WHOLE)
    place = setup(f"{server.address}/offline_rl/{BELOW}")
    message = refuse(place, "what it serves has sha256")
    assert DIGEST in message
    assert not list(place.target.parent.iterdir())


@pytest.mark.parametrize("change", [-7, 7])
def test_a_file_of_another_size_is_not_even_fetched(server, setup, change):
    place = setup(f"{server.address}/offline_rl/{BELOW}", size=len(WHOLE) + change)
    refuse(place, f"has {len(WHOLE):,} bytes, expected {len(WHOLE) + change:,}")
    assert not list(place.target.parent.iterdir())


def test_a_place_of_another_size_leaves_the_part_alone(server, setup):
    server.files[f"/offline_rl/{BELOW}"] = b"<html>not here</html>"
    server.ranges = False
    place = setup(f"{server.address}/offline_rl/{BELOW}")
    place.part.parent.mkdir(parents=True)
    place.part.write_bytes(WHOLE[:1000])
    refuse(place, "has 21 bytes")
    assert place.part.read_bytes() == WHOLE[:1000]


def test_without_a_checksum_the_file_must_be_whole_hdf5(server, setup, tmp_path):
    path = f"/offline_rl/{BELOW}"
    server.files[path] = b"<html>come back later</html>"
    place = setup(f"{server.address}{path}", size=None, digest=None)
    refuse(place, "not a whole HDF5 file")
    server.files[path] = WHOLE[: len(WHOLE) // 2]
    refuse(place, "not a whole HDF5 file")
    assert not list(place.target.parent.iterdir())
    server.files[path] = WHOLE
    fetch(place)


def test_without_a_checksum_parts_of_two_places_are_not_joined(server, setup, tmp_path):
    mirror = folder_with(tmp_path / "mirror", BELOW)
    server.files[f"/offline_rl/{BELOW}"] = hdf5_bytes(seed=1)
    server.faults = ["cut"] + ["error"] * 3
    fetch(setup(f"{server.address}/offline_rl/{BELOW}", [mirror], size=None, digest=None))


def test_places_in_order(server, setup, monkeypatch):
    monkeypatch.setenv("SYNTHER_MIRROR", f"{server.address}/own/")
    server.files = {}
    place = setup(f"{server.address}/offline_rl/{BELOW}", [f"{server.address}/mirror"])
    message = refuse(place, "could not be downloaded")
    asked = [path for path, _ in server.asked]
    assert asked == [
        f"/own/{BELOW}",
        "/own/file-v2.hdf5",
        f"/offline_rl/{BELOW}",
        f"/mirror/{BELOW}",
        "/mirror/file-v2.hdf5",
    ]
    for path in asked:
        assert f"{server.address}{path}: answered 404" in message
    assert "SYNTHER_MIRROR" in message
    assert str(place.target) in message


@pytest.mark.parametrize("as_uri", [True, False])
@pytest.mark.parametrize("name", [BELOW, "file-v2.hdf5"])
def test_own_mirror_is_a_folder(setup, closed, tmp_path, monkeypatch, name, as_uri):
    address = folder_with(tmp_path / "a mirror", name)
    monkeypatch.setenv("SYNTHER_MIRROR", address if as_uri else str(tmp_path / "a mirror"))
    fetch(setup(f"{closed}/offline_rl/{BELOW}"))


def test_own_mirror_must_be_an_address(setup, closed, monkeypatch):
    monkeypatch.setenv("SYNTHER_MIRROR", "ftp://somewhere")
    refuse(setup(f"{closed}/offline_rl/{BELOW}"), "SYNTHER_MIRROR is 'ftp://somewhere'")


def test_a_short_file_mirror_is_refused(setup, tmp_path):
    mirror = folder_with(tmp_path / "mirror", BELOW, WHOLE[:-5])
    place = setup(f"file:///nowhere/offline_rl/{BELOW}", [mirror])
    message = refuse(place, f"has {len(WHOLE) - 5:,} bytes")
    assert "No such file" in message


def test_an_unreachable_host_is_named_and_asked_once(setup, closed, monkeypatch):
    place = setup(f"{closed}/offline_rl/{BELOW}", [f"{closed}/mirror"])
    asked, get = [], requests.get
    monkeypatch.setattr(requests, "get", lambda url, **more: asked.append(url) or get(url, **more))
    message = refuse(place, "can't be reached")
    assert asked == [f"{closed}/offline_rl/{BELOW}"] * ATTEMPTS
    assert message.count("refused") == 3
    assert "HTTPConnectionPool" not in message
    assert not list(place.target.parent.iterdir())


def test_a_full_disk_is_seen_before_the_download(server, setup, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
    refuse(setup(f"{server.address}/offline_rl/{BELOW}"), "GB free")
    refuse(setup(f"{server.address}/offline_rl/{BELOW}", size=None, digest=None), "GB free")


def test_a_folder_that_cannot_be_made_is_explained(server, setup):
    place = setup(f"{server.address}/offline_rl/{BELOW}")
    place.root.write_text("")
    with pytest.raises(SyntherError, match="can't be written"):
        download("thing", place.root)


def test_a_damaged_target_is_replaced_only_by_a_whole_one(server, setup, closed, capsys):
    place = setup(f"{closed}/offline_rl/{BELOW}")
    place.target.parent.mkdir(parents=True)
    place.target.write_bytes(b"x" * len(WHOLE))
    with pytest.raises(SyntherError, match="can't be reached"):
        download("thing", place.root)
    assert place.target.read_bytes() == b"x" * len(WHOLE)
    assert "has sha256" in capsys.readouterr().err
    fetch(setup(f"{server.address}/offline_rl/{BELOW}"))


def test_two_at_once_download_once(server, setup, monkeypatch):
    monkeypatch.setattr("synther.datasets.download.WAIT_S", 0.2)
    place = setup(f"{server.address}/offline_rl/{BELOW}")
    server.faults = ["cut"]
    failures = []

    def run():
        try:
            download("thing", place.root)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(server.asked) == 2
    fetch(place)


def test_a_process_that_makes_the_file_is_waited_for(server, setup):
    place = setup(f"{server.address}/offline_rl/{BELOW}")
    thread = threading.Thread(target=download, args=("thing", place.root))
    with claimed(place.target):
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        assert server.asked == []
    thread.join()
    fetch(place)
    assert len(server.asked) == 1


def test_load_dataset_downloads_what_is_missing(server, setup, tmp_path):
    place = setup(f"{server.address}/offline_rl/{BELOW}")
    assert len(datasets.load_dataset("thing", place.root)) == 2999
    assert datasets.dataset_path("thing", place.root) == place.target
    assert len(server.asked) == 1
    place.target.write_bytes(WHOLE[:100])
    assert len(datasets.load_dataset("thing", place.root)) == 2999


def test_only_d4rl_is_downloaded(setup, closed, tmp_path):
    setup(f"{closed}/{BELOW}")
    with pytest.raises(SyntherError, match="synther collect --dataset own"):
        download("own", tmp_path)
    with pytest.raises(SyntherError, match="did you mean thing"):
        download("thin", tmp_path)
