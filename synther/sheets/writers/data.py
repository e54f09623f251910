"""A sheet for machines: its numbers as tidy rows, and all of it, which pages are made from."""

from synther.sheets.sheet import Sheet

SUFFIXES = (".csv", ".json")


def render(sheet: Sheet) -> dict[str, str]:
    """Return the tidy rows, where what is missing is empty; and JSON, on one line."""
    import pandas as pd

    rows = pd.DataFrame(sheet.tidy, dtype=object)
    tidy = rows.to_csv(index=False, lineterminator="\n")
    return {".csv": tidy, ".json": sheet.to_json() + "\n"}
