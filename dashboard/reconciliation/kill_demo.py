"""Kill demo: kills a worker of a running `up`, to show that nothing is lost.

Only the analytics process that a running `up` on this machine has started: `up` is its parent, and restarts it.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from streamgauge.runtime import health
from streamgauge.runtime.data_dir import run_file
from streamgauge.runtime.data_dir.run_file import RunFile
from streamgauge.runtime.data_dir.totals import Counts

NAME = "analytics"
BACK_WITHIN_S = 120.0
_LOOK_EVERY_S = 0.25


@dataclass
class Kill:
    """One kill. `back_at` is when its successor was ready, `complete_at` when SQL showed everything produced by then,
    once; times in seconds since the epoch."""

    pid: int
    at: float
    back_pid: int | None = None
    back_at: float | None = None
    complete_at: float | None = None

    def update(self, logged: Counts, visible: Counts, *, exact: bool, now: float) -> None:
        """Take a reading: complete once the successor is ready and everything logged by then is visible."""
        if self.back_at is None or self.complete_at is not None:
            return
        self._owed = self._owed or dict(logged)
        if exact and all(visible.get(stream, 0) >= count for stream, count in self._owed.items()):
            self.complete_at = now

    _owed: dict[str, int] = field(default_factory=dict, repr=False)


def target(data_dir: Path, up_pid: int) -> RunFile | None:
    """The worker that may be killed: with this data directory, started by that `up` process, of the same user."""
    for entry in run_file.living(data_dir):
        if entry.name == NAME and _ours(entry.pid, up_pid):
            return entry
    return None


def _ours(pid: int, up_pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return bool(process.ppid() == up_pid and process.uids().real == os.getuid() and NAME in process.cmdline())
    except psutil.Error:
        return False


def kill(data_dir: Path, up_pid: int, pid: int, kills: list[Kill]) -> str:
    """Send SIGKILL to the worker; returns the result. A thread watches for its successor."""
    entry = target(data_dir, up_pid)
    if entry is None or entry.pid != pid:
        return f"process {pid} had ended already; nothing was killed"
    os.kill(pid, signal.SIGKILL)
    killed = Kill(pid, time.time())
    kills.append(killed)
    threading.Thread(target=watch, args=(killed, lambda: target(data_dir, up_pid)), name="worker", daemon=True).start()
    return f"process {pid} was killed with SIGKILL; `up` starts it again"


def watch(killed: Kill, find: Callable[[], RunFile | None], within_s: float = BACK_WITHIN_S) -> None:
    """Block until another worker is ready, for at most `within_s`."""
    while time.time() - killed.at < within_s:
        entry = find()
        if entry is not None and entry.pid != killed.pid and not health.reason(entry.address):
            killed.back_pid, killed.back_at = entry.pid, time.time()
            return
        time.sleep(_LOOK_EVERY_S)
