"""DuckDB's errors about the warehouse's file: one line each, with the cause and what to do, and no failed
rollback in the cause's place."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import duckdb

from streamgauge.runtime.errors import FatalError, StreamgaugeError, UsageError
from streamgauge.runtime.settings import Settings

REBUILD = "move the file and its `.wal` aside (keep them), and the tables are rebuilt from the topic `analytics`"
_MEMORY = "set STREAMGAUGE_WAREHOUSE_MEMORY to another size, as `2GB`"
# Parts of DuckDB's messages, in the order in which they are looked for, and what to do.
_ADVICE = (
    ("No space left on device", "make room on the disk of {folder} and start again: everything merged is kept"),
    (
        "Conflicting lock",
        "one process owns the file: stop the other one, or set STREAMGAUGE_DATA_DIR to another folder",
    ),
    ("Permission denied", "this user must be able to write to {folder}"),
    ("Read-only file system", "this user must be able to write to {folder}"),
    ("replaying WAL", f"the write-ahead log is damaged: {REBUILD}"),
    ("Corrupt", f"the file is damaged: {REBUILD}"),
    ("enough bytes", f"the file is cut short: {REBUILD}"),
    ("not a valid DuckDB", f"{REBUILD}"),
    ("version number", f"another version of DuckDB wrote it: install that one, or {REBUILD}"),
    ("Unknown unit for memory", _MEMORY),
    ("Memory must have", _MEMORY),
    ("Out of Memory", _MEMORY),
)


def cause(error: duckdb.Error, settings: Settings) -> str:
    """The error in one line, and what to do where that is known."""
    text = str(error).partition("\n")[0].strip()
    for part, advice in _ADVICE:
        if part in text:
            return f"{text}; {advice.format(folder=settings.data_dir)}"
    return text


def not_opened(error: duckdb.Error, settings: Settings, done: str = "opened") -> StreamgaugeError:
    """The error of a start that cannot open the file: only a full disk may pass by itself."""
    kind = FatalError if "No space left" in str(error) else UsageError
    return kind(f"{settings.warehouse_file} cannot be {done}: {cause(error, settings)}")


@contextlib.contextmanager
def one_line(settings: Settings) -> Iterator[None]:
    """Raise `FatalError` for what DuckDB raises in the block."""
    try:
        yield
    except duckdb.Error as error:
        raise FatalError(f"the warehouse stops: {cause(error, settings)}") from error


@contextlib.contextmanager
def transaction(db: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Run the block in a transaction: all or nothing, and the block's own error where it fails."""
    db.execute("BEGIN")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # A failed COMMIT has rolled back already, and after a fatal error nothing can be executed.
        with contextlib.suppress(duckdb.Error):
            db.execute("ROLLBACK")
        raise
