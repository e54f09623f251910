"""A bucket: moto's, a server of S3's interface on this machine."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def _answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """An empty bucket of a server that is this test's own."""
    for package in ("moto", "flask", "boto3"):
        pytest.importorskip(package, reason="no bucket here: pip install 'moto[server]'")
    import boto3

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    own = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "a secret of nobody",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_MAX_ATTEMPTS": "2",
    }
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    command = ["-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    with open(tmp_path / "moto.log", "wb") as log:
        server = subprocess.Popen([sys.executable, *command], stdout=log, stderr=log)
    try:
        while server.poll() is None and not _answers(port):
            time.sleep(0.1)
        yield boto3.resource("s3").create_bucket(Bucket="experience")
    finally:
        server.kill()
        server.wait()
