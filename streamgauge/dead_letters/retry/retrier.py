"""Sending dead letters again, each once, whatever is killed.

One transactional id for the whole cluster: a second run fences the first, and settles what it left open. The record of
a retry is in the transaction of the event it speaks of, so that the records say exactly what has been sent. Read them
after `init_transactions`, skip what they name, and a retry that was killed or run twice sends each event once.
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
from confluent_kafka import KafkaException, Producer

from streamgauge.catalog.builtin.retries import RETRIES_TOPIC, LetterRetried
from streamgauge.dead_letters.headers import ATTEMPT, RETRY_OF, Place, original
from streamgauge.dead_letters.letter import Letter
from streamgauge.dead_letters.retry import records
from streamgauge.dead_letters.retry.records import Copy
from streamgauge.runtime import kafka, log_reader
from streamgauge.runtime.errors import StreamgaugeError, TransientError
from streamgauge.runtime.settings import Settings

TRANSACTIONAL_ID = "streamgauge-dead-letters-retry"
_CALL_S = 30.0


class Fenced(StreamgaugeError):
    """Another retry has begun on this cluster; this one has stopped."""


@dataclass(frozen=True)
class Sendable:
    """A letter with its copy, and the value to send, which is the copy's own unless it was edited."""

    letter: Letter
    copy: Copy
    value: bytes | None
    edit: str | None = None


@dataclass(frozen=True)
class Sent:
    """A letter that was sent again, and where to."""

    letter: Letter
    place: Place


def retried_letters(settings: Settings) -> dict[str, LetterRetried]:
    """Every committed record of a retry, by the letter's id; empty where there is no such topic yet."""
    found: dict[str, LetterRetried] = {}
    decode = msgspec.json.Decoder(LetterRetried).decode

    def see(message: Any) -> bool:
        try:
            record = decode(message.value() or b"")
        except msgspec.MsgspecError as error:
            where = Place(message.topic(), message.partition(), message.offset())
            # Skipping what cannot be read might send an event twice.
            raise StreamgaugeError(f"{where} is no record of a retry ({error}); nothing was sent") from None
        found[record.letter] = record
        return False

    with records.reader(settings) as consumer:
        records.scan(consumer, log_reader.beginning(consumer, RETRIES_TOPIC), see)
    return found


class Retrier:
    """The one retry that runs on this cluster; making one blocks until an earlier one's transaction is settled."""

    def __init__(self, settings: Settings, by: str | None = None) -> None:
        kafka.require_topics(settings, [RETRIES_TOPIC])
        self._producer = Producer(
            {
                **kafka.client_config(settings),
                "transactional.id": TRANSACTIONAL_ID,
                "transaction.timeout.ms": settings.transaction_timeout_ms,
                # What the topic takes is the topic's to say.
                "message.max.bytes": 64 * 1024 * 1024,
                "linger.ms": 5,
                "log_level": 0,
            }
        )
        self._run, self._by = uuid.uuid4().hex[:12], (by or "").strip()[:1_000] or _who()
        try:
            self._producer.init_transactions(_CALL_S)
        except KafkaException as error:
            raise TransientError(f"no transaction can begin: {error.args[0].str()}") from None
        self.retried = retried_letters(settings)

    def send(self, batch: Sequence[Sendable]) -> list[Sent]:
        """Publish events and the records of their retry in one transaction; blocks until it is decided.

        Raises `Fenced`, or `TransientError` where the outcome is not known: run the same again, nothing goes out twice.
        """
        places: dict[str, Place] = {}
        try:
            self._producer.begin_transaction()
            for item in batch:
                self._publish(item, places)
            # Where they are is known now, so the records can name it.
            self._producer.flush(_CALL_S)
            for item in batch:
                self._record(item, places[item.letter.id])
            self._producer.commit_transaction(_CALL_S)
        except (KafkaException, BufferError, KeyError) as error:
            raise _failed(error) from None
        return [Sent(item.letter, places[item.letter.id]) for item in batch]

    def _publish(self, item: Sendable, places: dict[str, Place]) -> None:
        def delivered(error: Any, message: Any) -> None:
            if error is None:
                places[item.letter.id] = Place(message.topic(), message.partition(), message.offset())

        headers = [
            *original(item.copy.headers),
            (ATTEMPT, str(item.letter.attempts + 1).encode()),
            (RETRY_OF, str(item.letter.root).encode()),
        ]
        # The event's own partition, whatever assigned it: the events of its key are there.
        self._producer.produce(
            item.letter.place.topic,
            item.value,
            item.copy.key,
            item.letter.place.partition,
            on_delivery=delivered,
            headers=headers,
        )
        self._producer.poll(0)

    def _record(self, item: Sendable, place: Place) -> None:
        letter = item.letter
        record = LetterRetried(
            letter=letter.id,
            attempt=letter.attempts + 1,
            retried_at=int(time.time() * 1_000),
            retried_by=self._by,
            run=self._run,
            stream=letter.stream,
            reason=letter.reason,
            fingerprint=letter.fingerprint,
            sent_topic=place.topic,
            sent_partition=place.partition,
            sent_offset=place.offset,
            edited=item.edit is not None,
            edit=item.edit,
            original_sha256=_sha256(item.copy.value),
            sent_sha256=_sha256(item.value),
        )
        self._producer.produce(RETRIES_TOPIC, msgspec.json.encode(record), letter.id.encode())


def _failed(error: Exception) -> StreamgaugeError:
    kafka_error = error.args[0] if error.args else error
    if isinstance(error, KeyError):
        return TransientError("Kafka did not take every event of a transaction, so none of it was sent; run it again")
    if "FENCED" in str(getattr(kafka_error, "name", lambda: "")()):
        return Fenced("another retry has begun on this cluster, and this one has stopped")
    return TransientError(f"a transaction failed ({kafka_error}); run the same command again, nothing is sent twice")


def _sha256(value: bytes | None) -> str:
    return hashlib.sha256(value or b"").hexdigest()


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
