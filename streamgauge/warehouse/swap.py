"""A rebuilt file in the running one's place: prepared by `streamgauge rebuild`, done by the warehouse itself.

The file's name carries the digest of the models that made it: only a warehouse with the same models takes it. At any
moment, kill -9 or not, either the old file or the new one is there under the one name that counts; the old one stays
beside it until the next swap.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import duckdb

from streamgauge.runtime.errors import FatalError, UsageError
from streamgauge.runtime.settings import Settings

log = logging.getLogger("streamgauge")


def start_anew() -> None:
    """Become the same command again, in the same process: what it holds of the old file is gone for certain."""
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - our own command line


def prepared(settings: Settings, digest: str) -> Path:
    """Where the next file waits."""
    return settings.data_dir / f"warehouse.{digest}.next.duckdb"


def before(settings: Settings) -> Path:
    """Where the last file is kept."""
    return settings.data_dir / "warehouse.before-rebuild.duckdb"


def put(settings: Settings, digest: str, built: Path) -> None:
    """Offer a finished file, whole or not at all."""
    _sync(built)
    os.replace(built, prepared(settings, digest))
    _sync(settings.data_dir)


def apply(settings: Settings, digest: str) -> bool:
    """Take the prepared file, if there is one, before the warehouse opens its own. True where it did.

    Raises `FatalError` where the running file's write-ahead log cannot be emptied: it must never meet another file.
    """
    waiting, current, last = prepared(settings, digest), settings.warehouse_file, before(settings)
    if not waiting.exists():
        return False
    if current.exists():
        # Opening replays what a kill -9 left in the log; closing writes it into the file. Two owners are refused.
        try:
            with duckdb.connect(str(current), config={"memory_limit": settings.warehouse_memory}) as db:
                db.execute("CHECKPOINT")
        except duckdb.IOException as error:
            raise UsageError(f"{current} cannot be put aside: {str(error).splitlines()[0]}") from None
        except duckdb.Error as error:
            raise FatalError(f"{current} cannot be put aside: {str(error).splitlines()[0]}") from error
        if current.with_name(current.name + ".wal").exists():
            raise FatalError(f"{current} cannot be put aside: its write-ahead log is still there")
        last.unlink(missing_ok=True)
        try:
            os.link(current, last)
        except OSError as error:
            log.warning("the old file is not kept, this file system has no links: %s", error)
    os.replace(waiting, current)
    _sync(settings.data_dir)
    log.info("the rebuilt file is in place; the one before is %s", last)
    return True


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
