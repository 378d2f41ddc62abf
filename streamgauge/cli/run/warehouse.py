"""`streamgauge warehouse`."""

import sys


def warehouse() -> None:
    """The owner of the DuckDB file: merges deltas and serves SQL."""
    from streamgauge.warehouse import writer

    sys.exit(writer.main())
