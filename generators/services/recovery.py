"""Recovery: restores the services' state from their replies in the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition

from generators.services.engine import Engine
from generators.services.messages import INVENTORY, PAYMENTS, SHIPMENTS, decode
from streamgauge.runtime import log_reader
from streamgauge.runtime.errors import TransientError
from streamgauge.runtime.kafka import Partition
from streamgauge.runtime.kafka.headers import headers_of
from streamgauge.runtime.settings import Settings

HEADER = "request"
# Older payments and shipments are ignored: no saga lasts as long. Stock levels are read completely.
REMEMBER_MS = 2 * 3_600_000
_REQUEST_TIMEOUT_S = 10.0


def recover(
    settings: Settings, engine: Engine, committed: Mapping[Partition, int], stopped: Callable[[], bool]
) -> tuple[int, set[tuple[str, str]]]:
    """Read inventory, payments and shipments to their ends.

    Returns the number of events, and the existing replies (request, event_id) to requests after the committed offsets,
    which will be read again. Raises `TransientError` if the log cannot be read.
    """
    consumer = log_reader.consumer(
        settings,
        "services-recovery",
        # Our replies are not transactional, and must not wait for an open transaction of the saga.
        {"isolation.level": "read_uncommitted", "queued.min.messages": 100_000},
    )
    try:
        starts = _starts(consumer)
        count, answered = 0, set[tuple[str, str]]()
        for fetched in log_reader.to_end(consumer, starts, most=5_000, wait_s=0.5, keep_going=lambda: not stopped()):
            for message in fetched.messages:
                value = message.value()
                if value is None:
                    continue
                try:
                    event = decode(value)
                except (msgspec.MsgspecError, UnicodeError):
                    continue
                engine.recover(event)
                count += 1
                for name, value in headers_of(message):
                    if name == HEADER and value and _uncommitted(position := value.decode(errors="replace"), committed):
                        answered.add((position, event.event_id))
        return count, answered
    except KafkaException as error:
        raise TransientError(f"the log cannot be read: {error.args[0].str()}") from None
    finally:
        consumer.close()


def _starts(consumer: Consumer) -> list[TopicPartition]:
    """The start offset of each partition that has something to read."""
    since = int(time.time() * 1_000) - REMEMBER_MS
    starts = []
    for topic in (INVENTORY, PAYMENTS, SHIPMENTS):
        numbers = consumer.list_topics(topic, timeout=_REQUEST_TIMEOUT_S).topics[topic].partitions
        first = {number: 0 for number in numbers}
        if topic != INVENTORY:
            queries = [TopicPartition(topic, number, since) for number in numbers]
            first = {at.partition: at.offset for at in consumer.offsets_for_times(queries, timeout=_REQUEST_TIMEOUT_S)}
        for number in numbers:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_REQUEST_TIMEOUT_S)
            start = high if first[number] < 0 else max(low, first[number])
            if start < high:
                starts.append(TopicPartition(topic, number, start))
    return starts


def _uncommitted(position: str, committed: Mapping[Partition, int]) -> bool:
    topic, partition, offset = position.rsplit("/", 2)
    return int(offset) >= committed.get((topic, int(partition)), 0)
