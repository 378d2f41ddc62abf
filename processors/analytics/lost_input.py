"""Lost input: events that retention deleted before analytics read them. They are in no figure, and somebody must know.

Where a partition is resumed at an offset before the beginning of its log, what lies between is lost. The next
transaction names it and commits the beginning of the log as the group's offset: so it is recorded once. Offsets that
were never events (transaction markers, aborted and compacted ones) are in the number, but a gap within the log is no
loss. A single offset is taken for a marker, which an idle stream ends with.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Container, Iterable, Mapping, Sequence

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streamgauge.deltas.provenance import Lost
from streamgauge.runtime import metrics
from streamgauge.runtime.kafka import Partition

CALL_S = 10.0
MARKER = 1
log = logging.getLogger("streamgauge")


class LostInput:
    """`pending` are the losses that no transaction has named yet."""

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin
        self.pending: list[Lost] = []
        self._reported: set[Lost] = set()

    def resume(
        self,
        committed: Sequence[TopicPartition],
        starts: Sequence[TopicPartition],
        topic_ids: Mapping[str, str],
        aside: Container[str] = (),
    ) -> list[TopicPartition]:
        """Where to read each partition from: `starts`, but not before its log begins, nor after it ends.

        Sets `pending` anew. `committed` are the group's offsets of the same partitions; without one, nothing is lost.
        Streams that are set `aside` stay where they are: what they lose meanwhile is found when they go on.
        """
        # A topic made anew is read from its beginning: the first offset needed is 0.
        needed = {
            (at.topic, at.partition): max(at.offset, 0)
            for before, at in zip(committed, starts, strict=True)
            if before.offset >= 0 and at.topic not in aside
        }
        first, last = self._offsets(needed, OffsetSpec.earliest()), self._offsets(needed, OffsetSpec.latest())
        at_ms, resumed = int(time.time() * 1_000), []
        self.pending = []
        for at in starts:
            place = at.topic, at.partition
            offset, low = needed.get(place, 0), first.get(place, 0)
            if low > offset + MARKER and place in needed:
                self._add(Lost(at.topic, topic_ids.get(at.topic, ""), at.partition, offset, low, at_ms))
            if place in needed and low > offset:
                at = TopicPartition(at.topic, at.partition, low)
            elif last.get(place, offset) < offset:
                log.error(
                    "%s[%d] ends at %d, before offset %d, which was read already: the broker lost records",
                    *place,
                    last[place],
                    offset,
                )
                at = TopicPartition(at.topic, at.partition, last[place])
            resumed.append(at)
        return resumed

    def _add(self, lost: Lost) -> None:
        self.pending.append(lost)
        known = Lost(lost.topic, lost.topic_id, lost.partition, lost.first, lost.following, 0)
        if known not in self._reported:
            self._reported.add(known)
            log.error("%s", lost)

    def _offsets(self, of: Iterable[Partition], spec: OffsetSpec) -> dict[Partition, int]:
        """Offsets of the partitions that have a leader; of others nothing is known yet, and nothing can be read."""
        request = {TopicPartition(*place): spec for place in of}
        found: dict[Partition, int] = {}
        for at, future in (self._admin.list_offsets(request, request_timeout=CALL_S) if request else {}).items():
            try:
                found[at.topic, at.partition] = int(future.result(CALL_S + 1).offset)
            except (KafkaException, TimeoutError) as error:
                log.debug("%s[%d]: where its log begins is unknown: %s", at.topic, at.partition, error)
        return found

    def take(self) -> list[Lost]:
        """What the transaction that begins now has to name."""
        pending, self.pending = self.pending, []
        return pending


def make_series(partitions: Iterable[TopicPartition]) -> None:
    """Start the counters at 0: Prometheus sees an increase only in a counter that existed before."""
    for at in partitions:
        metrics.counter("streamgauge_events_lost_total").labels(at.topic, str(at.partition))


def count(lost: Iterable[Lost]) -> None:
    """Count losses that are committed."""
    for one in lost:
        metrics.counter("streamgauge_events_lost_total").labels(one.topic, str(one.partition)).inc(one.offsets)
