"""The processes that run on this machine, and what each reports on `/health`."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from streamgauge.runtime.data_dir import run_file
from streamgauge.runtime.data_dir.run_file import RunFile

TIMEOUT_S = 1.0


@dataclass(frozen=True)
class ProcessHealth:
    """A running process. `address` is `host:port` of its `/health` and `/metrics`; `up_s` is how long it has run.

    `why` is the reason why it is not ready, and empty where it is ready.
    """

    name: str
    pid: int
    address: str
    up_s: float | None = None
    why: str = ""

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
        """`ready` or `not ready`."""
        return "ready" if self.ready else "not ready"


def reason(address: str, timeout_s: float = TIMEOUT_S) -> str:
    """Why the process at `host:port` is not ready; empty where it is. Blocks for at most `timeout_s`."""
    try:
        health = httpx.get(f"http://{address}/health", timeout=timeout_s, trust_env=False).json()
        return "" if health["status"] == "ready" else str(health["why"]) or "starting"
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return f"does not answer on port {address.rpartition(':')[2]}"


def read(entry: RunFile) -> ProcessHealth:
    """The health of the process that wrote a run file. Blocks for at most a second."""
    try:
        up_s = max(0.0, time.time() - psutil.Process(entry.pid).create_time())
    except psutil.NoSuchProcess:
        return ProcessHealth(entry.name, entry.pid, entry.address, None, "has just ended")
    return ProcessHealth(entry.name, entry.pid, entry.address, up_s, reason(entry.address))


def read_all(data_dir: Path) -> list[ProcessHealth]:
    """The health of every process with a run file in the data directory, read at the same time; blocks for about a
    second at most. Run files of processes that are gone are removed."""
    entries = run_file.living(data_dir)
    if not entries:
        return []
    with ThreadPoolExecutor(min(16, len(entries))) as pool:
        return list(pool.map(read, entries))
