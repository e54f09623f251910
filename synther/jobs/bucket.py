"""Jobs whose files are in a bucket: where these lie meanwhile, and copies of checkpoints."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from synther.errors import SyntherError
from synther.jobs.files import atomic_path

CHECKPOINTS = "SYNTHER_CHECKPOINTS"
"""Where copies go, s3://BUCKET/FOLDER; boto3's own variables (AWS_...) say whose and at which
address."""
STORAGE = "SYNTHER_STORAGE"
"""The folder in which Snakemake lays what it fetches. A verb works there, and calls files what they
are called elsewhere, in records and checkpoints too."""


def announce(url: str, folder: Path) -> None:
    """Tell the jobs that this process starts that the workflow's files are at s3://BUCKET/FOLDER.

    Snakemake lays what it fetches from this `url` below `folder`.
    """
    os.environ[STORAGE] = f"{folder}/{url.partition('://')[2]}"
    os.environ.setdefault(CHECKPOINTS, f"{url}/checkpoints")


def work_there(words: Sequence[str]) -> list[str]:
    """Go where fetched files lie, and return a command line with the names that they have there."""
    if root := os.environ.get(STORAGE):
        import synther.config  # noqa: F401 - it remembers where the program was started

        os.makedirs(root, exist_ok=True)
        os.chdir(root)
    return [word.removeprefix(f"{root}/") for word in words]


class Copy:
    """The copy of one checkpoint, called as its path is; without the variable it does nothing.

    Raises:
        SyntherError: the variable is no address of a bucket, or boto3 is not installed.
    """

    def __init__(self, path: Path) -> None:
        self._path, self.url = path, ""
        self._object: Any = None
        if not (folder := os.environ.get(CHECKPOINTS)):
            return
        bucket, _, key = f"{folder.removeprefix('s3://')}/{path}".partition("/")
        try:
            import boto3
        except ImportError as error:
            raise SyntherError(f"{CHECKPOINTS} needs boto3: pip install 'synther[s3]'") from error
        if not folder.startswith("s3://") or not bucket:
            raise SyntherError(f"{CHECKPOINTS} is '{folder}': set it to s3://BUCKET/FOLDER")
        self.url = f"s3://{bucket}/{key}"
        self._object = boto3.resource("s3").Object(bucket, key)

    def __str__(self) -> str:
        return self.url and f" and its copy {self.url}"

    def fetch(self) -> None:
        """Put the copy in the checkpoint's place: another node may have gone further.

        Raises:
            SyntherError: the bucket can't be read; a job that began anew would lose the copy.
        """
        if self._object is None:
            return
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._object.load()
            with atomic_path(self._path) as temporary:
                self._object.download_file(str(temporary))
        except (BotoCoreError, ClientError) as error:
            if getattr(error, "response", {}).get("Error", {}).get("Code") != "404":
                raise SyntherError(f"{self.url} can't be read: {error}") from error

    def update(self) -> None:
        """Write or, where the checkpoint is gone, remove the copy; a failure is only told."""
        if self._object is None:
            return
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            if self._path.exists():
                self._object.upload_file(str(self._path))
            else:
                self._object.delete()
        except (Boto3Error, BotoCoreError, ClientError) as error:
            print(f"{self.url} can't be written: {error}", file=sys.stderr)
