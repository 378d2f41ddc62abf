"""Single figures from the SQL of a warehouse under test, which may be starting or restarting."""

from __future__ import annotations

from streamgauge.warehouse.client import Warehouse, WarehouseUnavailable


def figure(warehouse: Warehouse, sql: str) -> int:
    """The one integer that a query gives, 0 for NULL; -1 while no warehouse answers."""
    try:
        (row,) = warehouse.query(sql).to_pylist()
    except WarehouseUnavailable:
        return -1
    return int(next(iter(row.values())) or 0)


def count(warehouse: Warehouse, rows: str) -> int:
    """Rows of a table with its WHERE clause, say; -1 while no warehouse answers."""
    return figure(warehouse, f"SELECT count(*) FROM {rows}")


def events_visible(warehouse: Warehouse) -> int:
    """Messages that the tables count, of all streams; -1 while no warehouse answers."""
    return figure(warehouse, "SELECT sum(events)::BIGINT FROM stream_windows")
