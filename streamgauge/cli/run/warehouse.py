"""`streamgauge warehouse`."""

import sys


def warehouse() -> None:
    """The owner of the DuckDB file: merges deltas and serves SQL."""
    from streamgauge.runtime import settings

    if settings.load().mode == "embedded":
        from processors.embedded import reader

        sys.exit(reader.main())
    from streamgauge.warehouse import writer

    sys.exit(writer.main())
