"""Export of a whole result as a file, made on request."""

from __future__ import annotations

import io
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq

from streamgauge.warehouse.sql import results


def csv(rows: pa.Table) -> bytes:
    """CSV for spreadsheets: what they would run as a formula is text (`results.to_csv`)."""
    return results.to_csv(rows, guarded=True)


def raw_csv(rows: pa.Table) -> bytes:
    """CSV for programs, every text exact."""
    return results.to_csv(rows)


def parquet(rows: pa.Table) -> bytes:
    """Parquet; values without a Parquet type become text."""
    rows = results.distinct(rows)
    for index, field in enumerate(rows.schema):
        # Parquet stores seconds as milliseconds, and has no infinity.
        seconds = field.type == pa.timestamp("s") and results.far(rows.column(index))
        if seconds or pa.types.is_interval(field.type) or pa.types.is_union(field.type):
            rows = rows.set_column(index, field.name, results.texts(rows.column(index)))
    sink = io.BytesIO()
    pq.write_table(rows, sink, compression="zstd")
    return sink.getvalue()


def name(at: datetime, suffix: str) -> str:
    """File name with the time of the query."""
    return f"streamgauge-{at:%Y%m%dT%H%M%S}Z.{suffix}"
