"""Which device a job computes on: of several GPUs the one that fewest others hold, by file locks.

Snakemake counts GPUs and says nothing of which. Here a job locks one of a GPU's slots, a file in a
folder that all jobs of a user on a machine share, for as long as it lives: the kernel lets go of
the lock when the process ends, however it ends.
"""

import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from synther.errors import SyntherError
from synther.jobs.files import explaining, try_lock
from synther.jobs.threads import grant

FOLDER_VARIABLE = "SYNTHER_GPU_LOCKS"
"""Folder of the locks; one below the temporary folder, of the user's own, by default."""
SLOTS_VARIABLE = "SYNTHER_JOBS_PER_GPU"
"""Jobs that share a GPU; 1 by default."""
_POLL_S = 0.5
_held: list[tuple[int, int]] = []
"""The GPU that this process took, and its lock; let go when the process ends."""


def choose_device(name: str, threads: int) -> str:
    """Return the device for `auto`, `cpu` or `cuda[:N]`, and grant torch its CPU threads.

    Of several GPUs, `auto` and `cuda` take one that no other job of this user has; `cuda:N` takes
    that one, whoever has it.

    Raises:
        SyntherError: the device is not there.
    """
    import torch

    grant(threads)
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and torch.cuda.is_available():
        if not _held:  # a process that runs several verbs keeps its GPU, and would wait for itself
            every = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
            gpus = [str(gpu.uuid) for gpu in every]  # whatever CUDA_VISIBLE_DEVICES calls them
            _held.append(claim_gpu(gpus, lock_folder(), slots_per_gpu()))
        name = f"cuda:{_held[0][0]}"
    require_device(name)
    if name.startswith("cuda"):
        torch.cuda.set_device(name)  # where graphs are captured and streams are made
        torch.backends.cudnn.allow_tf32 = False  # agents stay in float32, their convolutions too
    return name


def require_device(name: str) -> Any:
    """Return torch's device of this name.

    Raises:
        SyntherError: it is not there, or takes no work; it says what there is, not what torch says.
    """
    import torch

    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        if not name.startswith("cuda"):
            reason = "devices are cpu, cuda and cuda:N"
        elif not torch.backends.cuda.is_built():
            reason = "this torch is built without CUDA"
        else:
            found = torch.cuda.device_count()
            reason = f"torch sees {found} here; one that is there may be busy, or its memory full"
        raise SyntherError(f"device {name} can't be used ({reason}): try cpu") from error


def lock_folder() -> Path:
    """Return the folder of the locks, made where missing.

    Raises:
        SyntherError: it can't be made, or is another user's.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    folder = Path(named or f"{tempfile.gettempdir()}/synther-gpus-{os.getuid()}")
    with explaining(folder):
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if named:  # so that other users may lock there too
                folder.chmod(0o1777)
        owner = folder.stat().st_uid
    if not named and owner != os.getuid():
        raise SyntherError(
            f"{folder} is another user's: set {FOLDER_VARIABLE} to a folder of yours"
        )
    return folder


def slots_per_gpu() -> int:
    """Return how many jobs share a GPU.

    Raises:
        SyntherError: the variable is no number above 0.
    """
    text = os.environ.get(SLOTS_VARIABLE, "1")
    if not re.fullmatch(r"[1-9]\d*", text):
        raise SyntherError(f"{SLOTS_VARIABLE} is '{text}': set it to a whole number, 1 or more")
    return int(text)


def claim_gpu(gpus: Sequence[str], folder: Path, slots: int = 1) -> tuple[int, int]:
    """Take a slot of a GPU, and wait for one where all are taken, which is said once.

    First slots go before second ones, so that jobs spread over the GPUs before they share any. A
    lock lies in `folder` under the GPU's UUID, its name among all jobs of the machine. Return which
    of the GPUs it is, and the lock's descriptor: the slot is held until that is closed or the
    process ends.
    """
    told = False
    while True:
        for slot in range(slots):
            for index, gpu in enumerate(gpus):
                place = folder / f"{re.sub(r'[^A-Za-z0-9-]', '_', gpu)}.{slot}"
                with explaining(place):
                    lock = try_lock(place)
                if lock is not None:
                    return index, lock
        if not told:
            print(
                f"all {len(gpus)} GPUs are taken: waiting for one ({folder}); with `--resources "
                f"gpu={len(gpus)}` snakemake starts no more jobs than there are",
                file=sys.stderr,
                flush=True,
            )
            told = True
        time.sleep(_POLL_S)
