"""Outputs: what the topics take that dead letters and deltas go to, so that one of them never stops the others.

A message that its topic refuses aborts the whole transaction. So the limits are known beforehand: asked of the broker
before letters are written, and learnt from refusals where this user may not ask.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient, ConfigResource

from streamgauge.catalog.loader import ANALYTICS_TOPIC
from streamgauge.dead_letters.fitting import OVERHEAD_BYTES
from streamgauge.dead_letters.reference import SMALLEST_LETTER_BYTES
from streamgauge.runtime import kafka
from streamgauge.runtime.connection import rights
from streamgauge.runtime.connection.rights import Right
from streamgauge.runtime.settings import Settings

# Kafka's default of `max.message.bytes`.
USUAL_BYTES = 1_048_588
# librdkafka's default.
BATCH_BYTES = 1_000_000
# How often in a row a topic may refuse messages before its streams are set aside; each halves what it is thought to
# take. Without the right to ask for its limit, more of them teach something.
MOST_REFUSALS, MOST_REFUSALS_UNTOLD = 3, 12
_MISSING = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC)  # noqa: SLF001 - librdkafka's own code
# What purged and aborted messages are reported with, and those that the broker did not answer: not the topic's answer.
ABORTED = frozenset(
    {
        KafkaError._PURGE_QUEUE,  # noqa: SLF001
        KafkaError._PURGE_INFLIGHT,  # noqa: SLF001
        KafkaError._STATE,  # noqa: SLF001
        KafkaError._MSG_TIMED_OUT,  # noqa: SLF001
    }
)
_FRESH_S, _CALL_S = 1.0, 10.0


class Outputs:
    """What each topic takes, in bytes, and what is wrong with it."""

    def __init__(self, settings: Settings, client: AdminClient | None = None) -> None:
        self._settings, self._client = settings, client or kafka.admin(settings)
        self._limits: dict[str, int] = {}
        self._told: dict[str, int] = {}
        self._missing: set[str] = set()
        self._asked: dict[str, float] = {}
        self._refusals: Counter[str] = Counter()

    def limit(self, topic: str) -> int:
        """The largest batch that the topic takes."""
        return self._limits.get(topic, USUAL_BYTES)

    @property
    def batch_bytes(self) -> int:
        """The producer's `batch.size`: a batch of several messages must fit every topic."""
        usable = (limit for limit in self._limits.values() if limit >= SMALLEST_LETTER_BYTES)
        return min(BATCH_BYTES, *(limit - OVERHEAD_BYTES for limit in (*usable, USUAL_BYTES)))

    @property
    def delta_bytes(self) -> int:
        """The largest delta to write: a part of what `analytics` takes, because its headers come on top."""
        return max(1, int(0.8 * self.limit(ANALYTICS_TOPIC)))

    def ask(self, topics: Iterable[str]) -> None:
        """Ask the broker for the limits of topics, unless asked within the last second. Raises `KafkaException`."""
        now = time.monotonic()
        topics = [topic for topic in topics if now - self._asked.get(topic, -_FRESH_S) >= _FRESH_S]
        if not topics:
            return
        futures = self._client.describe_configs(
            [ConfigResource(ConfigResource.Type.TOPIC, topic) for topic in topics], request_timeout=_CALL_S
        )
        for resource, future in futures.items():
            self._answered(resource.name, future)
            self._asked[resource.name] = now

    def _answered(self, topic: str, future: Future[dict[str, Any]]) -> None:
        self._missing.discard(topic)
        try:
            config = future.result()
        except KafkaException as error:
            code = error.args[0].code()
            if code in _MISSING:
                self._missing.add(topic)
            elif code != KafkaError.TOPIC_AUTHORIZATION_FAILED:
                raise
            return
        told = int(config["max.message.bytes"].value)
        if told != self._told.get(topic):
            # While it stays as it is, refusals have taught more.
            self._told[topic] = self._limits[topic] = told

    def obstacle(self, topic: str) -> str | None:
        """Why nothing can be written to a topic; None where it can, as far as is known."""
        if topic in self._missing:
            return f"topic `{topic}` does not exist; create it with `streamgauge topics`"
        most = MOST_REFUSALS if topic in self._told else MOST_REFUSALS_UNTOLD
        if self.limit(topic) < SMALLEST_LETTER_BYTES or self._refusals[topic] > most:
            limit = f": max.message.bytes={self._told[topic]}" if topic in self._told else ""
            return (
                f"topic `{topic}` does not take its messages{limit}; raise max.message.bytes to {USUAL_BYTES} or more"
            )
        return None

    def refused(self, topic: str, error: KafkaError) -> str | None:
        """Learn from a message that the topic refused. Returns why nothing more can be written to it, if that is so."""
        self._asked.pop(topic, None)
        self._refusals[topic] += 1
        if error.code() in _MISSING:
            self._missing.add(topic)
        elif error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            return self._denied(topic)
        elif error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            known = self.limit(topic)
            self.ask([topic])
            if self.limit(topic) == known:
                # Not told the limit, or not the true one: the broker may store it compressed otherwise.
                self._limits[topic] = known // 2
        else:
            return f"topic `{topic}` refuses messages: {error.str()}"
        if obstacle := self.obstacle(topic):
            self._limits[topic] = self._told.get(topic, USUAL_BYTES)
        return obstacle

    def accepted(self, topics: Iterable[str]) -> None:
        """Messages to these topics were committed."""
        for topic in topics:
            self._refusals.pop(topic, None)

    def may_write(self, topic: str) -> str | None:
        """Why this user may not write to a topic; None where it may. Raises `KafkaException`."""
        described = self._client.describe_topics(
            TopicCollection([topic]), include_authorized_operations=True, request_timeout=_CALL_S
        )
        try:
            operations = described[topic].result().authorized_operations
        except KafkaException as error:
            if error.args[0].code() in _MISSING:
                self._missing.add(topic)
                return self.obstacle(topic)
            if error.args[0].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                return self._denied(topic)
            raise
        if operations is None or AclOperation.WRITE in operations or AclOperation.ALL in operations:
            return None
        return self._denied(topic)

    def denied(self, topics: Iterable[str]) -> str | None:
        """Of a transaction that was refused a topic without its name: which of them it is, as `may_write` says it."""
        for topic in sorted(topics):
            # Where the broker does not answer, the caller has its first error.
            with contextlib.suppress(KafkaException):
                if why := self.may_write(topic):
                    return why
        return None

    def _denied(self, topic: str) -> str:
        return rights.refused(self._settings, Right("Write", "topic", topic))
