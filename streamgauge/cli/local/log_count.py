"""How many events the log has of some topics since a moment: counted by reading them.

Offsets are no counts: transaction markers and aborted messages take some. What is counted here is what any committed
reader sees.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from streamgauge.runtime import kafka, log_reader
from streamgauge.runtime.settings import Settings

Ends = Mapping[tuple[str, int], int]
ASK_S = 5.0


def ends(settings: Settings, topics: Iterable[str]) -> Ends | None:
    """Where each partition ends now; None when the broker does not say."""
    client = kafka.admin(settings)
    try:
        there = client.list_topics(timeout=ASK_S).topics
        asked = {
            TopicPartition(name, number): OffsetSpec.latest()
            for name in topics
            if name in there
            for number in there[name].partitions
        }
        found = client.list_offsets(asked, request_timeout=ASK_S) if asked else {}
        return {(at.topic, at.partition): int(future.result(ASK_S).offset) for at, future in found.items()}
    except KafkaException:
        return None


def since(settings: Settings, start: Ends, within_s: float) -> int | None:
    """Committed events from `start` to the end; None when they could not all be read in time. Blocks."""
    deadline = time.monotonic() + within_s
    consumer = log_reader.consumer(
        settings, "streamgauge-up", {"auto.offset.reset": "latest", "queued.min.messages": 200_000}
    )
    try:
        now = ends(settings, {topic for topic, _ in start})
        if now is None:
            return None
        unread = [
            TopicPartition(*place, start.get(place, 0)) for place, end in now.items() if end > start.get(place, 0)
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
