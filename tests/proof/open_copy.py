"""Opens copies of a warehouse file as the warehouse does, each in a process of its own: a damaged one may end it."""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from streamgauge.runtime.errors import StreamgaugeError
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.store import connect
from tests.support.audit import RAW

# Forks a process that has imported DuckDB and has opened nothing: imports take longer than the copies.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["__main__", "tests.proof.open_copy"])


def opened(data_dir: Path) -> dict[str, Any]:
    """Open the file in that data directory.

    Returns `refused`, the message; or `events`, the messages that the windows count, and `kept`, the raw rows and dead
    letters, which are equal where the file is consistent; or `crashed`, what else happened.
    """
    receiving, sending = _context.Pipe(duplex=False)
    process = _context.Process(target=_open, args=(data_dir, sending))
    process.start()
    sending.close()
    try:
        found: dict[str, Any] = receiving.recv()
    except EOFError:
        process.join()
        found = {"crashed": f"ended with {process.exitcode}"}
    process.join()
    return found


def _open(data_dir: Path, sending: Connection) -> None:
    try:
        sending.send(_counted(data_dir))
    except StreamgaugeError as error:
        sending.send({"refused": str(error)})
    except Exception as error:  # noqa: BLE001 - whatever a damaged file brings about
        sending.send({"crashed": f"{type(error).__name__}: {str(error).splitlines()[0]}"})


def _counted(data_dir: Path) -> dict[str, Any]:
    db = connect(Settings(data_dir=data_dir))
    if not db.execute("FROM duckdb_tables() WHERE table_name = 'stream_windows'").fetchall():
        return {"kept": 0, "events": 0}  # torn before the tables were made: the warehouse makes them
    sources = " UNION ALL ".join(f"SELECT count(*) AS n FROM {table}" for table in (*RAW.values(), "dead_letters"))
    ((kept,),) = db.execute(f"SELECT sum(n)::BIGINT FROM ({sources})").fetchall()
    ((events,),) = db.execute("SELECT coalesce(sum(events), 0)::BIGINT FROM stream_windows").fetchall()
    return {"kept": kept, "events": events}
