"""Offsets by the admin client: ends of partitions; committed offsets, lag and members of a consumer group.

All functions raise `KafkaException` where the broker does not answer or refuses, and `TimeoutError` where it is late.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from confluent_kafka import ConsumerGroupTopicPartitions, IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from processors.lag.readable import Reader
from streamgauge.runtime.kafka import Partition

Ends = Mapping[Partition, int]
TIMEOUT_S = 5.0
# For looking whether what waits can be read.
READ_WITHIN_S = 1.5


def partitions(client: AdminClient, topics: Iterable[str], timeout_s: float = TIMEOUT_S) -> list[Partition]:
    """All partitions of those topics that exist."""
    described = client.list_topics(timeout=timeout_s).topics
    return [(topic, number) for topic in topics if topic in described for number in described[topic].partitions]


def ends(
    client: AdminClient, of: Iterable[Partition], timeout_s: float = TIMEOUT_S, *, committed: bool = False
) -> dict[Partition, int]:
    """The end of each partition; with `committed` the one that read-committed consumers see."""
    level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
    return _list(client, of, OffsetSpec.latest(), level, timeout_s)


def starts(client: AdminClient, of: Iterable[Partition], timeout_s: float = TIMEOUT_S) -> dict[Partition, int]:
    """The first offset of each partition."""
    return _list(client, of, OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED, timeout_s)


def _list(
    client: AdminClient, of: Iterable[Partition], spec: OffsetSpec, level: IsolationLevel, timeout_s: float
) -> dict[Partition, int]:
    request = {TopicPartition(*partition): spec for partition in of}
    if not request:
        return {}
    found = client.list_offsets(request, isolation_level=level, request_timeout=timeout_s)
    return {(at.topic, at.partition): int(future.result(timeout_s).offset) for at, future in found.items()}


def committed(
    client: AdminClient, group: str, of: Iterable[Partition] | None = None, timeout_s: float = TIMEOUT_S
) -> dict[Partition, int]:
    """Committed offsets of a group, of these partitions or of all; a partition without one is absent."""
    return {(at.topic, at.partition): at.offset for at in committed_with_metadata(client, group, of, timeout_s)}


def committed_with_metadata(
    client: AdminClient, group: str, of: Iterable[Partition] | None = None, timeout_s: float = TIMEOUT_S
) -> list[TopicPartition]:
    """The same, each with the metadata that it was committed with."""
    wanted = None if of is None else [TopicPartition(*partition) for partition in of]
    request = ConsumerGroupTopicPartitions(group, wanted)
    found = client.list_consumer_group_offsets([request], request_timeout=timeout_s)[group].result(timeout_s)
    return [at for at in found.topic_partitions or [] if at.offset >= 0]


def waiting(
    client: AdminClient,
    group: str,
    topics: Iterable[str],
    timeout_s: float = TIMEOUT_S,
    reader: Reader | None = None,
) -> int:
    """Messages that wait for `group`: all that the log has where it never committed, or retention passed its offset.

    Transaction markers and aborted messages take offsets that no reader commits before it has read what follows. With
    `reader` they are told from messages where it may read; else a lag of one in a partition does not count.
    """
    of = partitions(client, topics, timeout_s)
    offsets = committed(client, group, of, timeout_s)
    first, last = starts(client, of, timeout_s), ends(client, of, timeout_s)
    next_offsets = {at: max(offsets.get(at, -1), first[at]) for at in of}
    lags = {at: last[at] - next_offset for at, next_offset in next_offsets.items() if next_offset < last[at]}
    seen = reader.read({at: next_offsets[at] for at in lags}, last, READ_WITHIN_S) if reader else {}
    total = sum(last[at] - found.until for at, (_, found) in seen.items() if found.event)
    return total + sum(lag for at, lag in lags.items() if at not in seen and lag > 1)


def members(client: AdminClient, group: str, timeout_s: float = TIMEOUT_S) -> int:
    """Number of members of a group."""
    return len(client.describe_consumer_groups([group], request_timeout=timeout_s)[group].result(timeout_s).members)
