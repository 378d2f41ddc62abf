"""Count of events in the log of some topics since a moment, by reading them.

Offsets are no counts: transaction markers and aborted messages take some. Only what a read-committed consumer gets is
counted.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from confluent_kafka import KafkaException, TopicPartition

from streamgauge.cli import offsets
from streamgauge.cli.offsets import Ends
from streamgauge.runtime import kafka, log_reader
from streamgauge.runtime.settings import Settings


def ends(settings: Settings, topics: Iterable[str]) -> Ends | None:
    """The present end of each partition; None where the broker does not answer."""
    client = kafka.admin(settings)
    try:
        return offsets.ends(client, offsets.partitions(client, topics))
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
