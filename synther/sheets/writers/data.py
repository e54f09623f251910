"""The sheet itself, as JSON: what the page of a preset is made from."""

from synther.sheets.sheet import Sheet

SUFFIXES = (".json",)


def render(sheet: Sheet) -> dict[str, str]:
    """Return the sheet as JSON, on one line."""
    return {".json": sheet.to_json() + "\n"}
