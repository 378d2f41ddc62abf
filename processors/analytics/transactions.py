"""Kafka transactions: messages and input offsets commit together or not at all, while the next batch is read.

Any failure is a `TransientError`: the caller discards what it has computed since, calls `reopen`, and resumes from the
committed offsets. A `Refused` one names the topics that did not take a message. A producer is never used again after a
call that timed out (librdkafka cannot tell whether the broker committed); a new one with the same transactional id
fences it and settles the open transaction.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent import futures
from contextlib import contextmanager
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from streamgauge.dead_letters.fitting import COMPRESSION, MESSAGE_MAX_BYTES
from streamgauge.dead_letters.outputs import ABORTED, Outputs
from streamgauge.runtime import kafka, metrics
from streamgauge.runtime.connection import rights
from streamgauge.runtime.connection.explain import explained
from streamgauge.runtime.connection.rights import Right
from streamgauge.runtime.errors import TransientError
from streamgauge.runtime.settings import Settings

log = logging.getLogger("streamgauge")
CALL_TIMEOUT_S = 15.0
# A call that initialises transactions is repeated, so that a stop is noticed; so often before another id is used.
INIT_TIMEOUT_S, INIT_ATTEMPTS = 2.0, 10
_FULL_ATTEMPTS = 30


class Outgoing(NamedTuple):
    """A message to produce inside the transaction; `partition` None lets the key decide.

    `stream` is the one whose events it is about; None for several.
    """

    topic: str
    value: bytes | None
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes | None]] | None = None
    partition: int | None = None
    stream: str | None = None


class Refusal(NamedTuple):
    """A message that its topic refused; `bytes` is the size of its value."""

    topic: str
    stream: str | None
    bytes: int
    error: KafkaError


class Refused(TransientError):
    """A transaction was aborted because topics refused messages."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        self.refusals = tuple(refusals)
        first = self.refusals[0]
        super().__init__(f"transaction aborted: topic `{first.topic}` refused a message: {first.error.str()}")


def _nothing() -> None:
    """The callback while no transaction is open."""


