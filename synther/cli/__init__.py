"""The command line: `synther VERB ...`, one verb a rule of the workflow.

A verb's module is imported when the verb runs, so that `synther --help` starts at once.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence

from synther.cli import arguments
from synther.cli.output import Output
from synther.errors import SyntherError
from synther.jobs import inherited, signals

PRODUCTS_IN_NUMPY = ("fidelity",)
"""Verbs whose large products are numpy's: of all samples with all data."""


LISTINGS = ("compare", "plan", "status", "verify")
"""Verbs whose product is what they print."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; return the exit code: 0 only when its output is whole.

    Told to end by a signal, it saves what it can go on from; the code is 128 and its number. A
    reader of its words who has gone is no failure.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal that lacks a sign ends no verb
        sys.stdout.reconfigure(errors="replace")
    with Output() as output:
        options = arguments.parser().parse_args(argv)
        if argv is None:  # a program that calls this keeps its environment
            inherited.settle(options.threads if options.verb in PRODUCTS_IN_NUMPY else 1)
        code, message = _run(options)
        output.out.flush()
        lost = output.out.lost
        if lost and options.verb in LISTINGS and not isinstance(lost, BrokenPipeError):
            code, message = 1, f"what it printed can't be written: {lost.strerror}"
        if message:
            print(f"synther {options.verb}: {message}", file=sys.stderr)
    return code


def _run(options: argparse.Namespace) -> tuple[int, str]:
    """Run a verb; return the exit code, and what went wrong."""
    try:
        with signals.answering():
            arguments.function(options.verb)(options)
    except SyntherError as error:
        return 1, str(error)
    except signals.Stopped as stopped:
        return stopped.code, str(stopped)
    except KeyboardInterrupt:
        return 130, "interrupted"
    except MemoryError:
        return 1, "out of memory: use fewer rows or seeds"
    except argparse.ArgumentError as error:
        return 2, str(error)
    return 0, ""
