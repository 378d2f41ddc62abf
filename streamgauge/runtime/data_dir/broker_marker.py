"""What runs as the local broker, for those who must say so (status, pages): `<data_dir>/run/broker.json`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from streamgauge.runtime import files


@dataclass(frozen=True)
class BrokerMarker:
    """`install` says what Apache Kafka lacks here and what to do about it; empty where `exactly_once` holds."""

    kind: str
    port: int
    pid: int
    exactly_once: bool
    install: str = ""

    @property
    def notice(self) -> str | None:
        """One line for logs, status and pages where figures cannot be trusted, else None."""
        return (
            None
            if self.exactly_once
            else f"{self.kind}: in memory, without exactly-once, figures may be wrong; {self.install}"
        )


def path(data_dir: Path) -> Path:
    """Where the marker is."""
    return data_dir / "run" / "broker.json"


def write(data_dir: Path, marker: BrokerMarker) -> None:
    """Replace the marker, whole at once."""
    files.write_atomically(path(data_dir), json.dumps(asdict(marker)))


def read(data_dir: Path) -> BrokerMarker | None:
    """The marker, or None where no local broker of ours runs (one whose process is gone counts as none)."""
    try:
        marker = BrokerMarker(**json.loads(path(data_dir).read_text()))
        # Whoever adopts a killed command's broker may be slow to bury it.
        alive = psutil.Process(marker.pid).status() != psutil.STATUS_ZOMBIE
    except (OSError, ValueError, TypeError, psutil.Error):
        return None
    return marker if alive else None
