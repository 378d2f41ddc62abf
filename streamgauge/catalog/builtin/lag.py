"""Stream `lag`, in every catalog: what `streamgauge process lag` sampled of each group's partition.

Its tables are built in too: `consumer_lag` (one row a group, topic and partition) and `lag_events` (the history).
Unknown values are absent, never 0.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from streamgauge.catalog.envelope import Envelope
from streamgauge.catalog.stream import Stream
from streamgauge.catalog.types import INT64_MAX, Finite

# Names of groups and topics: what Kafka takes, and the few longer group names that exist.
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
Offset = Annotated[int, msgspec.Meta(ge=0, le=INT64_MAX)]
Status = Literal["UNKNOWN", "OK", "WARN", "REWIND", "STALL", "STOP"]


class LagEvent(Envelope, gc=False, kw_only=True):
    """Topic `lag`, key `group`. All events of one sample have the same `occurred_at`.

    Offsets are counted, transaction markers among them: `lag` are those left to read; where that is not known, at
    least `lag_least` and at most `lag_most` are. `lag_least` beside a `lag`: the sampler may not read the topic, and
    the rest may be markers and aborted events. `lost` were deleted before they were read. `undecided` belong to
    an open transaction and are in neither. `waiting_…` are what the raw tables hold of the events that wait, at least;
    `waiting_complete` says whether that is all of them.
    """

    event_type: Literal["lag.sampled"]
    group: Name
    topic: Name
    partition: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
    end_offset: Offset
    status: Status
    committed_offset: Offset | None = None
    oldest_offset: Offset | None = None
    lag: Offset | None = None
    lag_least: Offset | None = None
    lag_most: Offset | None = None
    lost: Offset | None = None
    undecided: Offset | None = None
    lag_seconds: Finite | None = None
    produced_per_second: Finite | None = None
    consumed_per_second: Finite | None = None
    catch_up_seconds: Finite | None = None
    retention_used: Finite | None = None
    group_state: Name | None = None
    members: Offset | None = None
    member: Name | None = None
    waiting_keys: Offset | None = None
    waiting_cents: Offset | None = None
    waiting_complete: bool | None = None


LAG = Stream("lag", LagEvent, key="group")
