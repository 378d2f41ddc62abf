"""Export of a whole result as a file, made on request."""

from __future__ import annotations

import io
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq

from streamgauge.warehouse.sql import results


def csv(rows: pa.Table) -> bytes:
    """CSV, in the format of the warehouse."""
    return results.to_csv(rows)


def parquet(rows: pa.Table) -> bytes:
    """Parquet; values without a Parquet type become text."""
    rows = distinct(rows)
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


def distinct(rows: pa.Table) -> pa.Table:
    """The same rows with distinct column names: SQL allows duplicates."""
    names: list[str] = []
    for given in rows.column_names:
        number, own = 1, given or "column"
        while own in names:
            number += 1
            own = f"{given}_{number}"
        names.append(own)
    return rows.rename_columns(names)
