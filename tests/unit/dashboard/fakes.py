"""Fakes of the warehouse clients, over the real tables in a DuckDB file."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from streamgauge.catalog.builtin.audit import OperatorActed
from streamgauge.warehouse.client import AsOf, Params, QueryError, _param
from streamgauge.warehouse.sql.query_service import QueryRefused, QueryRequest
from tests.unit.streamgauge.warehouse.commerce import Commerce


class FakeWarehouse(Commerce):
    """Fake of the warehouse's client and of the audit writer.

    `statements` are those it was sent, `audit_records` those written; `error` is raised by every query, `audit_error`
    by every write.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.error: Exception | None = None
        self.statements: list[str] = []
        self.audit_records: list[OperatorActed] = []
        self.audit_error: Exception | None = None
        self.now = datetime.now(UTC)

    def ago(self, seconds: float) -> datetime:
        """So many seconds before the start of the test."""
        return self.now - timedelta(seconds=seconds)

    def window(self, seconds: float) -> datetime:
        """Start of the window that was running so many seconds ago."""
        at = self.ago(seconds)
        return at - timedelta(seconds=at.second % 10, microseconds=at.microsecond)

    def query(self, sql: str, params: Params = (), *_: object) -> pa.Table:
        """As `Warehouse.query`; parameters are converted as for HTTP."""
        self.statements.append(sql)
        if self.error:
            raise self.error
        values = {name: _param(value) for name, value in dict(params).items()} if params else {}
        try:
            return self.query_service().query(QueryRequest(sql, values, lane="pages"))[0]
        except QueryRefused as error:
            raise QueryError(error.rule, str(error)) from None

    def write(self, record: OperatorActed) -> None:
        """As `audit.Writer.write`."""
        if self.audit_error:
            raise self.audit_error
        self.audit_records.append(record)

    def stream(self, name: str, seconds: float, events: int, **more: Any) -> None:
        """Add a window of `stream_windows`, so many seconds ago."""
        start = self.window(seconds)
        times = {"min_occurred_at": start, "max_occurred_at": start + timedelta(seconds=4)}
        self.add("stream_windows", window_start=start, stream=name, partition=0, events=events, **{**times, **more})


class FakeClient:
    """Fake of the analysts' client: queries wait for `may_answer`; `cancelled` are the names of queries."""

    def __init__(self, warehouse: FakeWarehouse) -> None:
        self.warehouse, self.may_answer = warehouse, threading.Event()
        self.may_answer.set()
        self.cancelled: list[str] = []
        self.as_ofs: list[AsOf | None] = []

    def query(self, sql: str, params: object = (), as_of: AsOf | None = None, name: str | None = None) -> pa.Table:
        self.as_ofs.append(as_of)
        self.may_answer.wait(20)
        if name in self.cancelled:
            raise QueryError("cancelled", "cancelled")
        if as_of:
            as_of.notes = ["windows before yesterday are left out"]
        return self.warehouse.query(sql)

    def cancel(self, name: str) -> bool:
        self.cancelled.append(name)
        self.may_answer.set()
        return True

    def tables(self) -> list[dict[str, Any]]:
        columns = {"window_start": "TIMESTAMP WITH TIME ZONE", "orders": "BIGINT"}
        windows = {"merge": "window", "key": ["window_start"], "about": "Orders, *counted*", "select": "SELECT 1"}
        return [{"table": "order_windows", "columns": columns, **windows}]
