"""Targets of a retry: the topics that the events go back to, and what they would refuse. Writes nothing."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient, ConfigResource

from streamgauge.dead_letters.retry.retrier import Sendable
from streamgauge.runtime import kafka
from streamgauge.runtime.connection import rights
from streamgauge.runtime.connection.rights import Right
from streamgauge.runtime.kafka import topic_ids
from streamgauge.runtime.settings import Settings

_CALL_S = 15.0
_LIMIT = "max.message.bytes"
# A batch's own bytes, and what a record has beside key, value and headers.
_FRAMING = 100
_ABSENT = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}  # noqa: SLF001 - public, for all its name


@dataclass(frozen=True)
class Target:
    """A topic: why it takes nothing, "" if it does; its partitions, the bytes of a batch, its id. None is unknown."""

    topic: str
    closed: str = ""
    partitions: int | None = None
    most_bytes: int | None = None
    topic_id: str | None = None


def read(settings: Settings, topics: Iterable[str]) -> dict[str, Target]:
    """The targets by topic. What the broker does not tell is unknown, and refuses nothing."""
    names = sorted(set(topics))
    if not names:
        return {}
    client = kafka.admin(settings)
    described: dict[str, Future[Any]] = client.describe_topics(
        TopicCollection(names), include_authorized_operations=True, request_timeout=_CALL_S
    )
    limits = _limits(client, names)
    return {name: _target(settings, name, described[name], limits.get(name)) for name in names}


def refusal(item: Sendable, target: Target) -> str | None:
    """Why Kafka would not take the event; None where it would."""
    if target.closed:
        return target.closed
    at = item.letter.position
    # In a topic that was made anew the key decides (retrier.py).
    anew = at.topic_id is not None and target.topic_id not in (None, at.topic_id)
    if target.partitions is not None and at.partition >= target.partitions and not anew:
        return f"topic `{target.topic}` has no partition {at.partition}"
    if target.most_bytes is None:
        return None
    parts = [item.record.key or b"", item.value or b""]
    parts += [part for name, value in item.record.headers for part in (name.encode(errors="replace"), value or b"")]
    size = sum(map(len, parts))
    if size + _FRAMING <= target.most_bytes:
        return None
    # The retrier compresses, and the limit is on what arrives.
    compressed = len(zlib.compress(b"".join(parts)))
    if compressed + _FRAMING <= target.most_bytes:
        return None
    return (
        f"{size:,} bytes, {compressed:,} compressed, are too large for topic `{target.topic}`: "
        f"its {_LIMIT} is {target.most_bytes:,}"
    )


def _target(settings: Settings, name: str, described: Future[Any], most_bytes: int | None) -> Target:
    try:
        topic = described.result(timeout=_CALL_S)
    except KafkaException as error:
        code = error.args[0].code()
        if code in _ABSENT:
            return Target(name, f"topic `{name}` does not exist")
        if code == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            return Target(name, rights.refused(settings, Right("Describe", "topic", name)))
        return Target(name)
    operations = topic.authorized_operations
    if operations and not {AclOperation.WRITE, AclOperation.ALL} & set(operations):
        return Target(name, rights.refused(settings, Right("Write", "topic", name)))
    now = topic_ids.described(topic)
    return Target(name, "", now.partitions, most_bytes, now.id or None)


def _limits(client: AdminClient, names: list[str]) -> dict[str, int]:
    """The limits of those topics whose configuration may be read."""
    found = {}
    asked = client.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, name) for name in names])
    for resource, future in asked.items():
        try:
            found[resource.name] = int(future.result(timeout=_CALL_S)[_LIMIT].value)
        except (KafkaException, KeyError, ValueError):
            continue
    return found
