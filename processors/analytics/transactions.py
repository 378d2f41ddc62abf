"""Kafka transactions: messages and input offsets commit together or not at all, while the next batch is read.

Any failure is a `TransientError`: the caller discards what it has computed since, calls `reopen`, and resumes from the
committed offsets. A producer is never used again after a call that timed out (librdkafka cannot tell whether the broker
committed); a new one with the same transactional id fences it and settles the open transaction.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from confluent_kafka import KafkaException, TopicPartition

from streamgauge.runtime import kafka, metrics
from streamgauge.runtime.errors import TransientError
from streamgauge.runtime.settings import Settings

if TYPE_CHECKING:
    from quixstreams import Application

CALL_TIMEOUT_S = 15.0


class Outgoing(NamedTuple):
    """A message to produce inside the transaction; `partition` None lets the key decide."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] | None = None
    partition: int | None = None


def _nothing() -> None:
    """The callback while no transaction is open."""


class Transactions:
    """One transactional producer at a time, created by `app`, which has the transactional id."""

    def __init__(self, app: Application, settings: Settings, stop: threading.Event) -> None:
        self._app = app
        self._settings = settings
        self._stop = stop
        self._producer: Any = None
        self._thread = futures.ThreadPoolExecutor(1, "commit")
        self._deciding: futures.Future[None] | None = None
        self._then: Callable[[], None] = _nothing

    def reopen(self) -> bool:
        """Create a new producer once a broker answers; blocks until then. False when stopped meanwhile.

        Call `settle` first: a transaction that is still open would be fenced by the new producer.
        """
        self._producer = None
        while not self._stop.is_set():
            if not kafka.broker_answers(self._settings):
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

    def commit(
        self, messages: Iterable[Outgoing], offsets: list[TopicPartition], group: Any, then: Callable[[], None]
    ) -> None:
        """Produce `messages` and start to commit them with `offsets`, all or nothing; one transaction at a time.

        Returns while the broker decides. `then` is called after the commit, by the next `commit` or `settle`.
        Raises `TransientError` when nothing, or nothing known, was committed, of this transaction or of the one before;
        `FatalError` when another replica has taken over this one's transactional id.
        """
        self.settle()
        producer, began = self._producer, time.perf_counter()
        with self._failing(producer):
            producer.begin_transaction()
            for message in messages:
                producer.produce(
                    message.topic, message.value, message.key, headers=message.headers, partition=message.partition
                )
        self._deciding = self._thread.submit(self._decide, producer, offsets, group, began)
        self._then = then

    def _decide(self, producer: Any, offsets: list[TopicPartition], group: Any, began: float) -> None:
        # In a thread of its own: this only waits for the broker, while the next batch is read.
        with self._failing(producer):
            producer.send_offsets_to_transaction(offsets, group, CALL_TIMEOUT_S)
            producer.commit_transaction(CALL_TIMEOUT_S)
        metrics.histogram("streamgauge_transaction_seconds").observe(time.perf_counter() - began)

    def wait(self) -> None:
        """Block until the broker has decided about the open transaction; `settle` reports the result."""
        if self._deciding is not None:
            futures.wait([self._deciding])

    def settle(self) -> None:
        """Wait for the open transaction, if there is one. Raises as `commit` does."""
        if self._deciding is not None:
            deciding, self._deciding = self._deciding, None
            then, self._then = self._then, _nothing
            deciding.result()
            then()

    @contextmanager
    def _failing(self, producer: Any) -> Iterator[None]:
        """Abort the transaction on failure, and raise the error that classifies it."""
        try:
            yield
        except (KafkaException, BufferError) as error:
            metrics.counter("streamgauge_transactions_aborted_total").inc()
            kafka_error = error.args[0] if error.args else error
            self._abort(producer)
            if kafka.is_fenced(error):
                raise kafka.fenced(error) from error
            raise TransientError(f"transaction aborted: {kafka_error}") from error

    def _abort(self, producer: Any) -> None:
        """Abort the open transaction at once if the broker can be reached; otherwise `reopen` does it."""
        self._producer = None
        try:
            producer.purge()
            producer.abort_transaction(2.0)
        except KafkaException:
            return
