"""Everything in a sheet as tidy rows, for machines."""

from synther.sheets.sheet import Sheet

SUFFIXES = (".csv",)


def render(sheet: Sheet) -> dict[str, str]:
    """Return the sheet's tidy data; what is missing is empty."""
    import pandas as pd

    frame = pd.DataFrame(sheet.tidy, dtype=object)
    return {".csv": frame.to_csv(index=False, lineterminator="\n")}
