"""Query registry: active queries, each ended at its time limit or when it is cancelled by name.

A request is several statements (the guard's, those of an as-of query, its own), and DuckDB drops an interrupt that
arrives between two of them. So the interrupt is repeated until the query has ended.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Literal

import duckdb

REPEAT_S = 0.02
# A cancellation may overtake its query on the way: it is kept for so long, and for so many names.
EARLY_CANCEL_KEPT_S = 10.0
EARLY_CANCELS_KEPT = 1_000
Why = Literal["timeout", "cancelled", "memory"]


class ActiveQuery:
    """One query, from before it waits for its turn until its end. `why` is the reason for an early end, or None."""

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.why: Why | None = None
        # When it was first interrupted, in seconds of `time.monotonic`.
        self.cut_at: float | None = None
        self._end = threading.Event()

    def cancel(self, why: Why = "cancelled") -> None:
        """End the query: at once if it runs, before it begins if it waits."""
        self.why = self.why or why
        self._end.set()

    @contextlib.contextmanager
    def limited(self, cursor: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
        """Interrupt what the block runs on the cursor when the query is cancelled or `seconds` are over.

        A runaway query ends without holding up the writer. Closes the cursor.
        """
        done, using = threading.Event(), threading.Lock()

        def watch() -> None:
            if not self._end.wait(seconds):
                self.why = self.why or "timeout"
            if not done.is_set():
                self.cut_at = time.monotonic()
            while True:
                with using:
                    if done.is_set():
                        return
                    cursor.interrupt()
                if done.wait(REPEAT_S):
                    return

        threading.Thread(target=watch, name="cut", daemon=True).start()
        try:
            yield
        finally:
            # A closed cursor must not be interrupted.
            with using:
                done.set()
                cursor.close()
            self._end.set()


class QueryRegistry:
    """Active queries by name. Any thread may cancel; queries of the same name end together."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._all: set[ActiveQuery] = set()
        self._named: dict[str, list[ActiveQuery]] = {}
        self._early: OrderedDict[str, float] = OrderedDict()

    @contextlib.contextmanager
    def enter(self, name: str | None, text: str = "") -> Iterator[ActiveQuery]:
        """Register a query while the block runs; it is cancelled already if the cancellation of its name came first."""
        query = ActiveQuery(text)
        with self._lock:
            self._all.add(query)
            if name is not None:
                self._named.setdefault(name, []).append(query)
                if self._clock() - self._early.pop(name, -EARLY_CANCEL_KEPT_S) < EARLY_CANCEL_KEPT_S:
                    query.cancel()
        try:
            yield query
        finally:
            with self._lock:
                self._all.discard(query)
                if name is not None:
                    self._named[name].remove(query)
                    if not self._named[name]:
                        del self._named[name]

    def cut(self, why: Why) -> int:
        """End all queries that are not being ended yet; returns how many."""
        with self._lock:
            running = [one for one in self._all if one.why is None]
        for query in running:
            query.cancel(why)
        return len(running)

    def deaf(self, seconds: float) -> str | None:
        """The text of a query that has run on for so long after it was interrupted; None where there is none.

        DuckDB looks for interrupts between two vectors, not within a function that works on one huge value.
        """
        with self._lock:
            late = time.monotonic() - seconds
            return next((one.text for one in self._all if one.cut_at is not None and one.cut_at < late), None)

    def cancel(self, name: str) -> bool:
        """Cancel what runs or waits under this name.

        False if nothing does; then the next query of that name is cancelled, if it arrives soon.
        """
        with self._lock:
            queries = list(self._named.get(name, ()))
            if not queries:
                self._early[name] = self._clock()
                self._early.move_to_end(name)
                while len(self._early) > EARLY_CANCELS_KEPT:
                    self._early.popitem(last=False)
        for query in queries:
            query.cancel()
        return bool(queries)
