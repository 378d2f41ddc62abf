"""Headers of a dead letter: where the event was, what was wrong, which consumer failed. Ours and those of others.

Kafka Streams (KIP-1034; ours are these and some that begin `streamgauge.`), Kafka Connect and Spring Kafka each have
their own, and Spring's recoverer (`kafka_dlt-original-topic`) others than its retry topics (`kafka_original-topic`).
Numbers are text, or big-endian integers as Spring writes them. No header is trusted: malformed ones give a letter of
unknown origin, never an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from streamgauge.dead_letters.fingerprint import fingerprint

Headers = Sequence[tuple[str, bytes | None]]

ATTEMPT, RETRY_OF = "streamgauge.attempt", "streamgauge.retry-of"
REASON, FIELD, FINGERPRINT = "streamgauge.reason", "streamgauge.field", "streamgauge.fingerprint"
# Which of our services could not process the event (processors/streaming/service.py).
CONSUMER = "streamgauge.consumer"
# The id of the topic that the event was read from (KIP-516); a topic made anew has another.
TOPIC_ID = "streamgauge.topic-id"
DETAIL_SHOWN = 500
_STREAMS, _CONNECT, _SPRING = "__streams.errors.", "__connect.errors.", "kafka_dlt-"
# What Spring's retry topics (@RetryableTopic) write. The group's name is the recoverer's, so it tells neither kind.
_SPRING_RETRY = ("kafka_original-", "kafka_exception-", "kafka_key-exception-")
_SPRING_GROUP = f"{_SPRING}original-consumer-group"
# Removed by a retry, so that the event is as it was.
_ADDED = (_STREAMS, _CONNECT, _SPRING, *_SPRING_RETRY, "streamgauge.", "retry_topic-", "springDeserializerException")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
# As Kafka prints them, or those that analytics makes where the broker has none (topic_identity.py).
_ID = re.compile(r"[A-Za-z0-9_-]{22}|[A-Za-z0-9._-]{1,249}@\d{1,15}")
_MOST_ATTEMPTS = 1_000_000


class Position(NamedTuple):
    """Topic, partition and offset of a message, and the topic's id where it is known.

    Written `topic:partition:offset`, it is a dead letter's id: of the newest topic of that name, if there were several.
    """

    topic: str
    partition: int
    offset: int
    topic_id: str | None = None

    def __str__(self) -> str:
        return f"{self.topic}:{self.partition}:{self.offset}"

    @property
    def exact(self) -> str:
        """`topic:partition:offset:topic-id`, which names one message for good; without the last part where unknown."""
        return f"{self}:{self.topic_id}" if self.topic_id else str(self)

    @classmethod
    def parse(cls, text: str) -> Position | None:
        """Parse `topic:partition:offset`, with or without `:topic-id`; None where it is no position."""
        topic, _, rest = text.partition(":")
        partition, _, rest = rest.partition(":")
        offset, colon, topic_id = rest.partition(":")
        if colon and not _ID.fullmatch(topic_id):
            return None
        return cls.of(topic, number(partition.encode()), number(offset.encode()), topic_id or None)

    @classmethod
    def of(cls, topic: str, partition: int | None, offset: int | None, topic_id: str | None = None) -> Position | None:
        """A position; None where a part is missing or out of range."""
        if not _TOPIC.fullmatch(topic) or partition is None or offset is None:
            return None
        return cls(topic, partition, offset, topic_id) if 0 <= partition < 2**31 and 0 <= offset < 2**63 else None


class ErrorHeaders(NamedTuple):
    """A dead letter's headers, parsed. `position` is the event's; None where it is missing or invalid."""

    position: Position | None
    timestamp: int | None
    reason: str
    detail: str
    field: str | None
    fingerprint: str | None
    attempts: int
    retry_of: str | None
    consumer: str | None

    def fingerprint_in(self, stream: str) -> str:
        """The fingerprint in the headers, or the one computed from them for a letter of `stream`."""
        return self.fingerprint or fingerprint(stream, self.reason, self.field, self.detail)


def read(headers: Headers | None) -> ErrorHeaders:
    """Parse the headers. The last error header decides the kind of letter: what was written last failed last."""
    first: dict[str, bytes] = {}
    last: dict[str, bytes] = {}
    kind = ""
    for name, value in headers or ():
        first.setdefault(name, value or b"")
        last[name] = value or b""
        if name != _SPRING_GROUP:
            kind = next((prefix for prefix in _KINDS if name.startswith(prefix)), kind)
    error = _KINDS.get(kind, _nothing)(first, last)
    return error._replace(
        reason=error.reason if error.position else "unknown",
        detail=error.detail[:DETAIL_SHOWN],
        attempts=max(error.attempts, attempt(headers)),
        retry_of=retry_of(headers),
    )


def failure(exception: str, message: str, position: Position) -> list[tuple[str, bytes]]:
    """Kafka Streams' headers (KIP-1034) of a failure: the exception's class, its message, and the event's position."""
    return [
        (f"{_STREAMS}exception", exception.encode()),
        (f"{_STREAMS}message", message[:DETAIL_SHOWN].encode(errors="replace")),
        *place(position),
    ]


