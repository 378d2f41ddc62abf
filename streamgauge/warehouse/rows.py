"""Rows of a query, read to its end.

A result of which rows are left keeps its transaction open for as long as its connection is idle, and DuckDB then frees
no version of anything that was changed since. So nothing here calls `fetchone`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb


def first(db: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[Any] = ()) -> tuple[Any, ...] | None:
    """The first row; None where there is none."""
    rows = db.execute(sql, list(parameters)).fetchall()
    return rows[0] if rows else None
