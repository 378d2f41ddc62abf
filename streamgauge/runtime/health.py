"""The processes that run on this machine, and what each reports on `/health`."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from streamgauge.runtime.connection.missing import Missing
from streamgauge.runtime.data_dir import run_file
from streamgauge.runtime.data_dir.run_file import RunFile

TIMEOUT_S = 1.0


@dataclass(frozen=True)
class ProcessHealth:
    """A running process. `address` is `host:port` of its `/health` and `/metrics`; `up_s` is how long it has run.

    `why` is the reason why it is not ready, and empty where it is ready. `problems` are sentences about what is not
    well although it works; `missing` are rights on the cluster with which it would show more.
    """

    name: str
    pid: int
    address: str
    up_s: float | None = None
    why: str = ""
    problems: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()

    @property
    def port(self) -> str:
        """The port of its `/health` and `/metrics`."""
        return self.address.rpartition(":")[2]

    @property
    def ready(self) -> bool:
        """Whether it reports that it is ready."""
        return not self.why

    @property
    def state(self) -> str:
        """`ready`, `degraded` (ready, with problems) or `not ready`."""
        if self.ready:
            return "degraded" if self.problems else "ready"
        return "not ready"

    @property
    def text(self) -> str:
        """All that is not well, in words; empty when nothing is."""
        return "; ".join(filter(None, (self.why, *self.problems)))


def reason(address: str, timeout_s: float = TIMEOUT_S) -> str:
    """Why the process at `host:port` is not ready; empty where it is. Blocks for at most `timeout_s`."""
    return _reported(address, timeout_s)[0]


def _reported(address: str, timeout_s: float = TIMEOUT_S) -> tuple[str, tuple[str, ...], tuple[Missing, ...]]:
    """Why the process is not ready, its problems, and the rights that it lacks."""
    try:
        health = httpx.get(f"http://{address}/health", timeout=timeout_s, trust_env=False).json()
        why = "" if health["status"] == "ready" else str(health["why"]) or "starting"
        missing = tuple(Missing(**one) for one in health.get("missing_rights", ()))
        return why, tuple(map(str, health.get("problems", ()))), missing
    except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError):
        return f"does not answer on port {address.rpartition(':')[2]}", (), ()


def read(entry: RunFile) -> ProcessHealth:
    """The health of the process that wrote a run file. Blocks for at most a second."""
    try:
        up_s = max(0.0, time.time() - psutil.Process(entry.pid).create_time())
    except psutil.NoSuchProcess:
        return ProcessHealth(entry.name, entry.pid, entry.address, None, "has just ended")
    return ProcessHealth(entry.name, entry.pid, entry.address, up_s, *_reported(entry.address))


def read_all(data_dir: Path) -> list[ProcessHealth]:
    """The health of every process with a run file in the data directory, read at the same time; blocks for about a
    second at most. Run files of processes that are gone are removed."""
    entries = run_file.living(data_dir)
    if not entries:
        return []
    with ThreadPoolExecutor(min(16, len(entries))) as pool:
        return list(pool.map(read, entries))
