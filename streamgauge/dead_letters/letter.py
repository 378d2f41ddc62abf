"""One dead letter, as the table `dead_letters` and the letter's own headers describe it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from streamgauge.dead_letters.headers import Place


@dataclass(frozen=True)
class Letter:
    """One dead letter. `place` is where the event was when it failed; `root` where it was before any retry."""

    place: Place
    stream: str
    reason: str
    fingerprint: str
    field: str | None
    detail: str
    attempts: int
    root: Place
    consumer: str | None
    letter_topic: str
    dead_at: datetime

    @property
    def id(self) -> str:
        """`topic:partition:offset`"""
        return str(self.place)

    @classmethod
    def unlisted(cls, place: Place) -> Letter:
        """A letter of ours that the table no longer has; its topic, which keeps longer, is read from the start."""
        beginning = datetime.fromtimestamp(0, UTC)
        return cls(place, place.topic, "unknown", "", None, "", 1, place, None, f"{place.topic}.dlq", beginning)
