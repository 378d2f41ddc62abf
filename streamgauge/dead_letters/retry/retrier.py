"""Retrier: sends each dead letter exactly once, whatever is killed.

One transactional id for the whole cluster: a second run fences the first and settles its open transaction. The audit
record of a retry is in the same transaction as the event, so the records list exactly what has been sent. They are read
after `init_transactions` and skipped, so that a retry that was killed or run twice sends each event once.
"""

from __future__ import annotations

import getpass
import hashlib
import socket
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer

from streamgauge.catalog.builtin.retries import RETRIES_TOPIC, LetterRetried
from streamgauge.dead_letters.headers import ATTEMPT, RETRY_OF, Position, original
from streamgauge.dead_letters.letter import Letter
from streamgauge.dead_letters.retry import records
from streamgauge.dead_letters.retry.records import Record
from streamgauge.runtime import kafka, log_reader
from streamgauge.runtime.connection import rights
from streamgauge.runtime.connection.explain import explained
from streamgauge.runtime.connection.rights import Right
from streamgauge.runtime.errors import StreamgaugeError, TransientError, UsageError
from streamgauge.runtime.kafka import topic_ids
from streamgauge.runtime.settings import Settings

TRANSACTIONAL_ID = "streamgauge-dead-letters-retry"
MOST_BYTES = 64 * 1024 * 1024
# By letter, the topic that did not take its event, and why.
Refusals = dict[str, tuple[str, KafkaError]]
_CALL_S = 30.0


class Fenced(StreamgaugeError):
    """Another retry has started on this cluster; this one has stopped."""


@dataclass(frozen=True)
class Sendable:
    """A letter with its record, and the value to send: the record's own unless `edit` describes a change."""

    letter: Letter
    record: Record
    value: bytes | None
    edit: str | None = None


@dataclass(frozen=True)
class Sent:
    """A retried letter, and the position of the event that was sent."""

    letter: Letter
    position: Position


def retried_letters(settings: Settings) -> dict[str, LetterRetried]:
    """Audit records of all committed retries, by the letter's exact position; empty where the topic is not there yet.

    Raises `StreamgaugeError` for a record that cannot be decoded.
    """
    found: dict[str, LetterRetried] = {}
    decode = msgspec.json.Decoder(LetterRetried).decode

    def visit(message: Any) -> bool:
        try:
            record = decode(message.value() or b"")
        except msgspec.MsgspecError as error:
            where = Position(message.topic(), message.partition(), message.offset())
            # Skipping an unreadable record might send an event twice.
            raise StreamgaugeError(f"{where} is not a retry's record ({error}); nothing was sent") from None
        found[record.exact] = record
        return False

    with records.reader(settings) as consumer:
        records.scan(consumer, log_reader.beginning(consumer, RETRIES_TOPIC), visit)
    return found


