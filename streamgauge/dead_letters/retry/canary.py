"""Canary ladder: how many letters are sent before the outcome of the last ones is known. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import TypeVar

STEPS = (1, 5, 20, 100)
GROWTH = 5
Item = TypeVar("Item")


def sizes() -> Iterator[int]:
    """1, 5, 20, 100, then five times as many each time."""
    yield from STEPS
    for power in count(1):
        yield STEPS[-1] * GROWTH**power


def rungs(items: Sequence[Item]) -> list[Sequence[Item]]:
    """The items in order, rung by rung."""
    made, start = list[Sequence[Item]](), 0
    for size in sizes():
        if start >= len(items):
            break
        made.append(items[start : start + size])
        start += size
    return made


class Pace:
    """Rate limit over all rungs, in letters a second. Times are monotonic seconds."""

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._due = now

    def wait_s(self, number: int, now: float) -> float:
        """Seconds to wait before the next `number` are sent; call once before each batch."""
        # Time spent waiting for the consumer is not made up for by sending faster.
        start = max(self._due, now)
        self._due = start + number / self._rate
        return start - now


def batches(rung: Sequence[Item], rate: float) -> list[Sequence[Item]]:
    """A rung in batches of half a second each, at most 100 letters: a long transaction blocks its readers."""
    size = min(max(1, int(rate / 2)), 100)
    return [rung[start : start + size] for start in range(0, len(rung), size)]
