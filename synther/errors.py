"""Errors that a user can act on: what is wrong, where, and what to do about it."""

import difflib
from collections.abc import Iterable


class SyntherError(Exception):
    """A problem with the user's input, files or machine.

    The message names the file or key and the remedy; the command line prints it without a
    traceback and exits with code 1.
    """


class NotRunError(SyntherError):
    """A preset leaves out all of an experiment."""


def unknown_name(kind: str, name: str, known: Iterable[str], where: str = "") -> SyntherError:
    """Return the error for a name that is not among the known ones, with the nearest offered."""
    choices = sorted(known)
    near = difflib.get_close_matches(str(name), choices, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(choices)}"
    place = f" in {where}" if where else ""
    return SyntherError(f"unknown {kind} '{name}'{place}; {hint}")
