"""Events that are sent a second time, as a producer without idempotence does: same bytes, same key, a little later."""

from __future__ import annotations

import heapq
from random import Random

from generators.encode import Event

LATEST_MS = 3_000


class Again:
    """Chooses a `share` of events, and says when their copies are due; the same seed chooses the same ones."""

    def __init__(self, seed: int, share: float) -> None:
        self._rng = Random(f"again {seed}")
        self._share = share
        self._waiting: list[tuple[int, int, Event]] = []
        self._number = 0

    def due(self, events: list[Event], now_ms: int) -> list[Event]:
        """Choose among the events of now; returns the copies that are due."""
        random = self._rng.random
        for event in events:
            if random() < self._share:
                self._number += 1
                heapq.heappush(self._waiting, (now_ms + 50 + int(random() * LATEST_MS), self._number, event))
        out = []
        while self._waiting and self._waiting[0][0] <= now_ms:
            out.append(heapq.heappop(self._waiting)[2])
        return out

    def rest(self) -> list[Event]:
        """The copies that were not due yet."""
        rest = [event for _, _, event in sorted(self._waiting, key=lambda one: one[:2])]
        self._waiting.clear()
        return rest
