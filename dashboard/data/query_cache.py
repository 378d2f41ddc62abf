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

# A result serves every session for a little less than the shortest refresh; `STANDS_IN_S` is how long an old result may
# stand in while a slow query runs.
SHARED_S = 0.8 * LIVE_S
STANDS_IN_S = 30.0
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
    asked_at: float = -1e9
    times: int = 0
    asking: threading.Lock = field(default_factory=threading.Lock)


class QueryCache:
    """The last result of each query, by key; the least recently used keys are evicted."""

    def __init__(self, kept: int = KEPT, clock: Callable[[], float] = time.monotonic) -> None:
        self._kept, self._clock = kept, clock
        self._entries: OrderedDict[object, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: object, ask: Callable[[], Result], shared_s: float = SHARED_S) -> Result:
        """A result not older than `shared_s`, or the last one while another thread runs the query. Raises what `ask`
        does."""
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            while len(self._entries) > self._kept:
                self._entries.popitem(last=False)
        before, old = entry.times, self._clock() - entry.asked_at
        if entry.result is not None and old < shared_s:
            return entry.result
        stands_in = entry.result if old < STANDS_IN_S else None
        if not entry.asking.acquire(blocking=stands_in is None) and stands_in is not None:
            return stands_in
        try:
            # Callers that waited share the outcome, whatever it is and however long it took.
            if entry.times == before:
                self._ask(entry, ask)
            if entry.error is not None:
                # A busy warehouse is no reason to show nothing.
                if stands_in is None or not isinstance(entry.error, Busy):
                    raise entry.error
                return stands_in
            assert entry.result is not None  # noqa: S101 - it ran without an error
            return entry.result
        finally:
            entry.asking.release()

    def _ask(self, entry: _Entry, ask: Callable[[], Result]) -> None:
        began, entry.error = self._clock(), None
        try:
            entry.result = ask()
            entry.asked_at = began
        except Exception as error:  # noqa: BLE001 - raised by every caller that waited
            entry.error = error
        entry.times += 1


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

    asked: Fetches
    ahead: dict[object, Future[Result]]


_refresh: ContextVar[_Refresh | None] = ContextVar("round", default=None)


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
        # A query that the block did not need ends by itself; nobody waits for it.
        pool.shutdown(wait=False, cancel_futures=True)


def fetch(query: Query, view: ViewState, *, shared_s: float = SHARED_S, **filters: Any) -> Result:
    """Run a query for a view, as of now; `filters` are the page's own parameters. Raises what `Warehouse.query` does.

    The result is shared by all sessions for `shared_s`: expensive queries run less often than the page refreshes.
    """

    client, kept = warehouse(), cache()
    key = (query.name, view.cache_key, tuple(sorted(filters.items())))

    def asked() -> Result:
        period = view.period(datetime.now(UTC))
        given = query.params({**period.params(), **filters})
        rows = client.query(query.sql, given).to_pylist()
        return Result(query, rows, period, query.filled({**period.params(), **filters}), filters)

    def get() -> Result:
        return kept.get(key, asked, shared_s)

    now = _refresh.get()
    if now is None:
        return get()
    now.asked[key] = get
    own = now.ahead.pop(key, None)
    # A query that has not started yet need not wait for its turn in the pool.
    return get() if own is None or own.cancel() else own.result()