class Transactions:
    """One transactional producer at a time. `outputs` know how large its batches may be, and which topic denies it."""

    def __init__(self, settings: Settings, name: str, stop: threading.Event, outputs: Outputs) -> None:
        self._settings, self._name, self._stop, self._outputs = settings, name, stop, outputs
        self._generation = 0
        self._producer: Any = None
        self._thread = futures.ThreadPoolExecutor(1, "commit")
        self._deciding: futures.Future[None] | None = None
        self._then: Callable[[], None] = _nothing
        self._refusals: list[Refusal] = []
        # Topics of the open transaction.
        self._written: set[str] = set()

    def reopen(self) -> bool:
        """Create a new producer once a broker answers; blocks until then. False when stopped meanwhile.

        Call `settle` first: a transaction that is still open would be fenced by the new producer.
        """
        self._producer = None
        self._refusals = []
        while not self._stop.is_set():
            if not kafka.broker_answers(self._settings):
                self._stop.wait(1.0)
            elif (producer := self._initialised()) is not None:
                self._producer = producer
                return True
        return False

    def _initialised(self) -> Any:
        """A producer that has settled the transaction left open under its id; None where that did not work."""
        producer = Producer(self._config())
        for _ in range(INIT_ATTEMPTS):
            if self._stop.is_set():
                return None
            try:
                producer.init_transactions(INIT_TIMEOUT_S)
                return producer
            except KafkaException as error:
                if kafka.is_fenced(error):
                    raise kafka.fenced(error, self._settings) from error
                if rights.is_refusal(error.args[0]):
                    right = Right("Write", "transactional-id", self._config()["transactional.id"])
                    raise explained(error, self._settings, right) from error
                if not error.args[0].retriable():
                    self._stop.wait(1.0)
                    return None
        if kafka.broker_answers(self._settings):
            # The broker cannot end the transaction: a topic that takes less than a marker (78 bytes) refused it, and
            # Kafka sends it again only when the coordinator starts anew. It is decided all the same, and committed in
            # every other topic, the offsets included; or, where they are not, the group's offsets cannot be read until
            # it is ended (`isolation.level` asks for stable ones). Either way another id repeats and loses nothing.
            self._generation += 1
            log.error("the transactional id is blocked by a transaction that the broker cannot end; using another")
        return None

    def _config(self) -> dict[str, Any]:
        number = f"-{self._generation}" if self._generation else ""
        return {
            **kafka.producer_config(self._settings),
            "transactional.id": f"{self._name}{number}",
            "transaction.timeout.ms": self._settings.transaction_timeout_ms,
            "enable.idempotence": True,
            "linger.ms": 1,
            "batch.size": self._outputs.batch_bytes,
            "compression.type": COMPRESSION,
            "message.max.bytes": MESSAGE_MAX_BYTES,
            "client.id": self._name,
            **kafka.QUIET,
        }

    def commit(
        self, messages: Iterable[Outgoing], offsets: list[TopicPartition], group: Any, then: Callable[[], None]
    ) -> None:
        """Produce `messages` and start to commit them with `offsets`, all or nothing; one transaction at a time.

        Returns while the broker decides. `then` is called after the commit, by the next `commit` or `settle`.
        Raises `TransientError` when nothing, or nothing known, was committed, of this transaction or of the one before;
        `FatalError` when another replica has taken over this one's transactional id.
        """
        self.settle()
        producer, began = self._producer, time.monotonic()
        with self._failing(producer, began):
            producer.begin_transaction()
            self._written = set()
            for message in messages:
                self._produce(producer, message)
        self._deciding = self._thread.submit(self._decide, producer, offsets, group, began)
        self._then = then

    def _produce(self, producer: Any, message: Outgoing) -> None:
        topic, value, key, headers, partition, stream = message
        self._written.add(topic)

        def delivered(error: KafkaError | None, _message: object) -> None:
            if error is not None and error.code() not in ABORTED:
                self._refusals.append(Refusal(topic, stream, len(value or b""), error))

        where = {} if partition is None else {"partition": partition}
        for _ in range(_FULL_ATTEMPTS):
            try:
                producer.produce(topic, value, key, headers=list(headers or ()), on_delivery=delivered, **where)
                break
            except BufferError:
                # Too much is under way: wait until some is written.
                producer.poll(1.0)
            except KafkaException as error:
                delivered(error.args[0], None)
                raise
        else:
            raise BufferError("the producer's queue stays full")
        producer.poll(0)

    def _decide(self, producer: Any, offsets: list[TopicPartition], group: Any, began: float) -> None:
        # In a thread of its own: this only waits for the broker, while the next batch is read.
        with self._failing(producer, began):
            producer.send_offsets_to_transaction(offsets, group, CALL_TIMEOUT_S)
            producer.commit_transaction(CALL_TIMEOUT_S)
        metrics.histogram("streamgauge_transaction_seconds").observe(time.monotonic() - began)

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
    def _failing(self, producer: Any, began: float) -> Iterator[None]:
        """Abort the transaction, which began then, on failure, and raise the error that classifies it."""
        try:
            yield
        except (KafkaException, BufferError) as error:
            metrics.counter("streamgauge_transactions_aborted_total").inc()
            kafka_error = error.args[0] if error.args else error
            open_s = time.monotonic() - began
            self._abort(producer)
            if kafka.is_fenced(error):
                raise kafka.fenced(error, self._settings, open_s) from error
            if refusals := self._refusals:
                self._refusals = []
                raise Refused(refusals) from error
            why = kafka_error
            if rights.is_refusal(kafka_error):
                group = Right("Read", "group", self._settings.analytics_group)
                lacking = self._outputs.denied(self._written) if rights.is_refusal_of_topic(kafka_error) else None
                why = lacking or explained(error, self._settings, Right("Write", "topic"), group)
            raise TransientError(f"transaction aborted: {why}") from error

    def _abort(self, producer: Any) -> None:
        """Abort the open transaction at once if the broker can be reached; otherwise `reopen` does it."""
        self._producer = None
        try:
            producer.purge()
            producer.abort_transaction(2.0)
        except KafkaException:
            return
