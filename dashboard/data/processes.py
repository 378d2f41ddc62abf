"""Processes of Streamgauge on this machine and their health, from run files and `/health`.

Read in one thread for all sessions: a process that hangs never holds up a page, which shows the last result.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import streamlit as st

from streamgauge.runtime import health
from streamgauge.runtime.health import ProcessHealth

SHARED_S = 1.6
# With nothing recent to show, a page waits this long for the first result; usually its first paint has it.
FIRST_S, WORTH_S = 1.0, 10.0


class Watch:
    """Processes of one data directory; `find` returns the last result at once, None before the first."""

    def __init__(
        self, find: Callable[[], Sequence[ProcessHealth]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._find, self._clock = find, clock
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="running")
        self._lock = threading.Lock()
        self._asking: Future[Sequence[ProcessHealth]] | None = None
        self._seen: Sequence[ProcessHealth] | None = None
        self._seen_at = -1e9

    def find(self) -> Sequence[ProcessHealth] | None:
        """The running processes, as of some seconds ago. Blocks for at most `FIRST_S`, and only if the last result is
        old."""
        with self._lock:
            if self._asking is not None and self._asking.done():
                self._take(self._asking)
            if self._asking is None and self._clock() - self._seen_at > SHARED_S:
                self._asking = self._pool.submit(self._find)
            asking = self._asking if self._clock() - self._seen_at > WORTH_S else None
        if asking is not None:
            try:
                return asking.result(FIRST_S)
            except TimeoutError:
                return self._seen
        return self._seen

    def _take(self, done: Future[Sequence[ProcessHealth]]) -> None:
        self._asking = None
        self._seen, self._seen_at = done.result(), self._clock()


@st.cache_resource
def watch(data_dir: Path) -> Watch:
    """The one watch of this process, shared by all sessions."""
    return Watch(lambda: health.read_all(data_dir))
