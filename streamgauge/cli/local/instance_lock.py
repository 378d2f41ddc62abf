"""Lock of the data directory for one `up` at a time, and its handling of signals."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from streamgauge.runtime import files
from streamgauge.runtime.errors import UsageError

# One Ctrl-C may arrive twice: from the terminal, and forwarded by the parent process.
ONE_PRESS_S = 0.5


@contextmanager
def instance_lock(data_dir: Path) -> Iterator[None]:
    """Lock the data directory for the block. Raises `UsageError` where another `up` holds it."""
    path = data_dir / "run" / "up.lock"
    try:
        lock = files.try_lock(path)
    except OSError as error:
        raise UsageError(f"cannot write to {data_dir} ({error.strerror}); set STREAMGAUGE_DATA_DIR") from None
    if lock is None:
        raise UsageError(
            f"`streamgauge up` is already running with {data_dir} (process {path.read_text().strip() or 'unknown'}); "
            "stop it first, or set STREAMGAUGE_DATA_DIR to another folder"
        )
    with lock:
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextmanager
def interruptible(stop: threading.Event) -> Iterator[None]:
    """SIGTERM and Ctrl-C set `stop`; a second Ctrl-C raises `KeyboardInterrupt` in the block. Main thread only."""
    pressed_at: float | None = None

    def handle(number: int, _frame: FrameType | None) -> None:
        nonlocal pressed_at
        stop.set()
        if number == signal.SIGINT:
            if pressed_at is not None and time.monotonic() - pressed_at > ONE_PRESS_S:
                raise KeyboardInterrupt
            pressed_at = pressed_at or time.monotonic()

    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
