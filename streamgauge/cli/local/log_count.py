"""Count of events in the log of some topics since a moment, by reading them.

Offsets are no counts: transaction markers and aborted messages take some. Only what a read-committed consumer gets is
counted.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from streamgauge.runtime import kafka, log_reader
from streamgauge.runtime.settings import Settings

Ends = Mapping[tuple[str, int], int]
BROKER_TIMEOUT_S = 5.0


def ends(settings: Settings, topics: Iterable[str]) -> Ends | None:
    """The present end of each partition; None where the broker does not answer."""
    client = kafka.admin(settings)
    try:
        there = client.list_topics(timeout=BROKER_TIMEOUT_S).topics
        wanted = {
            TopicPartition(name, number): OffsetSpec.latest()
            for name in topics
            if name in there
            for number in there[name].partitions
        }
        found = client.list_offsets(wanted, request_timeout=BROKER_TIMEOUT_S) if wanted else {}
        return {(at.topic, at.partition): int(future.result(BROKER_TIMEOUT_S).offset) for at, future in found.items()}
    except KafkaException:
        return None


def since(settings: Settings, start: Ends, within_s: float) -> int | None:
    """Committed events from `start` to the end; None where reading them took longer. Blocks for at most `within_s`."""
    deadline = time.monotonic() + within_s
    consumer = log_reader.consumer(
        settings, "streamgauge-up", {"auto.offset.reset": "latest", "queued.min.messages": 200_000}
    )
    try:
        now = ends(settings, {topic for topic, _ in start})
        if now is None:
            return None
        unread = [
            TopicPartition(*partition, start.get(partition, 0))
            for partition, end in now.items()
            if end > start.get(partition, 0)
        ]
        count = 0
        for fetched in log_reader.to_end(consumer, unread):
            count += len(fetched.messages)
            if time.monotonic() > deadline:
                return None
        return count
    except KafkaException:
        return None
    finally:
        consumer.close()
