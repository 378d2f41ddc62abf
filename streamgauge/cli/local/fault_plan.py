"""Faults on command in `up`: when they begin, and holding a consumer up. The others: `runtime/data_dir/faults.py`."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from streamgauge.cli.local.supervisor import Supervisor
from streamgauge.runtime.data_dir import faults
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.settings import Settings

AFTER_S = 20.0
HELD_UP = "analytics"
# Stopped for most of the time its group bears without a heartbeat, and let go for a moment to give one.
STOPPED_PART, RUNS_S = 0.6, 0.3


class Planned(NamedTuple):
    """A fault, and how many seconds after all is ready it begins."""

    name: str
    at_s: float


def parse(asked: Iterable[str]) -> list[Planned]:
    """`NAME` or `NAME@SECONDS`. Raises `UsageError` in one line for what is neither."""
    found = []
    for text in asked:
        name, at, seconds = text.partition("@")
        faults.check(name)
        try:
            after = float(seconds) if at else AFTER_S
        except ValueError:
            after = -1.0
        if not 0 <= after <= 86_400:
            raise UsageError(f"--fault {name}@SECONDS begins so many seconds after all is ready, not `{seconds}`")
        found.append(Planned(name, after))
    return sorted(found, key=lambda one: one.at_s)


class Faults:
    """`tick` often: begins what is due, tells what begins and ends, holds the consumer up while it shall be."""

    def __init__(
        self, settings: Settings, asked: Iterable[str], supervisor: Supervisor, say: Callable[[str], None]
    ) -> None:
        self._settings, self._supervisor, self._say = settings, supervisor, say
        self._planned = parse(asked)
        faults.clear(settings.data_dir)
        self._watch = faults.Watch(settings.data_dir)
        self._on: set[str] = set()
        self._stopped = False
        self._next = 0.0

    def tick(self, ready_s: float) -> None:
        """`ready_s` is how long all has been ready."""
        while self._planned and ready_s >= self._planned[0].at_s:
            faults.begin(self._settings.data_dir, self._planned.pop(0).name)
        on = {name for name in faults.NAMES if self._watch.active(name)}
        for name in sorted(on - self._on):
            self._say(f"fault {name}: {faults.NAMES[name]}")
        for name in sorted(self._on - on):
            self._say(f"fault {name} is over")
        self._on = on
        self._hold_up(faults.SLOW_CONSUMER in on)

    def _hold_up(self, wanted: bool) -> None:  # noqa: FBT001
        if not wanted:
            self._let_go()
            return
        now = time.monotonic()
        if now < self._next:
            return
        if self._stopped:
            self._let_go()
            self._next = now + RUNS_S
        else:
            bears_ms = min(self._settings.session_timeout_ms, self._settings.transaction_timeout_ms)
            self._next = now + STOPPED_PART * bears_ms / 1_000
            self._signal(signal.SIGSTOP)
            self._stopped = True

    def _let_go(self) -> None:
        if self._stopped:
            self._signal(signal.SIGCONT)
            self._stopped = False

    def _signal(self, number: signal.Signals) -> None:
        one = self._supervisor.running.get(HELD_UP)
        if one is not None:
            one.signal(number)

    def end(self) -> None:
        """Everything goes on as usual."""
        self._let_go()
        faults.clear(self._settings.data_dir)
