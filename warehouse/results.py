"""Answers in the formats that clients ask for."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.csv

ARROW = "application/vnd.apache.arrow.stream"
JSON = "application/json"
CSV = "text/csv"
# Whose queries wait for each other: one slow query of an analyst never keeps the dashboard's pages waiting.
Lane = Literal["adhoc", "pages"]
LANES: tuple[Lane, ...] = get_args(Lane)
# Header with what an answer as of a past time leaves out: a JSON array of sentences.
NOTES = "streamgauge-notes"


def negotiate(accept: str) -> str:
    """Media type of the answer: JSON or CSV where `Accept` names it first, else Arrow."""
    for part in accept.split(","):
        name = part.split(";")[0].strip().lower()
        if name in WRITERS:
            return name
    return ARROW


def plain_integers(table: pa.Table) -> pa.Table:
    """DuckDB's 128-bit sums come as decimals without a fraction; they become int64 where they fit, as nearly all do."""
    for index, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type) and field.type.scale == 0:
            try:
                column = table.column(index).cast(pa.int64())
            except pa.ArrowInvalid:
                continue
            table = table.set_column(index, pa.field(field.name, pa.int64()), column)
    return table


def json_value(value: Any) -> Any:
    """A value as JSON has it: timestamps ISO 8601 UTC, what JSON lacks (NaN) null, bytes base64."""
    if isinstance(value, datetime):
        text = value.isoformat(timespec="milliseconds" if value.microsecond else "seconds")
        return text.replace("+00:00", "Z") if value.tzinfo else f"{text}Z"
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and value.as_tuple().exponent == 0 else float(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {str(key): json_value(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(child) for child in value]
    return value


def to_json(table: pa.Table) -> bytes:
    """One array of objects."""
    return json.dumps(
        [json_value(row) for row in table.to_pylist()], ensure_ascii=False, separators=(",", ":")
    ).encode()


def to_csv(table: pa.Table) -> bytes:
    """RFC 4180 with a header; nested values as JSON text, timestamps as in JSON."""
    for index, field in enumerate(table.schema):
        if pa.types.is_nested(field.type) or pa.types.is_temporal(field.type) or pa.types.is_binary(field.type):
            values = [json_value(value) for value in table.column(index).to_pylist()]
            texts = [v if v is None or isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in values]
            table = table.set_column(index, field.name, pa.array(texts, pa.string()))
    sink = io.BytesIO()
    pyarrow.csv.write_csv(table, sink)
    return sink.getvalue()


def to_arrow(table: pa.Table) -> bytes:
    """Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


WRITERS: dict[str, Callable[[pa.Table], bytes]] = {ARROW: to_arrow, JSON: to_json, CSV: to_csv}
