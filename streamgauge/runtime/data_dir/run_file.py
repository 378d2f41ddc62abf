"""Run file: the address of a running process's `/metrics` and `/health`, in `<data_dir>/run/`.

It is a target file of Prometheus's file discovery, so that Prometheus finds every process and replica:

    [{"targets": ["127.0.0.1:9102"], "labels": {"process": "analytics", "__meta_pid": "4711"}}]

Prometheus drops labels that begin `__meta_` before it stores anything, so that a restart makes no new series. A killed
process leaves its file, and Prometheus a target that is down, until the next process on the same port or `streamgauge
status` removes it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import psutil

from streamgauge.runtime import files

PATTERN = "*-*.json"  # other files of the folder have no hyphen in their name, or another suffix
_ANY = ("0.0.0.0", "::", "")  # noqa: S104 - recognised, not bound


@dataclass(frozen=True)
class RunFile:
    """One process: its name, its process id, and `host:port` of its metrics."""

    name: str
    pid: int
    address: str


def write(data_dir: Path, name: str, host: str, port: int) -> Path:
    """Write this process's file atomically, and remove those of dead processes that had its port; returns its path.

    Raises `OSError` if the folder cannot be written.
    """
    host = "127.0.0.1" if host in _ANY else host
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    folder = data_dir / "run"
    path = folder / f"{name}-{os.getpid()}.json"
    for other in folder.glob(PATTERN):
        # This process has the port now, so another one with the same address is gone.
        if other != path and (entry := read(other)) is not None and entry.address == address:
            other.unlink(missing_ok=True)
    labels = {"process": name, "__meta_pid": str(os.getpid())}
    files.write_atomically(path, json.dumps([{"targets": [address], "labels": labels}]))
    return path


def read(path: Path) -> RunFile | None:
    """Parse a run file; None if it is gone or not a run file."""
    try:
        (entry,) = json.loads(path.read_text())
        (address,) = entry["targets"]
        return RunFile(str(entry["labels"]["process"]), int(entry["labels"]["__meta_pid"]), str(address))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def living(data_dir: Path) -> list[RunFile]:
    """The running processes with a run file; files of processes that are gone are removed."""
    running = []
    for path in sorted((data_dir / "run").glob(PATTERN)):
        try:
            written, entry = path.stat().st_mtime, read(path)
        except FileNotFoundError:
            continue  # it stopped meanwhile
        if entry is None:
            continue  # not a run file
        if is_running(entry.pid, written):
            running.append(entry)
        else:
            path.unlink(missing_ok=True)
    return running


def is_running(pid: int, written: float) -> bool:
    """Whether process `pid`, which wrote a file at time `written`, still runs; another may have its id by now."""
    try:
        process = psutil.Process(pid)
        # A killed process stays in the process table until its parent waits for it.
        return bool(process.create_time() <= written + 1.0 and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