class Retrier:
    """The only active retry on this cluster; construction blocks until an earlier one's transaction is settled."""

    def __init__(self, settings: Settings, by: str | None = None, batch_bytes: int = 1_000_000) -> None:
        kafka.require_topics(settings, [RETRIES_TOPIC])
        self._producer = Producer(
            {
                **kafka.producer_config(settings),
                "transactional.id": TRANSACTIONAL_ID,
                "transaction.timeout.ms": settings.transaction_timeout_ms,
                # The topic's own limit applies.
                "message.max.bytes": MOST_BYTES,
                # The limit is on what arrives, and an event may have arrived compressed.
                "compression.type": "gzip",
                "batch.size": batch_bytes,
                "linger.ms": 5,
                **kafka.QUIET,
            }
        )
        self._settings, self._admin = settings, kafka.admin(settings)
        self._topic_ids: dict[str, str | None] = {}
        self._run, self._by = uuid.uuid4().hex[:12], (by or "").strip()[:1_000] or who()
        try:
            self._producer.init_transactions(_CALL_S)
        except KafkaException as error:
            raise explained(error, settings, Right("Write", "transactional-id", TRANSACTIONAL_ID)) from None
        self.retried = retried_letters(settings)

    def send(self, batch: Sequence[Sendable]) -> list[Sent]:
        """Publish events and the records of their retry in one transaction; blocks until it is decided.

        Raises `Fenced`, or `TransientError` where the outcome is unknown: run the same again, nothing is sent twice.
        """
        positions, refused = dict[str, Position](), Refusals()
        try:
            topics = {item.letter.position.topic for item in batch}
            self._topic_ids = {topic: now.id or None for topic, now in topic_ids.read(self._admin, topics).items()}
            self._producer.begin_transaction()
            for item in batch:
                self._publish(item, positions, refused)
            # Offsets are known now, so the audit records can contain them.
            self._producer.flush(_CALL_S)
            for item in batch:
                self._publish_audit(item, positions[item.letter.position.exact])
            self._producer.commit_transaction(_CALL_S)
        except (KafkaException, BufferError, KeyError) as error:
            raise self._failed(error, refused) from None
        return [Sent(item.letter, positions[item.letter.position.exact]) for item in batch]

    def _publish(self, item: Sendable, positions: dict[str, Position], refused: Refusals) -> None:
        def delivered(error: Any, message: Any) -> None:
            if error is None:
                positions[item.letter.position.exact] = Position(
                    message.topic(), message.partition(), message.offset(), self._topic_ids.get(message.topic())
                )
            else:
                refused[item.letter.id] = message.topic(), error

        headers = [
            *original(item.record.headers),
            (ATTEMPT, str(item.letter.attempts + 1).encode()),
            (RETRY_OF, item.letter.root.exact.encode()),
        ]
        # The event's own partition, whatever assigned it: it has the other events of the key. In a topic that was made
        # anew since, perhaps with another number of them, the key decides.
        at = item.letter.position
        known = at.topic_id is None or self._topic_ids.get(at.topic) in (None, at.topic_id)
        self._producer.produce(
            at.topic,
            item.value,
            item.record.key,
            at.partition if known else -1,
            on_delivery=delivered,
            headers=headers,
        )
        self._producer.poll(0)

    def _publish_audit(self, item: Sendable, position: Position) -> None:
        letter = item.letter
        record = LetterRetried(
            letter=letter.id,
            topic_id=letter.position.topic_id,
            attempt=letter.attempts + 1,
            retried_at=int(time.time() * 1_000),
            retried_by=self._by,
            run=self._run,
            stream=letter.stream,
            reason=letter.reason,
            fingerprint=letter.fingerprint,
            sent_topic=position.topic,
            sent_partition=position.partition,
            sent_offset=position.offset,
            sent_topic_id=position.topic_id,
            edited=item.edit is not None,
            edit=item.edit,
            original_sha256=_sha256(item.record.value),
            sent_sha256=_sha256(item.value),
        )
        self._producer.produce(RETRIES_TOPIC, msgspec.json.encode(record), letter.id.encode())

    def _failed(self, error: Exception, refused: Refusals) -> StreamgaugeError:
        kafka_error = error.args[0] if error.args else error
        for letter, (topic, why) in refused.items():
            if rights.is_refusal(why):
                said = rights.refusal(why, self._settings, Right("Write", "topic", topic))
                return UsageError(f"{said}: none of its transaction was sent")
            if not why.retriable() and not kafka.is_fenced(KafkaException(why)):
                return StreamgaugeError(f"Kafka refused {letter} ({why.str()}): none of its transaction was sent")
        if isinstance(error, KeyError):
            return TransientError("Kafka did not accept every event of a transaction, so none was sent; run it again")
        if kafka.is_fenced(error):
            return Fenced("another retry has started on this cluster, and this one has stopped")
        return TransientError(
            f"a transaction failed ({kafka_error}); run the same command again: nothing is sent twice"
        )


def _sha256(value: bytes | None) -> str:
    return hashlib.sha256(value or b"").hexdigest()


def who() -> str:
    """`user@host` of this process, for audit records."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
