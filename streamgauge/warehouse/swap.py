"""Swap in a rebuilt file: `streamgauge rebuild` prepares it, the warehouse takes it when it starts.

The name of the prepared file has the digest of the models that made it: only a warehouse with the same models takes it.
At any moment, even after kill -9, the warehouse's file is either the old one or the new one, whole; the old one is kept
beside it until the next swap.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import duckdb

from streamgauge.runtime.errors import FatalError
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse import file_errors

log = logging.getLogger("streamgauge")


def restart() -> None:
    """Replace this process by a new run of its command line, so that nothing of the old file stays open."""
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - our own command line


def prepared(settings: Settings, digest: str) -> Path:
    """Path of the file that waits to be swapped in."""
    return settings.data_dir / f"warehouse.{digest}.next.duckdb"


def before(settings: Settings) -> Path:
    """Path of the file that was in place before the last swap."""
    return settings.data_dir / "warehouse.before-rebuild.duckdb"


def put(settings: Settings, digest: str, built: Path) -> None:
    """Offer the finished file `built` to the warehouse, atomically and durably."""
    _sync(built)
    os.replace(built, prepared(settings, digest))
    _sync(settings.data_dir)


def apply(settings: Settings, digest: str) -> bool:
    """Swap in the prepared file, if there is one, before the warehouse opens its own; returns whether it did.

    Raises `UsageError` when another process has the current file open, and `FatalError` when that file's write-ahead
    log cannot be emptied: applied to another file, it would corrupt it.
    """
    waiting, current, last = prepared(settings, digest), settings.warehouse_file, before(settings)
    if not waiting.exists():
        return False
    if current.exists():
        # Opening replays a write-ahead log that a kill -9 left, the checkpoint empties it. A second owner is refused.
        try:
            with duckdb.connect(str(current), config={"memory_limit": settings.warehouse_memory}) as db:
                db.execute("CHECKPOINT")
        except duckdb.Error as error:
            raise file_errors.not_opened(error, settings, "put aside") from None
        if current.with_name(current.name + ".wal").exists():
            raise FatalError(f"{current} cannot be put aside: its write-ahead log is still there")
        last.unlink(missing_ok=True)
        try:
            os.link(current, last)
        except OSError as error:
            log.warning("the old file is not kept, the file system has no hard links: %s", error)
    os.replace(waiting, current)
    _sync(settings.data_dir)
    log.info("the rebuilt file is in place; the previous one is %s", last)
    return True


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
