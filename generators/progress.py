"""Progress of a run: a status line on a terminal, else a log line every few seconds."""

from __future__ import annotations

import logging
import sys
from types import TracebackType

from rich.console import Console
from rich.status import Status

log = logging.getLogger("streamgauge")
LOG_EVERY_S = 5.0


class Progress:
    """Context manager; `show` may be called at any rate."""

    def __init__(self, count: int | None, for_s: float | None) -> None:
        self._count = count
        self._for_s = for_s
        self._next_log = LOG_EVERY_S
        self._last = (0, 0.0)
        self._status = Status("starting", console=Console(stderr=True)) if sys.stderr.isatty() else None

    def __enter__(self) -> Progress:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, acknowledged: int, seconds: float, *, final: bool = False) -> None:
        """Show the total and the rate since the last update; with `final`, the rate of the whole run."""
        events, then = (0, 0.0) if final else self._last
        rate = (acknowledged - events) / max(seconds - then, 1e-9)
        goal = (
            f" of {self._count:,}" if self._count else f" in {seconds:.0f} of {self._for_s:g} s" if self._for_s else ""
        )
        line = f"{acknowledged:,} events{goal}, {rate:,.0f}/s"
        if final:
            log.info("%s over %.1f s", line, seconds)
        elif self._status is not None:
            self._status.update(line)
            self._last = (acknowledged, seconds)
        elif seconds >= self._next_log:
            self._next_log = seconds + LOG_EVERY_S
            self._last = (acknowledged, seconds)
            log.info("%s", line)
