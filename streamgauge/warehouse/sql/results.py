"""Query results in the formats that clients accept: Arrow, JSON, CSV."""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from streamgauge.runtime.printable import json_text

ARROW = "application/vnd.apache.arrow.stream"
JSON = "application/json"
CSV = "text/csv"
# Queries wait for others of their lane only: an analyst's slow query never keeps the dashboard's pages waiting.
Lane = Literal["adhoc", "pages"]
LANES: tuple[Lane, ...] = get_args(Lane)
# Header with what a result as of a past time leaves out: a JSON array of sentences.
NOTES = "streamgauge-notes"


# Types that CSV writes as JSON does.
_TEXTS = (pa.types.is_nested, pa.types.is_temporal, pa.types.is_binary)
# Text that a spreadsheet takes for a formula (OWASP, "CSV injection"), unless it is a number.
_FORMULA = "^[=+\\-@\t\r\n＝＋－＠]"
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
# A day in the units of a timestamp; the calendar repeats after 400 years.
_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_CYCLE_DAYS, _CYCLE_YEARS = 146_097, 400


def negotiate(accept: str) -> str:
    """Media type of the response: the first in `Accept` of Arrow, JSON and CSV, else Arrow."""
    for part in accept.split(","):
        name = part.split(";")[0].strip().lower()
        if name in WRITERS:
            return name
    return ARROW


def plain_integers(table: pa.Table) -> pa.Table:
    """Cast DuckDB's 128-bit sums, decimals with scale 0 in Arrow, to int64 where every value fits."""
    for index, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type) and field.type.scale == 0:
            try:
                column = table.column(index).cast(pa.int64())
            except pa.ArrowInvalid:
                continue
            table = table.set_column(index, pa.field(field.name, pa.int64()), column)
    return table


def values(column: pa.ChunkedArray) -> list[Any]:
    """A column as Python values; a time outside Python's range (DuckDB has the year 10000, and infinity) is text."""
    try:
        return list(column.to_pylist())
    except (OverflowError, ValueError):
        return [_value(one) for one in column]


def far(column: pa.ChunkedArray) -> bool:
    """Whether a column of times has one outside Python's range."""
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
    """A time outside Python's range as `json_value` writes it: `10000-01-01T00:00:00Z`, `-0043-03-15`, `infinity`."""
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
    """A value for `json_text`: timestamps in ISO 8601 UTC, bytes in base64, NaN and infinity as null.

    Decimals stay decimals, with every digit; those without a scale are integers.
    """
    if isinstance(value, datetime):
        text = value.isoformat(timespec="milliseconds" if value.microsecond else "seconds")
        return text.replace("+00:00", "Z") if value.tzinfo else f"{text}Z"
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return int(value) if value.as_tuple().exponent == 0 else value
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


def text(value: Any) -> str | None:
    """A value as JSON writes it; strings without quotes, null as None, decimals without an exponent."""
    plain = json_value(value)
    if plain is None or isinstance(plain, str):
        return plain
    return f"{plain:f}" if isinstance(plain, Decimal) else json_text(plain, spaced=True)


def texts(column: pa.ChunkedArray) -> pa.Array:
    """The values as `text`."""
    return pa.array([text(value) for value in values(column)], pa.string())


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


def to_json(table: pa.Table) -> bytes:
    """A JSON array with one object per row; numbers have every digit."""
    table, parts = distinct(table), []
    # A part at a time: a million rows as Python's objects would take gigabytes.
    for batch in table.to_batches(max_chunksize=10_000):
        rows = zip(*map(values, pa.Table.from_batches([batch]).columns), strict=True)
        part = json_text([json_value(dict(zip(table.column_names, row, strict=True))) for row in rows]).encode()
        parts.append(part[1:-1])
    return b"[" + b",".join(part for part in parts if part) + b"]"


def to_csv(table: pa.Table, *, guarded: bool = False) -> bytes:
    """CSV after RFC 4180 with a header; nested values as JSON text, timestamps as in JSON.

    `guarded` is for spreadsheets: an apostrophe goes before text that they would run as a formula. Numbers are exact
    either way.
    """
    for index, field in enumerate(table.schema):
        if isinstance(field.type, pa.BaseExtensionType) or any(is_one(field.type) for is_one in _TEXTS):
            table = table.set_column(index, field.name, texts(table.column(index)))
    if guarded:
        table = _without_formulas(table)
    sink = io.BytesIO()
    pyarrow.csv.write_csv(table, sink)
    return sink.getvalue()


def _without_formulas(table: pa.Table) -> pa.Table:
    for index, field in enumerate(table.schema):
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            column = table.column(index)
            number = pc.match_substring_regex(column, _NUMBER)
            formula = pc.and_not(pc.match_substring_regex(column, _FORMULA), number)
            column = pc.if_else(formula, pc.binary_join_element_wise("'", column, ""), column)
            table = table.set_column(index, field.name, column)
    return table.rename_columns([f"'{name}" if re.match(_FORMULA, name) else name for name in table.column_names])


def to_arrow(table: pa.Table) -> bytes:
    """An Arrow IPC stream."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


WRITERS: dict[str, Callable[[pa.Table], bytes]] = {ARROW: to_arrow, JSON: to_json, CSV: to_csv}
