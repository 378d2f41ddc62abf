"""Duplicate events, as a producer without idempotence sends them: same bytes and key, a little later."""

from __future__ import annotations

import heapq
from random import Random

from generators.encode import Event

LATEST_MS = 3_000


class Duplicates:
    """Chooses a `share` (0 to 1) of the events and when their copies are due; equal seeds choose equal events."""

    def __init__(self, seed: int, share: float) -> None:
        self._rng = Random(f"again {seed}")
        self._share = share
        self._waiting: list[tuple[int, int, Event]] = []
        self._number = 0

    def due(self, events: list[Event], now_ms: int) -> list[Event]:
        """Choose among `events`, published at `now_ms`; returns the copies that are due by then."""
        random = self._rng.random
        for event in events:
            if random() < self._share:
                self._number += 1
                heapq.heappush(self._waiting, (now_ms + 50 + int(random() * LATEST_MS), self._number, event))
        out = []
        while self._waiting and self._waiting[0][0] <= now_ms:
            out.append(heapq.heappop(self._waiting)[2])
        return out

    def remaining(self) -> list[Event]:
        """The copies that are not due yet; there are none afterwards."""
        remaining = [event for _, _, event in sorted(self._waiting, key=lambda one: one[:2])]
        self._waiting.clear()
        return remaining
