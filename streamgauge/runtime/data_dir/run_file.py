"""The small file a running process leaves in `<data_dir>/run/`: where its `/metrics` and `/health` are.

It is a target file of Prometheus's file discovery, so that Prometheus finds every process and every replica by itself:

    [{"targets": ["127.0.0.1:9102"], "labels": {"process": "analytics", "__meta_pid": "4711"}}]

A label that begins `__meta_` is for us: Prometheus drops it before it stores anything, so that a restart makes no new
series. A process that was killed leaves its file, and Prometheus a target that is down. The next process on the same
port removes it, and so does `streamgauge status`.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import psutil

from streamgauge.runtime import files

PATTERN = "*-*.json"  # other files of that folder have no hyphen in their name, or another ending
_ANY = ("0.0.0.0", "::", "")  # noqa: S104 - recognised, not bound


@dataclass(frozen=True)
class RunFile:
    """One process: its name, its number, and `host:port` of its metrics."""

    name: str
    pid: int
    address: str


def write(data_dir: Path, name: str, host: str, port: int) -> Path:
    """Write this process's file, whole at once, and remove those of dead processes that had its port.

    Raises `OSError` where the folder cannot be written.
    """
    host = "127.0.0.1" if host in _ANY else host
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    folder = data_dir / "run"
    path = folder / f"{name}-{os.getpid()}.json"
    for other in folder.glob(PATTERN):
        # The port is ours now, so whoever says the same is gone.
        if other != path and (entry := read(other)) is not None and entry.address == address:
            other.unlink(missing_ok=True)
    labels = {"process": name, "__meta_pid": str(os.getpid())}
    files.write_atomically(path, json.dumps([{"targets": [address], "labels": labels}]))
    return path


def read(path: Path) -> RunFile | None:
    """What a file says, or None for one that is gone or is not one of these."""
    try:
        (entry,) = json.loads(path.read_text())
        (address,) = entry["targets"]
        return RunFile(str(entry["labels"]["process"]), int(entry["labels"]["__meta_pid"]), str(address))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def living(data_dir: Path) -> list[RunFile]:
    """The processes with a file that run; files of those that are gone are removed."""
    found = []
    for path in sorted((data_dir / "run").glob(PATTERN)):
        try:
            written, entry = path.stat().st_mtime, read(path)
        except FileNotFoundError:
            continue  # it stopped meanwhile
        if entry is None:
            continue  # not one of these files
        if lives(entry.pid, written):
            found.append(entry)
        else:
            path.unlink(missing_ok=True)
    return found


def lives(pid: int, written: float) -> bool:
    """Whether the process that wrote its file then lives: a later one may have its number, after a restart say."""
    try:
        process = psutil.Process(pid)
        # One that was killed stays in the table until whoever started it has looked.
        return bool(process.create_time() <= written + 1.0 and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
