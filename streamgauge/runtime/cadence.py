"""Cadence: deadlines for batches at a fixed interval, which includes the time of the work."""

import time


class Cadence:
    """Deadlines `interval_s` apart. Slow work shortens the wait for the next one, by at most half an interval."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._due = 0.0

    def next(self, now: float | None = None) -> float:
        """The next deadline, in seconds of the monotonic clock; `now` is the current time by default."""
        now = time.monotonic() if now is None else now
        due = max(self._due, now - self._interval_s / 2) + self._interval_s
        self._due = min(due, now + self._interval_s)
        return self._due
