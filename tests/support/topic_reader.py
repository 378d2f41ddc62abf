"""Reads whole topics as another system's consumer would. Shares no code with the product's readers: it checks them."""

from __future__ import annotations

import time

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

READ_S = 60.0


class TopicReader:
    """A consumer outside every group, at the beginning of every partition of `topics`; it commits nothing."""

    def __init__(self, bootstrap: str, *topics: str, isolation: str = "read_committed") -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "test-reader",
                "isolation.level": isolation,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "log_level": 0,
            }
        )
        known = self._consumer.list_topics(timeout=30).topics
        self._next = {(topic, number): 0 for topic in topics for number in known[topic].partitions}
        self._consumer.assign([TopicPartition(topic, number, 0) for topic, number in self._next])

    def read(self) -> list[Message]:
        """The messages since the last call, up to where each partition ends at this moment.

        For a read-committed reader a partition ends before the first open transaction. Raises `TimeoutError` when the
        end is not reached within `READ_S` seconds.
        """
        ends = {place: self._consumer.get_watermark_offsets(TopicPartition(*place), 30)[1] for place in self._next}
        messages: list[Message] = []
        deadline = time.monotonic() + READ_S
        while any(self._next[place] < end for place, end in ends.items()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"the ends {ends} are not reached within {READ_S:g} s, only {self._next}")
            for message in self._consumer.consume(1_000, 0.2):
                place, error = (message.topic(), message.partition()), message.error()
                if error is None:
                    messages.append(message)
                    self._next[place] = message.offset() + 1
                elif error.code() == KafkaError._PARTITION_EOF:
                    # Its offset is behind the markers and the aborted messages, which are not delivered.
                    self._next[place] = message.offset()
        return messages

    def close(self) -> None:
        """Close the consumer."""
        self._consumer.close()


def read_topic(bootstrap: str, topic: str, isolation: str = "read_committed") -> list[Message]:
    """All messages of a topic at this moment, those of each partition in their order."""
    reader = TopicReader(bootstrap, topic, isolation=isolation)
    try:
        return reader.read()
    finally:
        reader.close()
