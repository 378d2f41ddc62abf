"""Fault injection in `up`: when faults begin, and pausing a consumer. The others: `runtime/data_dir/faults.py`."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from streamgauge.cli.local.supervisor import Supervisor
from streamgauge.runtime.data_dir import faults
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.settings import Settings

DEFAULT_AFTER_S = 20.0
PAUSED = "analytics"
# Paused for most of the time that its group tolerates without a heartbeat, then resumed briefly to send one.
PAUSED_SHARE, RESUMED_S = 0.6, 0.3


class PlannedFault(NamedTuple):
    """A fault that begins `at_s` seconds after all is ready."""

    name: str
    at_s: float


def parse(texts: Iterable[str]) -> list[PlannedFault]:
    """Parse `NAME` or `NAME@SECONDS`, sorted by time. Raises `UsageError`."""
    found = []
    for text in texts:
        name, at, seconds = text.partition("@")
        faults.check(name)
        try:
            after = float(seconds) if at else DEFAULT_AFTER_S
        except ValueError:
            after = -1.0
        if not 0 <= after <= 86_400:
            raise UsageError(f"--fault {name}@SECONDS takes seconds after all is ready, 0 to 86400, not `{seconds}`")
        found.append(PlannedFault(name, after))
    return sorted(found, key=lambda one: one.at_s)


class FaultPlan:
    """Begins faults when due, logs their begin and end, pauses the consumer while `slow-consumer` is active."""

    def __init__(
        self, settings: Settings, texts: Iterable[str], supervisor: Supervisor, write: Callable[[str], None]
    ) -> None:
        self._settings, self._supervisor, self._log = settings, supervisor, write
        self._planned = parse(texts)
        faults.clear(settings.data_dir)
        self._watch = faults.FaultWatch(settings.data_dir)
        self._on: set[str] = set()
        self._paused = False
        self._next = 0.0

    def tick(self, ready_s: float) -> None:
        """Call several times a second; `ready_s` is how long all has been ready."""
        while self._planned and ready_s >= self._planned[0].at_s:
            faults.begin(self._settings.data_dir, self._planned.pop(0).name)
        on = {name for name in faults.NAMES if self._watch.active(name)}
        for name in sorted(on - self._on):
            self._log(f"fault {name}: {faults.NAMES[name]}")
        for name in sorted(self._on - on):
            self._log(f"fault {name} is over")
        self._on = on
        self._pause(faults.SLOW_CONSUMER in on)

    def _pause(self, wanted: bool) -> None:  # noqa: FBT001
        if not wanted:
            self._resume()
            return
        now = time.monotonic()
        if now < self._next:
            return
        if self._paused:
            self._resume()
            self._next = now + RESUMED_S
        else:
            tolerated_ms = min(self._settings.session_timeout_ms, self._settings.transaction_timeout_ms)
            self._next = now + PAUSED_SHARE * tolerated_ms / 1_000
            self._signal(signal.SIGSTOP)
            self._paused = True

    def _resume(self) -> None:
        if self._paused:
            self._signal(signal.SIGCONT)
            self._paused = False

    def _signal(self, number: signal.Signals) -> None:
        one = self._supervisor.running.get(PAUSED)
        if one is not None:
            one.signal(number)

    def end(self) -> None:
        """End all faults and resume the consumer."""
        self._resume()
        faults.clear(self._settings.data_dir)
