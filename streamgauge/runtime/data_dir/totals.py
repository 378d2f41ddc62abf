"""The small files in which producers and `up` say how much there is, in `<data_dir>/traffic/`: what a proof compares.

    published-generate-4711.json    what one producer had acknowledged, by stream; written every second
    log.json                        what the log has, whoever wrote it, counted by reading it; by `streamgauge up`

Each is replaced whole: a reader sees the old one or the new one. `up` begins with an empty folder.
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
    """One producer: events that the broker acknowledged.

    Not `complete` while it runs, nor ever where it was killed: then it published at least these.
    """

    name: str
    pid: int
    began_ms: int
    written_ms: int
    complete: bool
    streams: Counts


@dataclass(frozen=True)
class Log:
    """What `up` counted in the log since it began, by stream; all times are ms since the epoch.

    - logged: committed events. Whatever was in the log at `counted_ms` is among them.
    - processed: those whose processing analytics has committed; at least so many.
    - due: those whose figures the warehouse has committed: what SQL does not show of these is missing.
    - before: events that SQL showed when the count began, of windows from `since_ms` on. `clean` is whether nothing was
      on its way then.
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
    """Every producer that wrote a file here."""
    found = []
    for path in sorted((data_dir / FOLDER).glob("published-*.json")):
        try:
            found.append(Published(**json.loads(path.read_text())))
        except (OSError, ValueError, TypeError):
            continue  # gone meanwhile, or another version's
    return found


def log(data_dir: Path) -> Log | None:
    """The last count of the log, or None where nobody counts."""
    try:
        return Log(**json.loads((data_dir / FOLDER / "log.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
