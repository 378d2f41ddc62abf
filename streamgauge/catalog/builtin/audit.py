"""Stream `audit`, in every catalog: who did what to which target through the pages, and the outcome.

Its table `audit_events` is built in too. Like the records of retries, these record work on the pipeline and not traffic
through it: no count of events and no freshness includes them.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from streamgauge.catalog.stream import Stream
from streamgauge.catalog.types import Id, Millis, Text

AUDIT_TOPIC = "audit"
# The action that closes the circuit breaker of the stream `target`; `detail` is a `Closing` (JSON).
CLOSE_BREAKER = "close circuit breaker"
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
Outcome = Literal["requested", "done", "failed"]


class OperatorActed(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """One step of an action; key `action_id`, the same for all of its steps.

    `requested` is written before anything is done: an action that has nothing after it was begun, and nobody knows how
    it ended. `detail` is what was announced, then what came of it.
    """

    action_id: Id
    acted_at: Millis
    actor: Name
    role: Name
    action: Name
    target: Text
    detail: Text
    outcome: Outcome


class Closing(msgspec.Struct, frozen=True):
    """Up to which offset of each partition of the stream bad events are dead letters, however many they are."""

    until: dict[int, int]


AUDIT = Stream(AUDIT_TOPIC, OperatorActed, key="action_id", event_time="acted_at")
