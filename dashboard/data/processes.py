"""Which processes of ours run on this machine, and what they say of themselves: run files and `/health`.

Asked in a thread, for all sessions at once: a process that hangs never holds up a page, which shows the last answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import streamlit as st

from streamgauge.runtime.data_dir import run_file
from streamgauge.runtime.data_dir.run_file import RunFile

ASK_S = 1.0
SHARED_S = 1.6
# Where nothing is known that is worth showing, a page may wait so long for it: its first paint has them as a rule.
FIRST_S, WORTH_S = 1.0, 10.0


@dataclass(frozen=True)
class Found:
    """A process that runs; `why` says why it is not ready, and is empty when it is."""

    name: str
    pid: int
    address: str
    up_s: float | None = None
    why: str = ""

    @property
    def state(self) -> str:
        """In one word."""
        return "not ready" if self.why else "ready"


class Watch:
    """The processes of one data directory; `find` answers at once with what was last seen, None before that."""

    def __init__(self, find: Callable[[], Sequence[Found]], clock: Callable[[], float] = time.monotonic) -> None:
        self._find, self._clock = find, clock
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="running")
        self._lock = threading.Lock()
        self._asking: Future[Sequence[Found]] | None = None
        self._seen: Sequence[Found] | None = None
        self._seen_at = -1e9

    def find(self) -> Sequence[Found] | None:
        """What runs, as of some seconds ago. Blocks for a second at most, and only where all that is known is old."""
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

    def _take(self, done: Future[Sequence[Found]]) -> None:
        self._asking = None
        self._seen, self._seen_at = done.result(), self._clock()


def look(data_dir: Path) -> list[Found]:
    """Ask every process with a run file; blocks for a second at most."""
    entries = run_file.living(data_dir)
    if not entries:
        return []
    with ThreadPoolExecutor(min(16, len(entries))) as pool:
        return list(pool.map(ask, entries))


def ask(entry: RunFile) -> Found:
    """What one process says of itself."""
    try:
        up_s = max(0.0, time.time() - psutil.Process(entry.pid).create_time())
    except psutil.NoSuchProcess:
        return Found(entry.name, entry.pid, entry.address, None, "has just ended")
    try:
        health = httpx.get(f"http://{entry.address}/health", timeout=ASK_S, trust_env=False).json()
        why = "" if health["status"] == "ready" else str(health["why"]) or "starting"
    except (httpx.HTTPError, ValueError, KeyError):
        why = "does not answer"
    return Found(entry.name, entry.pid, entry.address, up_s, why)


@st.cache_resource
def watch(data_dir: Path) -> Watch:
    """The one watch of this process."""
    return Watch(lambda: look(data_dir))
