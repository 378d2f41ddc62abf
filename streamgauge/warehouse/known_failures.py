"""Which causes of failure the table `dead_letters` has had, so that a new one is counted when it is merged."""

from __future__ import annotations

from typing import Final

import duckdb
import pyarrow as pa

from streamgauge.catalog.loader import Catalog
from streamgauge.catalog.validation import REASONS
from streamgauge.runtime import metrics

METRIC: Final = "streamgauge_dead_letter_fingerprints_total"


class Fingerprints:
    """The fingerprints seen so far: those of the file's rows, then those of each merge."""

    def __init__(self, db: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
        rows = db.execute("SELECT DISTINCT fingerprint FROM dead_letters WHERE fingerprint IS NOT NULL").fetchall()
        self._seen = {str(row[0]) for row in rows}
        for stream in catalog.streams:
            for reason in REASONS:
                # From 0 on: an increase is only seen in a counter that was there before.
                metrics.counter(METRIC).labels(stream, reason)

    def count(self, letters: pa.Table) -> None:
        """Count the fingerprints of merged rows that no earlier row had."""
        if "fingerprint" not in letters.column_names:
            return
        for row in letters.select(["fingerprint", "stream", "reason"]).to_pylist():
            if row["fingerprint"] and row["fingerprint"] not in self._seen:
                self._seen.add(row["fingerprint"])
                metrics.counter(METRIC).labels(row["stream"], row["reason"]).inc()
