"""Query cache: one client for the process, and results that sessions share.

A query with the same view and filters runs once per interval for all sessions. While it runs, other callers get the
last result, or wait for this one if there is none: nothing piles up behind a slow query. The queries of a page's last
refresh are run in parallel at its next one.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from dashboard.data.periods import Period
from dashboard.data.query import Query
from dashboard.data.view_state import LIVE_S, ViewState
from streamgauge.catalog import loader
from streamgauge.catalog.loader import Catalog
from streamgauge.runtime import settings as settings_module
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.client import Busy, Warehouse

# A result serves every session for a little less than the shortest refresh. While a slow query runs, a result of up to
# `STALE_MAX_S` is served.
SHARED_S = 0.8 * LIVE_S
STALE_MAX_S = 30.0
KEPT = 400
# Queries of one refresh that run in parallel.
PARALLEL = 3


@dataclass(frozen=True)
class Result:
    """Rows of a query, its period as of when it was run, and the statement with its values filled in.

    `filters` are the page's own parameters.
    """

    query: Query
    rows: list[dict[str, Any]]
    period: Period
    sql: str
    filters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def row(self) -> dict[str, Any]:
        """The only row; empty where there is none."""
        return self.rows[0] if self.rows else {}


@dataclass
class _Entry:
    result: Result | None = None
    error: Exception | None = None
    started_at: float = -1e9
    runs: int = 0
    running: threading.Lock = field(default_factory=threading.Lock)


class QueryCache:
    """The last result of each query, by key; the least recently used keys are evicted."""

    def __init__(self, kept: int = KEPT, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept, self._clock = kept, clock
        self._entries: OrderedDict[object, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: object, run: Callable[[], Result], shared_s: float = SHARED_S) -> Result:
        """A result not older than `shared_s`, or the last one while another thread runs the query. Raises what `run`
        does."""
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            while len(self._entries) > self._kept:
                self._entries.popitem(last=False)
        before, old = entry.runs, self._clock() - entry.started_at
        if entry.result is not None and old < shared_s:
            return entry.result
        stale = entry.result if old < STALE_MAX_S else None
        if not entry.running.acquire(blocking=stale is None) and stale is not None:
            return stale
        try:
            # Callers that waited share the outcome, whatever it is and however long it took.
            if entry.runs == before:
                self._run(entry, run)
            if entry.error is not None:
                # While the warehouse is busy, an old result is better than none.
                if stale is None or not isinstance(entry.error, Busy):
                    raise entry.error
                return stale
            assert entry.result is not None  # noqa: S101 - it ran without an error
            return entry.result
        finally:
            entry.running.release()

    def _run(self, entry: _Entry, run: Callable[[], Result]) -> None:
        began, entry.error = self._clock(), None
        try:
            entry.result = run()
            entry.started_at = began
        except Exception as error:  # noqa: BLE001 - raised by every caller that waited
            entry.error = error
        entry.runs += 1


@st.cache_resource
def settings() -> Settings:
    """The process's settings, read once."""
    return settings_module.load()


def load(now: Settings) -> None:
    """Load the catalog ahead of the first page."""
    loader.load(now.catalog)


def catalog() -> Catalog:
    """The catalog in use. Loaded once."""
    return loader.load(settings().catalog)


@st.cache_resource
def warehouse() -> Warehouse:
    """The one client of this process."""
    return Warehouse(settings(), "pages")


@st.cache_resource
def cache() -> QueryCache:
    """The results that all sessions share."""
    return QueryCache()


# The queries of a refresh: by key, how to run each again.
Fetches = dict[object, Callable[[], Result]]


@dataclass(frozen=True)
class _Refresh:
    """One refresh of a page: the queries it ran, and those that run ahead for it."""

    fetches: Fetches
    ahead: dict[object, Future[Result]]


_refresh: ContextVar[_Refresh | None] = ContextVar("refresh", default=None)


@contextlib.contextmanager
def prefetched(last: Fetches) -> Iterator[None]:
    """Run the queries of the `last` refresh in parallel, ahead of the block; `last` then holds those of the block."""
    pool = ThreadPoolExecutor(PARALLEL, "ahead")
    ahead = {key: pool.submit(get) for key, get in last.items()}
    last.clear()
    token = _refresh.set(_Refresh(last, ahead))
    try:
        yield
    finally:
        _refresh.reset(token)
        # A query that the block did not need ends by itself, without being awaited.
        pool.shutdown(wait=False, cancel_futures=True)


def fetch(query: Query, view: ViewState, *, shared_s: float = SHARED_S, **filters: Any) -> Result:
    """Run a query for a view, as of now; `filters` are the page's own parameters. Raises what `Warehouse.query` does.

    The result is shared by all sessions for `shared_s`: expensive queries run less often than the page refreshes.
    """

    client, results = warehouse(), cache()
    key = (query.name, view.cache_key, tuple(sorted(filters.items())))

    def run() -> Result:
        period = view.period(datetime.now(UTC))
        params = query.params({**period.params(), **filters})
        rows = client.query(query.sql, params).to_pylist()
        return Result(query, rows, period, query.filled({**period.params(), **filters}), filters)

    def get() -> Result:
        return results.get(key, run, shared_s)

    now = _refresh.get()
    if now is None:
        return get()
    now.fetches[key] = get
    own = now.ahead.pop(key, None)
    # A query that has not started yet need not wait for its turn in the pool.
    return get() if own is None or own.cancel() else own.result()
