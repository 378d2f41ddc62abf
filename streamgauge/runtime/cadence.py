"""When a batch is due: every interval, the work on the one before included."""

import time


class Cadence:
    """Deadlines `interval_s` apart. Work that takes long eats into the wait, but never into more than half of it."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._due = 0.0

    def next(self, now: float | None = None) -> float:
        """The next deadline, on the monotonic clock."""
        now = time.monotonic() if now is None else now
        due = max(self._due, now - self._interval_s / 2) + self._interval_s
        self._due = min(due, now + self._interval_s)
        return self._due
