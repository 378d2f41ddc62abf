"""Totals for reconciliation: how many events were published, and how many the log has, in `<data_dir>/traffic/`.

    published-generate-4711.json    events acknowledged to one producer, by stream; written every second
    log.json                        events in the log, whoever wrote them, counted by reading it; by `streamgauge up`

Each is replaced atomically. `up` begins with an empty folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from streamgauge.runtime import files

FOLDER = "traffic"
Counts = Mapping[str, int]


@dataclass(frozen=True)
class Published:
    """Events by stream that the broker acknowledged to one producer; times in ms since the epoch.

    Not `complete` while it runs, nor after it was killed: then it published at least these.
    """

    name: str
    pid: int
    began_ms: int
    written_ms: int
    complete: bool
    streams: Counts


@dataclass(frozen=True)
class Log:
    """Events by stream that `up` counted in the log since it began; times in ms since the epoch.

    - logged: committed events; those in the log at `counted_ms` are all included.
    - processed: those that analytics has committed as processed; a lower bound.
    - due: those whose figures the warehouse has committed: any that SQL does not show are missing.
    - before: events that SQL showed when the count began, of windows from `since_ms` on; `clean` is whether nothing was
      in flight then.
    """

    pid: int
    began_ms: int
    since_ms: int
    written_ms: int
    counted_ms: int
    clean: bool
    before: Counts
    logged: Counts
    processed: Counts
    due: Counts


def write_published(data_dir: Path, one: Published) -> None:
    """Replace the producer's file. Raises `OSError`."""
    files.write_atomically(data_dir / FOLDER / f"published-{one.name}-{one.pid}.json", json.dumps(asdict(one)))


def write_log(data_dir: Path, log: Log) -> None:
    """Replace the count of the log. Raises `OSError`."""
    files.write_atomically(data_dir / FOLDER / "log.json", json.dumps(asdict(log)))


def published(data_dir: Path) -> list[Published]:
    """The totals of every producer with a file here; unreadable files are skipped."""
    totals = []
    for path in sorted((data_dir / FOLDER).glob("published-*.json")):
        try:
            totals.append(Published(**json.loads(path.read_text())))
        except (OSError, ValueError, TypeError):
            continue  # gone meanwhile, or of another version
    return totals


def log(data_dir: Path) -> Log | None:
    """The last count of the log, or None if there is none."""
    try:
        return Log(**json.loads((data_dir / FOLDER / "log.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
