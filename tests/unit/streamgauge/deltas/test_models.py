"""A model's delta is what its SELECT gives, whatever part of it takes a short cut."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from streamgauge.catalog import loader
from streamgauge.catalog.model import Model
from streamgauge.deltas.models import Models

CATALOG = loader.load("streamgauge.catalog.commerce")
ROW_MODELS = [model for model in CATALOG.models if model.merge != "window" and model.stream in CATALOG.streams]
# One value of each kind of column, varied by the row's number; every third value that may be absent is.
AT = datetime(2026, 1, 1, tzinfo=UTC)


def value(kind: pa.DataType, row: int) -> object:
    """A value of that type for that row."""
    if pa.types.is_timestamp(kind):
        return AT
    if pa.types.is_boolean(kind):
        return row % 2 == 0
    if pa.types.is_string(kind):
        return f"kind.{row % 3}"
    if pa.types.is_list(kind):
        return [value(kind.value_type, row)] * (row % 3)
    if pa.types.is_struct(kind):
        return {field.name: value(field.type, row) for field in kind}
    return row


def batch(schema: pa.Schema, rows: int) -> pa.Table:
    """Rows of several chunks, as the decoder makes them."""
    parts = [
        pa.table({field.name: pa.array([value(field.type, at)], field.type) for field in schema}, schema=schema)
        for at in range(rows)
    ]
    return pa.concat_tables(parts)


@pytest.mark.parametrize("model", ROW_MODELS, ids=lambda model: model.name)
def test_a_delta_is_what_the_select_gives(model: Model) -> None:
    events = batch(CATALOG.streams[model.stream].schema, 7)
    models = Models(CATALOG)
    got = dict(models.deltas({model.stream: events}))[model.name]
    models._db.register("events", events)
    expected = models._db.execute(model.delta_sql).to_arrow_table()
    assert got.column_names == expected.column_names
    assert got.to_pylist() == expected.to_pylist()
    assert model.passthrough or " WHERE " in model.delta_sql, "no short cut is taken: this test proves nothing"
