"""Positions: where each partition is read on. They are the provenance in the file, which moves with the rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from confluent_kafka import OFFSET_INVALID, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streamgauge.deltas.provenance import Provenance
from streamgauge.runtime.kafka import Partition
from streamgauge.runtime.kafka.topic_identity import metadata

CALL_S = 10.0


def stored(provenance: Provenance, partitions: Iterable[Partition]) -> list[TopicPartition]:
    """The next offset of each partition as a group would have committed it, with the topic's id in the metadata;
    `OFFSET_INVALID` where nothing of it was read.
    """
    found = []
    for topic, number in partitions:
        ranges = provenance.ranges.get((topic, number))
        topic_id = provenance.topic_ids.get(topic, "")
        offset = ranges[-1][1] if ranges else OFFSET_INVALID
        found.append(TopicPartition(topic, number, offset, metadata(topic_id)))
    return found


def since(admin: AdminClient, partitions: Iterable[Partition], since_ms: int) -> dict[Partition, int]:
    """The first offset of each partition whose timestamp is that time or later; the log's end where there is none.

    Time 0 is the beginning of the log. Raises `KafkaException`.
    """
    wanted = list(partitions)
    if not wanted:
        return {}
    if not since_ms:
        return dict(_offsets(admin, wanted, OffsetSpec.earliest()))
    # Ends first: what is appended between the two requests is read, not skipped.
    ends = _offsets(admin, wanted, OffsetSpec.latest())
    found = _offsets(admin, wanted, OffsetSpec.for_timestamp(since_ms))
    return {at: offset if (offset := found[at]) >= 0 else ends[at] for at in wanted}


def _offsets(admin: AdminClient, partitions: Iterable[Partition], spec: OffsetSpec) -> Mapping[Partition, int]:
    futures = admin.list_offsets({TopicPartition(*at): spec for at in partitions}, request_timeout=CALL_S)
    return {(at.topic, at.partition): int(future.result(CALL_S + 1).offset) for at, future in futures.items()}
