"""Which device a verb computes on."""

from __future__ import annotations

from synther.errors import SyntherError


def choose_device(name: str, threads: int) -> str:
    """Return the device for `auto`, `cpu` or `cuda[:N]`, and give torch its CPU threads.

    Raises:
        SyntherError: the device is not there.
    """
    import torch

    torch.set_num_threads(threads)
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise SyntherError(f"--device {name} can't be used ({reason}): try cpu") from error
    return name
