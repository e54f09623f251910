"""The command line: `synther VERB ...`, one verb a rule of the workflow.

A verb's module is imported when the verb runs, so that `synther --help` starts at once.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from synther import signals
from synther.cli import arguments
from synther.errors import SyntherError


def _limit_threads(threads: int) -> None:
    """Give the numerical libraries their threads, before any of them is imported."""
    for library in ("OMP", "OPENBLAS", "MKL"):
        os.environ[f"{library}_NUM_THREADS"] = str(threads)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; return the exit code: 0 only when its output is whole.

    Told to end by a signal, it saves what it can go on from; the code is 128 and its number.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that lacks a sign ends no verb
        sys.stdout.reconfigure(errors="replace")
    options = arguments.parser().parse_args(argv)
    try:
        if "threads" in options:
            _limit_threads(options.threads)
        with signals.answering():
            arguments.function(options.verb)(options)
    except SyntherError as error:
        print(f"synther {options.verb}: {error}", file=sys.stderr)
        return 1
    except signals.Stopped as stopped:
        print(f"synther {options.verb}: {stopped}", file=sys.stderr)
        return stopped.code
    except KeyboardInterrupt:
        print(f"synther {options.verb}: interrupted", file=sys.stderr)
        return 130
    except MemoryError:
        print(f"synther {options.verb}: out of memory: use fewer rows or seeds", file=sys.stderr)
        return 1
    except argparse.ArgumentError as error:
        print(f"synther {options.verb}: {error}", file=sys.stderr)
        return 2
    return 0
