"""Which device a verb computes on."""

import sys

from synther.jobs import devices
from synther.jobs.threads import grant

_held: list[devices.Claim] = []
"""The GPU that this process took; let go when it ends."""


def choose_device(name: str, threads: int) -> str:
    """Return the device for `auto`, `cpu` or `cuda[:N]`, and grant torch its CPU threads.

    Of several GPUs, `auto` and `cuda` take one that no other job of this user has; `cuda:N` takes
    that one, whoever has it.

    Raises:
        SyntherError: the device is not there.
    """
    import torch

    grant(threads)
    if name in ("auto", "cuda") and (fakes := devices.fake_gpus()):
        claim = _claim(fakes)
        print(f"GPU {fakes[claim.index]}, which is pretended: the CPU computes", file=sys.stderr)
        return "cpu"
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and torch.cuda.is_available():
        every = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
        gpus = [str(gpu.uuid) for gpu in every]  # whatever CUDA_VISIBLE_DEVICES makes its number
        name = f"cuda:{_claim(gpus).index}"
    devices.require_device(name)
    if name.startswith("cuda"):
        torch.cuda.set_device(name)  # where graphs are captured and streams are made
        torch.backends.cudnn.allow_tf32 = False  # agents stay in float32, their convolutions too
    return name


def _claim(gpus: list[str]) -> devices.Claim:
    if not _held:  # a process that runs several verbs keeps its GPU, and would wait for itself
        _held.append(devices.claim_gpu(gpus, devices.lock_folder(), devices.slots_per_gpu()))
    return _held[0]
