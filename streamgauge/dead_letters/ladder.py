"""The canary ladder: how many letters go out before somebody looks. Pure."""

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


def batches(rung: Sequence[Item], rate: float) -> list[Sequence[Item]]:
    """A rung in parts of half a second each, at most 100: a transaction that is open long holds up its readers."""
    size = min(max(1, int(rate / 2)), 100)
    return [rung[start : start + size] for start in range(0, len(rung), size)]
