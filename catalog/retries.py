"""The record of a retry: which dead letter was sent again, when, by whom, where to, and whether it was edited."""

from __future__ import annotations

import msgspec

from catalog.types import Millis

RETRIES_TOPIC = "dead-letter-retries"


class LetterRetried(msgspec.Struct, frozen=True, kw_only=True):
    """One record of the topic `dead-letter-retries`, in the same Kafka transaction as the event it speaks of.

    `letter` is the dead letter's id (`topic:partition:offset` of the event that failed), `topic`, `partition` and
    `offset` are where the event was sent to; if it fails again, its new dead letter has that place as its id.
    """

    letter: str
    attempt: int
    retried_at: Millis
    retried_by: str
    run: str
    stream: str
    reason: str
    fingerprint: str
    topic: str
    partition: int
    offset: int
    edited: bool
    edit: str | None = None
    original_sha256: str
    sent_sha256: str
