"""Graceful stop: SIGTERM and SIGINT set an event that every loop checks."""

import signal
import threading
from types import FrameType


def on_signals() -> threading.Event:
    """Install signal handlers, in the main thread; returns the event that SIGTERM or SIGINT sets."""
    stop = threading.Event()

    def handle(_signum: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return stop
