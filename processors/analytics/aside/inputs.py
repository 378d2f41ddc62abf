"""Inputs: what is wrong with the topics that analytics reads, one by one, at the start and while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient, ConfigResource

from processors.analytics.aside.streams import Obstacle
from streamgauge.catalog.stream import Stream
from streamgauge.runtime import kafka
from streamgauge.runtime.settings import Settings

_CALL_S = 10.0


class Inputs:
    """Checks the topics of streams, and their dead-letter topics."""

    def __init__(self, settings: Settings, streams: Mapping[str, Stream], client: AdminClient | None = None) -> None:
        self._client = client or kafka.admin(settings)
        self._streams = streams

    def check(self) -> tuple[list[Obstacle], dict[str, str]]:
        """Streams that cannot be read as they are; and by stream, what its next dead letter would meet.

        Blocks for two requests. Raises `KafkaException` where the broker does not answer; what this user may not ask
        is taken to be right.
        """
        topics = [name for stream in self._streams.values() for name in (stream.topic, stream.dead_letter_topic)]
        described = self._client.describe_topics(
            TopicCollection(topics), include_authorized_operations=True, request_timeout=_CALL_S
        )
        found = {name: _answer(described[name]) for name in topics}
        policies = self._policies(topic for topic in self._streams if not isinstance(found[topic], int))
        obstacles = [
            Obstacle(topic, "topic", why)
            for topic, stream in self._streams.items()
            if (why := _why(topic, stream, found[topic], policies.get(topic, "")))
        ]
        letters = {
            topic: f"dead-letter topic `{stream.dead_letter_topic}` does not exist: the next bad event of `{topic}` "
            "would stop that stream; create it with `streamgauge topics`"
            for topic, stream in self._streams.items()
            if found[stream.dead_letter_topic] == KafkaError.UNKNOWN_TOPIC_OR_PART
        }
        return obstacles, letters

    def _policies(self, topics: Iterator[str]) -> dict[str, str]:
        resources = [ConfigResource(ConfigResource.Type.TOPIC, topic) for topic in topics]
        if not resources:
            return {}
        policies = {}
        for resource, future in self._client.describe_configs(resources, request_timeout=_CALL_S).items():
            answer = _answer(future)
            if not isinstance(answer, int):
                policies[resource.name] = answer["cleanup.policy"].value
        return policies


def _answer(future: Any) -> Any:
    """The result, or the code of an error that is the topic's own. Raises others."""
    try:
        return future.result()
    except KafkaException as error:
        code = int(error.args[0].code())
        if code in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED):
            return code
        raise


def _why(topic: str, stream: Stream, found: Any, policy: str) -> str | None:
    if found == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return (
            f"topic `{topic}` does not exist, or this user may not describe it; `streamgauge topics` creates it, and "
            "it is read as soon as it is there"
        )
    operations = None if isinstance(found, int) else found.authorized_operations
    may_read = operations is None or {AclOperation.READ, AclOperation.ALL} & set(operations)
    if isinstance(found, int) or not may_read:
        return f"this user may not read topic `{topic}`: grant it Read (and Describe)"
    if "compact" in policy and not stream.compacted:
        return (
            f"topic `{topic}` is compacted and loses events (cleanup.policy={policy}), and sums over the rest would be "
            "wrong; set cleanup.policy=delete"
        )
    return None
