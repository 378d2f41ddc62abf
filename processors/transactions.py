"""Kafka transactions as a step that either happened or did not.

`commit` sends messages and input offsets and commits them together. Any failure is a `TransientError`: the caller
discards what it computed, calls `reopen`, and reads again from the committed offsets. After a timed-out call a producer
is never used again (librdkafka cannot tell whether the broker committed); a new one with the same transactional id
fences it and settles what was open.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from confluent_kafka import KafkaException, TopicPartition

from runtime import metrics
from runtime.errors import FatalError, TransientError
from runtime.kafka import broker_answers
from runtime.settings import Settings

if TYPE_CHECKING:
    from quixstreams import Application

CALL_TIMEOUT_S = 15.0


class Outgoing(NamedTuple):
    """A message to produce inside the transaction; `partition` None lets the key decide."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    headers: list[tuple[str, bytes]] | None = None
    partition: int | None = None


class Transactions:
    """One transactional producer at a time, made by `app`, which carries the transactional id."""

    def __init__(self, app: Application, settings: Settings, stop: threading.Event) -> None:
        self._app = app
        self._settings = settings
        self._stop = stop
        self._producer: Any = None

    def reopen(self) -> bool:
        """Make a new producer once a broker answers; blocks until then. False when stopped meanwhile."""
        self._producer = None
        while not self._stop.is_set():
            if not broker_answers(self._settings):
                self._stop.wait(1.0)
                continue
            producer = self._app.get_producer(transactional=True)
            try:
                producer.poll(0)  # The wrapper initialises transactions at first use.
            except KafkaException:
                self._stop.wait(1.0)
                continue
            self._producer = producer
            return True
        return False

    def commit(self, messages: Iterable[Outgoing], offsets: list[TopicPartition], group: Any) -> None:
        """Produce `messages` and commit them with `offsets`, all or nothing. Blocks until the broker has decided.

        Raises `TransientError` when nothing, or nothing known, was committed; `FatalError` when another replica has
        taken over this one's transactional id.
        """
        producer = self._producer
        try:
            with metrics.histogram("streamgauge_transaction_seconds").time():
                producer.begin_transaction()
                for message in messages:
                    producer.produce(
                        message.topic, message.value, message.key, headers=message.headers, partition=message.partition
                    )
                producer.send_offsets_to_transaction(offsets, group, CALL_TIMEOUT_S)
                producer.commit_transaction(CALL_TIMEOUT_S)
        except (KafkaException, BufferError) as error:
            metrics.counter("streamgauge_transactions_aborted_total").inc()
            kafka_error = error.args[0] if error.args else error
            self._abort(producer)
            if "FENCED" in str(getattr(kafka_error, "name", lambda: "")()):
                raise FatalError(
                    f"another process uses this replica's transactional id ({kafka_error}); "
                    "give each replica its own host name or data directory"
                ) from error
            raise TransientError(f"transaction aborted: {kafka_error}") from error

    def _abort(self, producer: Any) -> None:
        """Free the broker of the open transaction at once, if it can be told; else `reopen` does it."""
        self._producer = None
        try:
            producer.purge()
            producer.abort_transaction(2.0)
        except KafkaException:
            return
