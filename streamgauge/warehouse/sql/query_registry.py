"""Questions that are being answered: each ends at its time limit, or when it is cancelled by its name.

DuckDB forgets an interrupt that comes between two statements, and one question is several (the guard's, those as of a
time, its own): the word to end is repeated until the question has ended.
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
# A cancel may overtake its question on the way: so long, and so many names, it is remembered.
REMEMBERED_S = 10.0
REMEMBERED = 1_000
Why = Literal["timeout", "cancelled"]


class ActiveQuery:
    """One question, from before it waits for its turn until it is answered. `why` is why it was to end."""

    def __init__(self) -> None:
        self.why: Why | None = None
        self._told = threading.Event()

    def cancel(self) -> None:
        """End it: at once where it runs, before it begins where it waits."""
        self.why = self.why or "cancelled"
        self._told.set()

    @contextlib.contextmanager
    def limited(self, cursor: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
        """Interrupt what the block runs on the cursor, once it was told to end or the time is over. Closes the cursor.

        A runaway query ends so while the writer goes on (PITFALLS 21).
        """
        done, using = threading.Event(), threading.Lock()

        def watch() -> None:
            if not self._told.wait(seconds):
                self.why = self.why or "timeout"
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
            self._told.set()


class QueryRegistry:
    """The questions that have a name. Any thread may cancel; two of one name end together."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._named: dict[str, list[ActiveQuery]] = {}
        self._early: OrderedDict[str, float] = OrderedDict()

    @contextlib.contextmanager
    def enter(self, name: str | None) -> Iterator[ActiveQuery]:
        """A question that can be cancelled as long as the block runs; one that was cancelled before it came is so."""
        running = ActiveQuery()
        with self._lock:
            if name is not None:
                self._named.setdefault(name, []).append(running)
                if self._clock() - self._early.pop(name, -REMEMBERED_S) < REMEMBERED_S:
                    running.cancel()
        try:
            yield running
        finally:
            with self._lock:
                if name is not None:
                    self._named[name].remove(running)
                    if not self._named[name]:
                        del self._named[name]

    def cancel(self, name: str) -> bool:
        """End what runs or waits under this name. False where nothing does: then what comes under it next has ended."""
        with self._lock:
            found = list(self._named.get(name, ()))
            if not found:
                self._early[name] = self._clock()
                self._early.move_to_end(name)
                while len(self._early) > REMEMBERED:
                    self._early.popitem(last=False)
        for running in found:
            running.cancel()
        return bool(found)
