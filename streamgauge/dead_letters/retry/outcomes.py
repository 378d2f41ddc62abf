"""Outcomes of a retry: waits until the consumer has committed past the events, and finds those that failed again."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streamgauge.dead_letters.headers import Position
from streamgauge.dead_letters.letter import Letter
from streamgauge.dead_letters.retry.records import CHUNK, record_of
from streamgauge.dead_letters.retry.retrier import Sent
from streamgauge.runtime import kafka, log_reader
from streamgauge.runtime.errors import TransientError
from streamgauge.runtime.kafka import Partition
from streamgauge.runtime.settings import Settings

POLL_S = 0.05
_CALL_S = 15.0


class Failure(NamedTuple):
    """A retried event that became a dead letter again, at `position`."""

    letter: Letter
    position: Position
    fingerprint: str
    reason: str
    detail: str


class Watcher:
    """Watches one consumer group and its dead-letter topics, from the moment of construction."""

    def __init__(self, settings: Settings, consumer: Any, group: str, letter_topics: Iterable[str]) -> None:
        self._group = group
        self._consumer = consumer
        self._committed = Consumer({**kafka.client_config(settings), "group.id": group, **kafka.QUIET})
        # Ends as seen read-uncommitted: a letter whose transaction is just being committed counts.
        self._ends = Consumer(
            {
                **kafka.client_config(settings),
                "group.id": "streamgauge-dead-letters",
                "isolation.level": "read_uncommitted",
                **kafka.QUIET,
            }
        )
        self._partitions = [
            part for topic in sorted(set(letter_topics)) for part in log_reader.partitions(consumer, topic)
        ]
        self._read: dict[Partition, int] = {}
        starts = []
        for part in self._partitions:
            end = self._end(part)
            self._read[part.topic, part.partition] = end
            starts.append(TopicPartition(part.topic, part.partition, end))
        if starts:
            consumer.assign(starts)

    def settle(self, sent: Sequence[Sent], timeout_s: float) -> list[Failure]:
        """Wait until the group has committed past every event of `sent`; returns those that failed.

        Raises `TransientError` after `timeout_s` without progress.
        """
        waiting = list(sent)
        deadline = time.monotonic() + timeout_s
        while waiting:
            committed = self._positions({one.position[:2] for one in waiting})
            left = [one for one in waiting if committed.get(one.position[:2], -1) <= one.position.offset]
            if len(left) < len(waiting):
                deadline = time.monotonic() + timeout_s
            waiting = left
            if waiting and time.monotonic() > deadline:
                raise TransientError(
                    f"group `{self._group}` has not committed past {waiting[0].position} within {timeout_s:g} s: is it "
                    "running? What was sent stays sent; the rest was not sent"
                )
            if waiting:
                time.sleep(POLL_S)
        return self._failures(sent)

    def _positions(self, partitions: set[Partition]) -> dict[Partition, int]:
        wanted = [TopicPartition(topic, number) for topic, number in partitions]
        try:
            committed = self._committed.committed(wanted, timeout=_CALL_S)
        except KafkaException as error:
            if not error.args[0].retriable():
                raise
            return {}
        return {(part.topic, part.partition): part.offset for part in committed if part.error is None}

    def _end(self, part: TopicPartition) -> int:
        return log_reader.span(self._ends, (part.topic, part.partition))[1]

    def _failures(self, sent: Sequence[Sent]) -> list[Failure]:
        """Failures of `sent`, after reading the dead-letter topics up to their present ends."""
        by_position = {one.position[:3]: one.letter for one in sent}
        ends = {(part.topic, part.partition): self._end(part) for part in self._partitions}
        found: list[Failure] = []
        deadline = time.monotonic() + 60.0
        while any(self._read[where] < end for where, end in ends.items()):
            if time.monotonic() > deadline:
                raise TransientError(
                    "a transaction stays open in a dead-letter topic; check later: `streamgauge dead-letters list`"
                )
            fetched = log_reader.fetch(self._consumer, CHUNK, 0.5, at_once=True)
            fetched.raise_permanent()
            for message in fetched.messages:
                self._read[log_reader.partition_of(message)] = (message.offset() or 0) + 1
                found += _failure(message, by_position)
            for where, end in fetched.ends.items():
                # Behind transaction markers, which are no messages.
                self._read[where] = max(self._read[where], end)
        return found

    def close(self) -> None:
        """Close its Kafka clients."""
        self._committed.close()
        self._ends.close()


def _failure(message: Any, by_position: dict[tuple[Any, ...], Letter]) -> list[Failure]:
    record = record_of(message)
    letter = by_position.get(record.event_position[:3])
    if letter is None:
        return []
    error = record.error
    # Our letters carry their fingerprint; that of others is computed from their topic, as in the table.
    return [
        Failure(letter, record.event_position, error.fingerprint_in(record.position.topic), error.reason, error.detail)
    ]
