"""Topic ids (KIP-516, Kafka 2.8+): a topic that is deleted and made anew keeps its name and gets another id.

An offset names a message only together with the id. Ids are unique, so what was read between two requests that gave the
same id is of that one topic.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, TopicDescription

CALL_S = 10.0
_ZERO = "A" * 22


class Described(NamedTuple):
    """A topic as it is now. `id` is as Kafka's own tools print it, "" where the broker knows no ids.

    `operations` are those granted to this client, by their names in Kafka's protocol; none where they were not asked
    for, or the broker does not tell.
    """

    id: str
    partitions: int
    operations: frozenset[str] = frozenset()


class Request:
    """A request that is under way."""

    def __init__(self, futures: Mapping[str, Future[TopicDescription]]) -> None:
        self.futures = futures

    def result(self, refused: set[str] | None = None) -> dict[str, Described]:
        """The topics that exist. Blocks; raises `KafkaException` where the broker does not answer, and for a topic that
        this client may not describe, unless a set is given that takes it.
        """
        found = {}
        for topic, future in self.futures.items():
            try:
                found[topic] = described(future.result(CALL_S + 1))
            except KafkaException as error:
                if refused is not None and error.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                    refused.add(topic)
                elif error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise
            except TimeoutError:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from None  # noqa: SLF001
        return found


def known(admin: AdminClient, topics: Iterable[str], *, operations: bool = False) -> dict[str, Described]:
    """Those of the topics that can be described now, by name; nothing is raised."""
    found = {}
    for topic, future in request(admin, topics, operations=operations).futures.items():
        with suppress(KafkaException, TimeoutError):
            found[topic] = described(future.result(CALL_S + 1))
    return found


def request(admin: AdminClient, topics: Iterable[str], *, operations: bool = False) -> Request:
    """Begin to ask for topics by name, and for the operations granted on them; one request for all of them."""
    names = sorted(set(topics))
    if not names:
        return Request({})
    wanted = TopicCollection(names)
    return Request(admin.describe_topics(wanted, include_authorized_operations=operations, request_timeout=CALL_S))


def read(admin: AdminClient, topics: Iterable[str]) -> dict[str, Described]:
    """The topics that exist, by name. Raises `KafkaException` where the broker does not answer."""
    return request(admin, topics).result()


def described(topic: TopicDescription) -> Described:
    """A description's id and number of partitions."""
    # librdkafka prints ids in the alphabet of base64, Kafka's tools in the one for addresses.
    text = str(topic.topic_id or "").replace("+", "-").replace("/", "_")
    operations = frozenset(one.name for one in topic.authorized_operations or ())
    return Described("" if text == _ZERO else text, len(topic.partitions), operations)
