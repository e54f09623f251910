"""Parquet files, read as nothing but columns of a bounded number of rows."""

from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from synther.errors import SyntherError
from synther.jobs.files import require_file

MOST_ROWS = 50_000_000
"""A result of 8 seeds, 1000 evaluations and 100 episodes has 800,000."""


def read_parquet(path: Path, again: str) -> pd.DataFrame:
    """Return a parquet file's rows.

    Args:
        path: the file.
        again: how to make it again, for the error.

    Raises:
        SyntherError: it is missing, damaged, or claims more rows than a result can have.
    """
    require_file(path, "run the workflow rule that makes it")
    try:
        file = pq.ParquetFile(path)
        if file.metadata.num_rows > MOST_ROWS:
            raise ValueError(f"it claims {file.metadata.num_rows:,} rows")
        # Without threads: pyarrow 26 can abort the process at its exit while a pool winds down.
        # Without metadata: what pandas left there to rebuild its own types is of no use here.
        table = file.read(use_threads=False)
        rows: pd.DataFrame = table.to_pandas(use_threads=False, ignore_metadata=True)
    except Exception as error:  # pyarrow raises a dozen kinds for a damaged file
        raise SyntherError(f"{path} is not a readable parquet file ({error}); {again}") from error
    return rows
