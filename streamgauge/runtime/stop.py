"""A graceful stop: SIGTERM and SIGINT set an event that every loop looks at."""

import signal
import threading
from types import FrameType


def on_signals() -> threading.Event:
    """Install handlers in the main thread; the event is set by the first SIGTERM or SIGINT."""
    stop = threading.Event()

    def handle(_signum: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return stop
