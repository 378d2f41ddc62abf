"""Inputs: what is wrong with the topics that analytics reads, one by one, at the start and while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient, ConfigResource

from processors.analytics.aside.streams import Obstacle
from streamgauge.catalog.stream import Stream
from streamgauge.runtime import kafka
from streamgauge.runtime.connection import rights
from streamgauge.runtime.connection.rights import Right
from streamgauge.runtime.settings import Settings

_CALL_S = 10.0
_KEEPING = ("cleanup.policy", "retention.ms", "retention.bytes")


class Fault(NamedTuple):
    """Something wrong with a stream's topics while the stream is read all the same; `text` is a sentence for people."""

    stream: str
    subject: str
    text: str


class Inputs:
    """Checks the topics of streams, and their dead-letter topics."""

    def __init__(self, settings: Settings, streams: Mapping[str, Stream], client: AdminClient | None = None) -> None:
        self._settings, self._client = settings, client or kafka.admin(settings)
        self._streams = streams

    def check(self) -> tuple[list[Obstacle], list[Fault]]:
        """Streams that cannot be read as they are, and what is wrong with others.

        Blocks for two requests. Raises `KafkaException` where the broker does not answer; what this user may not ask
        is taken to be right.
        """
        topics = [name for stream in self._streams.values() for name in (stream.topic, stream.dead_letter_topic)]
        described = self._client.describe_topics(
            TopicCollection(topics), include_authorized_operations=True, request_timeout=_CALL_S
        )
        found = {name: _answer(described[name]) for name in topics}
        configs = self._configs(topic for topic in self._streams if not isinstance(found[topic], int))
        obstacles, faults = [], []
        for topic, stream in self._streams.items():
            config = configs.get(topic, {})
            if why := _why(self._settings, topic, stream, found[topic], config.get("cleanup.policy", "")):
                obstacles.append(Obstacle(topic, "topic", why))
            elif stream.compacted and (what := _forgets(topic, config)):
                faults.append(Fault(topic, f"retention of {topic}", what))
            if found[stream.dead_letter_topic] == KafkaError.UNKNOWN_TOPIC_OR_PART:
                what = (
                    f"dead-letter topic `{stream.dead_letter_topic}` does not exist: the next bad event of `{topic}` "
                    "would stop that stream; create it with `streamgauge topics`"
                )
                faults.append(Fault(topic, f"dead letters of {topic}", what))
        return obstacles, faults

    def _configs(self, topics: Iterator[str]) -> dict[str, dict[str, str]]:
        """What decides how long each topic keeps its events."""
        resources = [ConfigResource(ConfigResource.Type.TOPIC, topic) for topic in topics]
        if not resources:
            return {}
        configs = {}
        for resource, future in self._client.describe_configs(resources, request_timeout=_CALL_S).items():
            answer = _answer(future)
            if not isinstance(answer, int):
                configs[resource.name] = {name: answer[name].value for name in _KEEPING if name in answer}
        return configs


def _answer(future: Any) -> Any:
    """The result, or the code of an error that is the topic's own. Raises others."""
    try:
        return future.result()
    except KafkaException as error:
        code = int(error.args[0].code())
        if code in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED):
            return code
        raise


def _why(settings: Settings, topic: str, stream: Stream, found: Any, policy: str) -> str | None:
    if found == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return (
            f"topic `{topic}` does not exist, or this user may not describe it; `streamgauge topics` creates it, and "
            "it is read as soon as it is there"
        )
    operations = None if isinstance(found, int) else found.authorized_operations
    may_read = operations is None or {AclOperation.READ, AclOperation.ALL} & set(operations)
    if isinstance(found, int) or not may_read:
        return rights.refused(settings, Right("Read", "topic", topic))
    if "compact" in policy and not stream.compacted:
        return (
            f"topic `{topic}` is compacted and loses events (cleanup.policy={policy}), and sums over the rest would be "
            "wrong; set cleanup.policy=delete"
        )
    return None


def _forgets(topic: str, config: Mapping[str, str]) -> str | None:
    """What is wrong with a topic of reference data that deletes it after a while.

    All that is in it is read, and rows stay in the tables; setting the stream aside would save none of them.
    """
    limits = [f"{name}={config[name]}" for name in _KEEPING[1:] if config.get(name, "-1") != "-1"]
    if "delete" not in config.get("cleanup.policy", "") or not limits:
        return None
    return (
        f"topic `{topic}` is reference data and deletes it (cleanup.policy={config['cleanup.policy']}, "
        f"{', '.join(limits)}): the tables keep the rows, but `rebuild` and services that start would lack them; set "
        "cleanup.policy=compact"
    )