def place(position: Position) -> list[tuple[str, bytes]]:
    """Kafka Streams' headers of the event's position alone."""
    return [
        (f"{_STREAMS}topic", position.topic.encode()),
        (f"{_STREAMS}partition", str(position.partition).encode()),
        (f"{_STREAMS}offset", str(position.offset).encode()),
        *([(TOPIC_ID, position.topic_id.encode())] if position.topic_id else []),
    ]


def attempt(headers: Headers | None) -> int:
    """Which attempt at the event this is, from the header that a retry adds; 1 without one."""
    found = [value for name, value in headers or () if name == ATTEMPT]
    return min(max(number(found[-1] or b"") or 1, 1), _MOST_ATTEMPTS) if found else 1


def retry_of(headers: Headers | None) -> str | None:
    """The id of the letter that the first retry was of, from the header that a retry adds."""
    found = [value for name, value in headers or () if name == RETRY_OF]
    position = Position.parse(_text(found[-1])) if found else None
    return str(position) if position else None


def original(headers: Headers | None) -> list[tuple[str, bytes | None]]:
    """The event's own headers, without those that dead-lettering added."""
    return [(name, value) for name, value in headers or () if not name.startswith(_ADDED)]


def _streams(_first: Mapping[str, bytes], last: Mapping[str, bytes]) -> ErrorHeaders:
    reason = _text(last.get(REASON))
    detail = _text(last.get(f"{_STREAMS}message"))
    if not reason:
        detail = _named(_text(last.get(f"{_STREAMS}exception")), detail)
    return ErrorHeaders(
        _position(last, _STREAMS),
        None,
        reason or "streams_error",
        detail,
        _text(last.get(FIELD)) or None,
        _text(last.get(FINGERPRINT)) or None,
        1,
        None,
        _text(last.get(CONSUMER)) or None,
    )


def _connect(_first: Mapping[str, bytes], last: Mapping[str, bytes]) -> ErrorHeaders:
    connector = _text(last.get(f"{_CONNECT}connector.name"))
    detail = _named(_text(last.get(f"{_CONNECT}exception.class.name")), _text(last.get(f"{_CONNECT}exception.message")))
    stage = _text(last.get(f"{_CONNECT}stage"))
    # The group of a sink connector, unless its configuration names another.
    consumer = f"connect-{connector}" if connector else None
    return ErrorHeaders(
        _position(last, _CONNECT),
        None,
        "connect_error",
        f"{stage}: {detail}" if stage else detail,
        None,
        None,
        1,
        None,
        consumer,
    )


def _spring(prefix: str, first: Mapping[str, bytes], last: Mapping[str, bytes]) -> ErrorHeaders:
    # Through retry topics the headers repeat: the first name the event's position, the last the error.
    cause = last.get(f"{prefix}exception-cause-fqcn") or last.get(f"{prefix}exception-fqcn")
    detail = _named(_text(cause), _text(last.get(f"{prefix}exception-message")))
    if not detail:
        key = _named(*(_text(last.get(f"{prefix}key-exception-{part}")) for part in ("fqcn", "message")))
        detail = f"key: {key}" if key else ""
    stamp = number(first.get(f"{prefix}original-timestamp", b""))
    if stamp is None:
        stamp = big_integer(first.get("retry_topic-original-timestamp", b""))
    return ErrorHeaders(
        _position(first, f"{prefix}original-"),
        stamp if stamp is not None and 0 < stamp < 253_402_300_800_000 else None,
        "spring_error",
        detail,
        None,
        None,
        min(max(big_integer(last.get("retry_topic-attempts", b"")) or 1, 1), _MOST_ATTEMPTS),
        None,
        _text(last.get(_SPRING_GROUP)) or None,
    )


def _nothing(_first: Mapping[str, bytes], _last: Mapping[str, bytes]) -> ErrorHeaders:
    return ErrorHeaders(None, None, "unknown", "no error headers", None, None, 1, None, None)


def _position(headers: Mapping[str, bytes], prefix: str) -> Position | None:
    partition, offset = (number(headers.get(f"{prefix}{name}", b"")) for name in ("partition", "offset"))
    topic_id = _text(headers.get(TOPIC_ID)) if prefix == _STREAMS else ""
    return Position.of(
        _text(headers.get(f"{prefix}topic")), partition, offset, topic_id if _ID.fullmatch(topic_id) else None
    )


def _named(exception: str, message: str) -> str:
    """`ClassName: message`; without the exception's package."""
    return ": ".join(part for part in (exception.rpartition(".")[2], message) if part)


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", errors="replace")


def number(value: bytes) -> int | None:
    """A number written as text or as a big-endian integer. Eight digits as an integer would be an offset past 10^18."""
    if re.fullmatch(rb"[0-9]{1,19}", value):
        return int(value)
    return int.from_bytes(value, "big", signed=True) if len(value) in (4, 8) else None


def big_integer(value: bytes) -> int | None:
    """A number as in Spring's `retry_topic-` headers: text, or Java's `BigInteger` of one to eight bytes."""
    whole = number(value)
    return int.from_bytes(value, "big", signed=True) if whole is None and 0 < len(value) <= 8 else whole


_KINDS: Mapping[str, Callable[[Mapping[str, bytes], Mapping[str, bytes]], ErrorHeaders]] = {
    _STREAMS: _streams,
    _CONNECT: _connect,
    _SPRING: partial(_spring, _SPRING),
    **dict.fromkeys(_SPRING_RETRY, partial(_spring, "kafka_")),
}
