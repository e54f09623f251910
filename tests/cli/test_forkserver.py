"""What a fork of the server does is what a process of its own does, however either ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from small import SMALL

from synther.cli import FORKSERVER

ONE = ("--device", "cpu", "--threads", "1")
PATIENCE_S = 120.0


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Return the socket of a server, which must end with its command."""
    asleep = f"echo ${FORKSERVER}; exec sleep 3600"
    command = [sys.executable, "-m", "synther.cli.forkserver", "sh", "-c", asleep]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = process.stdout.readline().strip()
        try:
            yield found
        finally:
            process.kill()
    wait_until(lambda: not Path(found).parent.exists())


def wait_until(done) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def start(address: str, *words: object, **more: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "SYNTHER_CHECKPOINT_INTERVAL": "0"}
    environment.pop(FORKSERVER, None)
    return subprocess.Popen(
        [sys.executable, "-m", "synther.cli", *map(str, words)],
        env=environment | ({FORKSERVER: address} if address else {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def run(address: str, *words: object, **more: object) -> tuple[int, str, str]:
    with start(address, *words, **more) as process:
        out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, err


def train(data: Path, out: Path, *more: str) -> tuple[object, ...]:
    wanted = ("--task", "hopper", "--data", data, "--agent", "bc", "--seeds", "0", *SMALL)
    return ("train", *wanted, *ONE, "--out", out, *more)


def endless(address: str, data: Path, out: Path) -> tuple[subprocess.Popen[str], int]:
    """Start a run that lasts; return its client, and the process that trains."""
    client = start(address, *train(data, out, "--set", "steps=1000000"))
    wait_until(out.with_suffix(".ckpt").exists)
    lock = out.with_name(f".{out.name}.lock").read_text(encoding="utf-8")
    return client, int(lock.split()[1])


def is_alive(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def test_results_are_the_same_to_the_byte(address, hopper, tmp_path):
    made = []
    for place in ("", address):
        folder = tmp_path / f"served-{bool(place)}"
        folder.mkdir()
        code, _, err = run(place, *train(hopper, Path("rows.parquet")), cwd=folder)
        assert code == 0, err
        record = json.loads((folder / "rows.json").read_text(encoding="utf-8"))
        for measured in ("wall_time_s", "seed_updates_per_s"):
            del record[measured]
        said = [line for line in err.splitlines() if "/s," not in line]
        made.append(((folder / "rows.parquet").read_bytes(), record, said))
    assert made[0] == made[1]


@pytest.mark.parametrize("words", [["train"], ["verify", "nowhere"], ["trian"], ["fit", "--help"]])
def test_words_and_codes_are_the_same(address, words, tmp_path):
    assert run(address, *words, cwd=tmp_path) == run("", *words, cwd=tmp_path)


def test_a_signal_is_passed_on_and_the_run_goes_on_without_the_server(address, hopper, tmp_path):
    out = tmp_path / "rows.parquet"
    client, process = endless(address, hopper, out)
    assert process != client.pid
    client.terminate()
    _, err = client.communicate(timeout=PATIENCE_S)
    assert client.returncode == 128 + signal.SIGTERM
    assert f"saved in {out.with_suffix('.ckpt')}" in err
    assert not is_alive(process)
    client = start("", *train(hopper, out, "--set", "steps=1000000"))
    assert client.stderr is not None
    begins = client.stderr.readline()
    assert "updates to go" in begins
    assert "1,000,000" not in begins
    client.kill()
    client.communicate()


def test_a_killed_client_takes_its_fork_along(address, hopper, tmp_path):
    client, process = endless(address, hopper, tmp_path / "rows.parquet")
    client.kill()
    client.communicate()
    wait_until(lambda: not is_alive(process))


def test_a_killed_fork_is_told(address, hopper, tmp_path):
    client, process = endless(address, hopper, tmp_path / "rows.parquet")
    os.kill(process, signal.SIGKILL)
    _, err = client.communicate(timeout=PATIENCE_S)
    assert client.returncode == 128 + signal.SIGKILL
    assert f"synther train: process {process} was killed; run it again" in err


def test_without_a_server_a_verb_runs_by_itself(hopper, tmp_path):
    code, _, err = run(str(tmp_path / "gone"), *train(hopper, tmp_path / "rows.parquet"))
    assert code == 0, err


def test_a_long_name_of_the_folder_leaves_the_server_out(tmp_path):
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "synther.cli.forkserver", "sh", "-c", f"echo [${FORKSERVER}]"],
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, list(folder.iterdir())) == ("[]\n", [])


def test_without_a_command_it_says_what_it_wants(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "synther.cli.forkserver"],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, list(tmp_path.iterdir())) == (1, [])
    assert done.stderr == "usage: python -m synther.cli.forkserver COMMAND [ARGUMENT ...]\n"
