"""Stream `dead-letter-retries`, in every catalog: which dead letters were retried, when, by whom, to where.

Its table `dead_letter_retries` is built in too. These are records of work on the pipeline and not traffic through it:
no count of events and no freshness includes them.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from streamgauge.catalog.stream import Stream
from streamgauge.catalog.types import INT64_MAX, Id, Millis, Text

RETRIES_TOPIC = "dead-letter-retries"
# A place, `topic:partition:offset`, and what else may be longer than an id.
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]


class LetterRetried(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """One record, in the same Kafka transaction as the event it speaks of; key `letter`.

    `letter` is the dead letter's id (`topic:partition:offset` of the event that failed), `topic_id` that of the topic
    that the event was in, where it is known: a topic made anew has letters of its own. `sent_…` is where the event was
    sent to; if it fails again, its new dead letter has that place as its id.
    """

    letter: Name
    attempt: Annotated[int, msgspec.Meta(ge=1, le=2_000_000)]
    retried_at: Millis
    retried_by: Name
    run: Id
    stream: Name
    reason: Name
    fingerprint: str
    sent_topic: Name
    sent_partition: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
    sent_offset: Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX)]
    edited: bool
    original_sha256: str
    sent_sha256: str
    edit: Text | None = None
    topic_id: Name | None = None
    sent_topic_id: Name | None = None

    @property
    def exact(self) -> str:
        """`topic:partition:offset:topic-id` of the event that failed, without the last part where it is not known."""
        return f"{self.letter}:{self.topic_id}" if self.topic_id else self.letter


RETRIES = Stream(RETRIES_TOPIC, LetterRetried, key="letter", event_time="retried_at")
