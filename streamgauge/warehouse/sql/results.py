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
import pyarrow.compute as pc
import pyarrow.csv

ARROW = "application/vnd.apache.arrow.stream"
JSON = "application/json"
CSV = "text/csv"
# Whose queries wait for each other: one slow query of an analyst never keeps the dashboard's pages waiting.
Lane = Literal["adhoc", "pages"]
LANES: tuple[Lane, ...] = get_args(Lane)
# Header with what an answer as of a past time leaves out: a JSON array of sentences.
NOTES = "streamgauge-notes"


# What CSV has as JSON does.
_TEXTS = (pa.types.is_nested, pa.types.is_temporal, pa.types.is_binary)
# A day in the units of a timestamp; after 400 years the calendar begins anew.
_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_CYCLE_DAYS, _CYCLE_YEARS = 146_097, 400


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


def values(column: pa.ChunkedArray) -> list[Any]:
    """Python's values; a time that Python has none of (DuckDB has the year 10000, and infinity) is text."""
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):
        return [_value(one) for one in column]


def far(column: pa.ChunkedArray) -> bool:
    """Whether it is a column of times, and has one that Python has none of."""
    if not (pa.types.is_timestamp(column.type) or pa.types.is_date(column.type)):
        return False
    try:
        pc.min_max(column).as_py()
    except (OverflowError, ValueError):
        return True
    return False


def _value(one: Any) -> Any:
    try:
        return one.as_py()
    except (OverflowError, ValueError):
        if isinstance(one, pa.UnionScalar):
            return _value(one.value)
        if isinstance(one, pa.MapScalar):
            return [tuple(_value(part) for part in pair.values()) for pair in one.values]
        if isinstance(one, pa.StructScalar):
            return {name: _value(part) for name, part in one.items()}
        if isinstance(one, pa.ListScalar | pa.LargeListScalar | pa.FixedSizeListScalar):
            return [_value(part) for part in one.values]
        return _far(one.value, one.type)


def _far(value: int, kind: pa.DataType) -> str:
    """A time as `json_value` has it: `10000-01-01T00:00:00Z`, `-0043-03-15` (44 BC), `infinity`."""
    if abs(value) == 2 ** (kind.bit_width - 1) - 1:
        return "infinity" if value > 0 else "-infinity"
    a_day = _DAY[kind.unit] if pa.types.is_timestamp(kind) else 1
    cycles, rest = divmod(value, _CYCLE_DAYS * a_day)
    days, part = divmod(rest, a_day)
    span = timedelta(days=days, microseconds=part * _DAY["us"] // a_day)
    near = datetime(1970, 1, 1) + span if pa.types.is_timestamp(kind) else date(1970, 1, 1) + span  # noqa: DTZ001
    year = near.year + _CYCLE_YEARS * cycles
    return f"{year:0{4 if year >= 0 else 5}d}{json_value(near)[4:]}"


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


def texts(column: pa.ChunkedArray) -> pa.Array:
    """The values as text: as JSON has them, words without its quotes."""
    told = (json_value(value) for value in values(column))
    return pa.array(
        [v if v is None or isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in told], pa.string()
    )


def to_json(table: pa.Table) -> bytes:
    """One array of objects."""
    rows = zip(*map(values, table.columns), strict=True)
    return json.dumps(
        [json_value(dict(zip(table.column_names, row, strict=True))) for row in rows],
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()


def to_csv(table: pa.Table) -> bytes:
    """RFC 4180 with a header; nested values as JSON text, timestamps as in JSON."""
    for index, field in enumerate(table.schema):
        if isinstance(field.type, pa.BaseExtensionType) or any(is_one(field.type) for is_one in _TEXTS):
            table = table.set_column(index, field.name, texts(table.column(index)))
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
