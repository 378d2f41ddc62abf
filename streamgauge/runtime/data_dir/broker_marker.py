"""Broker marker: which local broker runs, for status and pages, in `<data_dir>/run/broker.json`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from streamgauge.runtime import files


@dataclass(frozen=True)
class BrokerMarker:
    """The local broker. `install` is why Apache Kafka cannot run here, and what to do; empty if `exactly_once`."""

    kind: str
    port: int
    pid: int
    exactly_once: bool
    install: str = ""

    @property
    def notice(self) -> str | None:
        """One line for logs, status and pages if figures cannot be trusted, else None."""
        return (
            None
            if self.exactly_once
            else f"{self.kind}: in memory, without exactly-once, figures may be wrong; {self.install}"
        )


def path(data_dir: Path) -> Path:
    """Path of the marker."""
    return data_dir / "run" / "broker.json"


def write(data_dir: Path, marker: BrokerMarker) -> None:
    """Replace the marker, whole at once."""
    files.write_atomically(path(data_dir), json.dumps(asdict(marker)))


def read(data_dir: Path) -> BrokerMarker | None:
    """The marker, or None if no local broker runs (a marker of a process that is gone does not count)."""
    try:
        marker = BrokerMarker(**json.loads(path(data_dir).read_text()))
        # The parent of a killed broker may be slow to wait for it.
        alive = psutil.Process(marker.pid).status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, TypeError, psutil.Error):
        return None
    return marker if alive else None
