"""Known failure causes: counts dead letters whose fingerprint the table `dead_letters` has not had before."""

from __future__ import annotations

from typing import Final

import duckdb
import pyarrow as pa

from streamgauge.catalog.loader import Catalog
from streamgauge.catalog.validation import REASONS
from streamgauge.runtime import metrics

METRIC: Final = "streamgauge_dead_letter_fingerprints_total"


class Fingerprints:
    """The fingerprints known so far: from the rows of the file, then from each merge."""

    def __init__(self, db: duckdb.DuckDBPyConnection, catalog: Catalog) -> None:
        rows = db.execute("SELECT DISTINCT fingerprint FROM dead_letters WHERE fingerprint IS NOT NULL").fetchall()
        self._seen = {str(row[0]) for row in rows}
        for stream in catalog.streams:
            for reason in REASONS:
                # Created at 0: Prometheus sees an increase only in a counter that existed before.
                metrics.counter(METRIC).labels(stream, reason)

    def count(self, letters: pa.Table) -> None:
        """Count merged dead letters whose fingerprint is new."""
        if "fingerprint" not in letters.column_names:
            return
        for row in letters.select(["fingerprint", "stream", "reason"]).to_pylist():
            if row["fingerprint"] and row["fingerprint"] not in self._seen:
                self._seen.add(row["fingerprint"])
                metrics.counter(METRIC).labels(row["stream"], row["reason"]).inc()
