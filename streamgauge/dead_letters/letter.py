"""One dead letter, as the table `dead_letters` and the letter's own headers describe it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from streamgauge.dead_letters.headers import Position


@dataclass(frozen=True)
class Letter:
    """One dead letter. `position` is that of the event when it failed, `root` that before any retry.

    `place` is the letter's own position in `letter_topic`; None of those that analytics wrote, which name the event.
    """

    position: Position
    stream: str
    reason: str
    fingerprint: str
    field: str | None
    detail: str
    attempts: int
    root: Position
    consumer: str | None
    letter_topic: str
    dead_at: datetime
    place: Position | None = None

    @property
    def id(self) -> str:
        """`topic:partition:offset`; `position.exact` tells letters of topics of the same name apart."""
        return str(self.position)

    @classmethod
    def unlisted(cls, position: Position) -> Letter:
        """A letter that the table no longer has; its topic, which keeps letters longer, is read from the start."""
        beginning = datetime.fromtimestamp(0, UTC)
        return cls(
            position, position.topic, "unknown", "", None, "", 1, position, None, f"{position.topic}.dlq", beginning
        )
