"""Query run: a reader's query in a thread of its own, so that the page stays responsive and can cancel it.

A session runs one query at a time: a new one cancels the previous one. An abandoned query ends at the warehouse's
limit. The memory of all results is bounded: beyond it the oldest are dropped.
"""

from __future__ import annotations

import threading
import time
import uuid
import weakref
from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
import streamlit as st

from dashboard.data import query_cache
from streamgauge.runtime.errors import StreamgaugeError
from streamgauge.warehouse.client import AsOf, Warehouse

# A quick result is drawn without a progress display.
QUICK_S = 0.4
MOST_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Statement:
    """A statement as of a time (empty: now); `known_only` accepts what retention has left."""

    sql: str
    as_of: str = ""
    known_only: bool = False


@st.cache_resource
def client() -> Warehouse:
    """The client of this process for readers' queries, in the lane of analysts, apart from the pages."""
    return Warehouse(query_cache.settings(), "adhoc")


class QueryRun:
    """One query; starts at once. `rows` or `error` is set when it ends."""

    def __init__(self, statement: Statement, warehouse: Warehouse) -> None:
        self.statement = statement
        self.at = datetime.now(UTC)
        self.rows: pa.Table | None = None
        self.count = 0
        self.notes: list[str] = []
        self.error: StreamgaugeError | None = None
        self.cancelling = self.released = False
        self._warehouse, self._name = warehouse, uuid.uuid4().hex
        self._began, self._seconds = time.monotonic(), 0.0
        self._thread = threading.Thread(target=self._work, name="query", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._thread.is_alive()

    @property
    def seconds(self) -> float:
        """Elapsed time."""
        return self._seconds or time.monotonic() - self._began

    def wait(self, seconds: float) -> None:
        """Block until it ends, for at most `seconds`."""
        self._thread.join(seconds)

    def cancel(self) -> None:
        """Cancel it in the warehouse; returns at once."""
        self.cancelling = True
        try:
            self._warehouse.cancel(self._name)
        except StreamgaugeError as error:
            # It ends at its time limit.
            self.error = error

    def release(self) -> None:
        """Drop the rows."""
        if self.rows is not None:
            self.rows, self.released = None, True

    def _work(self) -> None:
        as_of = AsOf(self.statement.as_of, self.statement.known_only) if self.statement.as_of else None
        try:
            rows = self._warehouse.query(self.statement.sql, (), as_of, self._name)
            self.notes = as_of.notes if as_of else []
            self.rows, self.count = rows, rows.num_rows
            _keep(self)
        except StreamgaugeError as error:
            self.error = error
        finally:
            self._seconds = time.monotonic() - self._began


_HELD: weakref.WeakSet[QueryRun] = weakref.WeakSet()
_LOCK = threading.Lock()


def _keep(run: QueryRun) -> None:
    """Keep its rows; drop the oldest of all sessions beyond `MOST_BYTES`."""
    with _LOCK:
        _HELD.add(run)
        held = sorted((one for one in _HELD if one.rows is not None), key=lambda one: one.at, reverse=True)
        size = 0
        for one in held:
            size += one.rows.nbytes if one.rows is not None else 0
            if size > MOST_BYTES and one is not run:
                one.release()
