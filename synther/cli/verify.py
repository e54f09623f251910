"""The verb that checks results."""

from __future__ import annotations

import argparse
import json

from synther.errors import SyntherError


def verify(options: argparse.Namespace) -> None:
    """Check every result, and list what is wrong with it."""
    from synther.verification import verify as check

    report = check(options.results, options.preset, checksums=not options.no_checksums)
    if options.json:
        print(json.dumps(report.to_dict(), indent=2))
    else:
        print("\n".join(report.lines()))
    if report.wrong:
        raise SyntherError(
            f"{report.wrong} findings make results unfit for a table: remove the files that they "
            "name, with their .json, and run the workflow again"
        )
