"""Lag of a consumer group in messages: log ends minus committed offsets, over all its partitions."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec


def waiting(client: AdminClient, group: str, topics: Iterable[str], timeout_s: float = 5.0) -> int:
    """Messages that wait for `group`: all that the log has where it never committed. Raises `KafkaException`.

    A lag of one in a partition does not count: where producers use transactions, the marker that ends one takes an
    offset that no reader commits.
    """
    described = client.list_topics(timeout=timeout_s).topics
    partitions = [TopicPartition(topic, number) for topic in topics for number in described[topic].partitions]
    answered = client.list_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(group, partitions)], request_timeout=timeout_s
    )
    committed = {
        (one.topic, one.partition): one.offset for one in answered[group].result(timeout=timeout_s).topic_partitions
    }
    ends = client.list_offsets({one: OffsetSpec.latest() for one in partitions}, request_timeout=timeout_s)
    starts = client.list_offsets({one: OffsetSpec.earliest() for one in partitions}, request_timeout=timeout_s)
    total = 0
    for one, end in ends.items():
        # A group that never committed starts where the log starts; so does one whose offset retention has removed.
        begin = max(committed.get((one.topic, one.partition), -1), starts[one].result(timeout=timeout_s).offset)
        lag = max(0, int(end.result(timeout=timeout_s).offset) - int(begin))
        total += lag if lag > 1 else 0
    return total


def members(client: AdminClient, group: str, timeout_s: float = 5.0) -> int | None:
    """Number of members; None where the broker does not answer."""
    try:
        answered = client.describe_consumer_groups([group], request_timeout=timeout_s)
        return len(answered[group].result(timeout=timeout_s).members)
    except KafkaException:
        return None
