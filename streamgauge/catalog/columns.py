"""Conversion of events to Arrow columns.

Decoding with msgspec and transposing a chunk of about a thousand events while it is in the CPU's cache costs less than
any columnar JSON reader tried (docs/adr/0003-decode.md), and leaves one definition of a valid event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, chain
from typing import Any

import msgspec
import pyarrow as pa
from msgspec import inspect
from msgspec.structs import astuple

from streamgauge.runtime.errors import UsageError

Build = Callable[[Sequence[Any]], pa.Array]


def _plain(kind: pa.DataType) -> Build:
    def build(values: Sequence[Any]) -> pa.Array:
        return pa.array(values, kind)

    return build


def _timestamps(values: Sequence[Any]) -> pa.Array:
    return pa.array(values, pa.int64()).cast(pa.timestamp("ms", tz="UTC"))


def _scalar(kind: inspect.Type, where: str) -> tuple[pa.DataType, Build]:
    """Arrow type and builder of one field's type; `where` names the field in errors."""
    if isinstance(kind, inspect.Metadata):
        if (kind.extra or {}).get("timestamp"):
            return pa.timestamp("ms", tz="UTC"), _timestamps
        return _scalar(kind.type, where)
    if isinstance(kind, inspect.UnionType):
        inner = [t for t in kind.types if not isinstance(t, inspect.NoneType)]
        if len(inner) == 1:
            return _scalar(inner[0], where)
    if isinstance(kind, inspect.LiteralType):
        arrow = pa.string() if isinstance(kind.values[0], str) else pa.int64()
        return arrow, _plain(arrow)
    if isinstance(kind, inspect.ListType):
        return _list(kind, where)
    for known, arrow in (
        (inspect.StrType, pa.string()),
        (inspect.IntType, pa.int64()),
        (inspect.FloatType, pa.float64()),
        (inspect.BoolType, pa.bool_()),
    ):
        if isinstance(kind, known):
            return arrow, _plain(arrow)
    raise UsageError(
        f"{where}: fields of type {type(kind).__name__} are not supported; use str, int, float, bool or a list"
    )


def _list(kind: inspect.ListType, where: str) -> tuple[pa.DataType, Build]:
    item = kind.item_type
    flat: Build
    if isinstance(item, inspect.StructType):
        columns = Columns(item.cls)
        arrow = pa.struct(list(columns.schema))

        def flat(values: Sequence[Any]) -> pa.Array:
            return pa.StructArray.from_arrays(columns.arrays(values), fields=list(columns.schema))

    else:
        arrow, flat = _scalar(item, where)

    def build(lists: Sequence[Sequence[Any] | None]) -> pa.Array:
        ends = accumulate(len(values) if values is not None else 0 for values in lists)
        offsets = pa.array([0, *ends], pa.int32())
        child = flat(list(chain.from_iterable(values for values in lists if values)))
        mask = pa.array([values is None for values in lists]) if None in lists else None
        return pa.ListArray.from_arrays(offsets, child, type=pa.list_(arrow), mask=mask)

    return pa.list_(arrow), build


class Columns:
    """Converter of objects of one msgspec struct to Arrow arrays, in the order of its fields."""

    def __init__(self, event: type[msgspec.Struct]) -> None:
        described = inspect.type_info(event)
        if not isinstance(described, inspect.StructType):
            raise UsageError(f"{event!r} is not a msgspec.Struct")
        if described.tag is not None or described.array_like:
            raise UsageError(f"{event.__name__}: tagged and array-like structs are not supported")
        fields, self._builds = [], []
        for field in described.fields:
            arrow, build = _scalar(field.type, f"{event.__name__}.{field.name}")
            fields.append(pa.field(field.name, arrow))
            self._builds.append(build)
        self.schema: pa.Schema = pa.schema(fields)

    def arrays(self, events: Sequence[Any]) -> list[pa.Array]:
        """One array per field. Raises `UnicodeEncodeError` for a lone surrogate, which UTF-8 cannot carry."""
        if not events:
            return [pa.array([], field.type) for field in self.schema]
        return [
            build(values) for build, values in zip(self._builds, zip(*map(astuple, events), strict=True), strict=True)
        ]
