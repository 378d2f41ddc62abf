"""Single figures from the SQL of a warehouse under test, which may be starting or restarting."""

from __future__ import annotations

from streamgauge.warehouse.client import Warehouse, WarehouseUnavailable


def figure(warehouse: Warehouse, sql: str) -> int:
    """The one integer that a query returns, 0 for NULL; -1 while no warehouse responds."""
    try:
        (row,) = warehouse.query(sql).to_pylist()
    except WarehouseUnavailable:
        return -1
    return int(next(iter(row.values())) or 0)


def count(warehouse: Warehouse, rows: str) -> int:
    """The number of rows of a FROM clause, `table WHERE condition`; -1 while no warehouse responds."""
    return figure(warehouse, f"SELECT count(*) FROM {rows}")


def events_visible(warehouse: Warehouse) -> int:
    """Messages that the tables count, of all streams; -1 while no warehouse responds."""
    return figure(warehouse, "SELECT sum(events)::BIGINT FROM stream_windows")
