"""The command line: `synther VERB ...`, one verb a rule of the workflow."""

import os
import sys
from collections.abc import Sequence

from synther.cli import verbs
from synther.cli.output import unfailing
from synther.errors import SyntherError
from synther.jobs import inherited, signals
from synther.jobs.bucket import work_there

FORKSERVER = "SYNTHER_FORKSERVER"
"""The variable that names the socket of `synther.cli.forkserver`, where one runs."""
PRODUCTS_IN_NUMPY = ("fidelity",)
"""Verbs whose large products are numpy's: of all samples with all data."""


LISTINGS = ("compare", "plan", "status", "verify")
"""Verbs whose product is what they print."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb; return the exit code: 0 only when its output is whole.

    Told to end by a signal, it saves what it can go on from; the code is 128 and its number. A
    reader of its words who has gone is no failure.
    """
    words = sys.argv[1:] if argv is None else argv
    if argv is None and FORKSERVER in os.environ:
        from synther.cli import forkserver

        if (served := forkserver.run(words)) is not None:
            return served
    with unfailing() as out:
        code, message = _run(words, is_program=argv is None)
        out.flush()
        lost = out.lost
        if lost and words[0] in LISTINGS and not isinstance(lost, BrokenPipeError):
            code, message = 1, f"what it printed can't be written: {lost.strerror}"
        if message:
            print(f"{' '.join(['synther', *words[:1]])}: {message}", file=sys.stderr)
    return code


def _run(words: Sequence[str], is_program: bool) -> tuple[int, str]:
    """Run a verb; return the exit code, and what went wrong."""
    try:
        with signals.answering():
            verb, asked = verbs.parse(work_there(words) if is_program else words)
            if is_program:  # what calls this instead keeps its environment
                own = verb in PRODUCTS_IN_NUMPY
                inherited.settle(asked.computing.threads if own else 1)  # type: ignore[attr-defined]
            asked()
    except SyntherError as error:
        return 1, str(error)
    except signals.Stopped as stopped:
        return stopped.code, str(stopped)
    except KeyboardInterrupt:
        return 130, "interrupted"
    except MemoryError:
        return 1, "out of memory: use fewer rows or seeds"
    return 0, ""
