"""Timing of a story: gaps between its events, and differences between clocks. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

DEAD = "dead letter: "


@dataclass(frozen=True)
class Step:
    """An event of a story. `gap_s` is the time since the previous event; `behind_s` is how much earlier, by its own
    clock, it happened than an event before it in the story: clocks differ, or it came late."""

    row: Mapping[str, Any]
    gap_s: float | None
    behind_s: float

    @property
    def dead(self) -> bool:
        """Whether it is a dead letter."""
        return str(self.row["event"]).startswith(DEAD)


@dataclass(frozen=True)
class Gap:
    """The longest gap of a story, and the events around it."""

    seconds: float
    after: str
    before: str


def steps(rows: Sequence[Mapping[str, Any]]) -> list[Step]:
    """The events in the story's order."""
    result: list[Step] = []
    latest = None
    for row in rows:
        happened = row["happened_at"]
        moved = 0.0 if latest is None else (happened - latest).total_seconds()
        result.append(Step(row, None if latest is None else max(0.0, moved), max(0.0, -moved)))
        latest = happened if latest is None else max(latest, happened)
    return result


def longest_gap(story: Sequence[Step]) -> Gap | None:
    """The longest gap; None for a single event."""
    pairs = zip(story, story[1:], strict=False)
    gaps = [Gap(after.gap_s or 0.0, before.row["event"], after.row["event"]) for before, after in pairs]
    return max(gaps, key=lambda gap: gap.seconds, default=None)


def skewed(story: Sequence[Step]) -> tuple[str, float] | None:
    """The service whose clock is furthest behind the others, and by how many seconds; None if all agree.

    Late events are not counted.
    """
    off = [(step.behind_s, str(step.row["service"])) for step in story if step.behind_s and not step.row["late"]]
    if not off:
        return None
    seconds, service = max(off)
    return service, seconds
