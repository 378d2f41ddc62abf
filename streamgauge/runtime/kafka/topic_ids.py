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
    """A topic as it is now. `id` is as Kafka's own tools print it, "" where the broker knows no ids."""

    id: str
    partitions: int


class Request:
    """A request that is under way."""

    def __init__(self, futures: Mapping[str, Future[TopicDescription]]) -> None:
        self.futures = futures

    def result(self) -> dict[str, Described]:
        """The topics that exist. Blocks; raises `KafkaException` where the broker does not answer."""
        found = {}
        for topic, future in self.futures.items():
            try:
                found[topic] = described(future.result(CALL_S + 1))
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise
            except TimeoutError:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from None  # noqa: SLF001
        return found


def known(admin: AdminClient, topics: Iterable[str]) -> dict[str, str]:
    """The ids of those topics of which one can be read now, by name; nothing is raised."""
    found = {}
    for topic, future in request(admin, topics).futures.items():
        with suppress(KafkaException, TimeoutError):
            if topic_id := described(future.result(CALL_S + 1)).id:
                found[topic] = topic_id
    return found


def request(admin: AdminClient, topics: Iterable[str]) -> Request:
    """Begin to ask for topics by name; one request for all of them."""
    names = sorted(set(topics))
    return Request(admin.describe_topics(TopicCollection(names), request_timeout=CALL_S) if names else {})


def read(admin: AdminClient, topics: Iterable[str]) -> dict[str, Described]:
    """The topics that exist, by name. Raises `KafkaException` where the broker does not answer."""
    return request(admin, topics).result()


def described(topic: TopicDescription) -> Described:
    """A description's id and number of partitions."""
    # librdkafka prints ids in the alphabet of base64, Kafka's tools in the one for addresses.
    text = str(topic.topic_id or "").replace("+", "-").replace("/", "_")
    return Described("" if text == _ZERO else text, len(topic.partitions))
