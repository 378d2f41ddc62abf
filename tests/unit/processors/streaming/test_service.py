"""Dead letters of a service: as its topic takes them, or a wait with the reason."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError

from processors.streaming.quix_app import QuixApp
from processors.streaming.service import Service
from streamgauge.catalog import loader
from streamgauge.dead_letters import headers, reference
from streamgauge.dead_letters.headers import Position
from streamgauge.dead_letters.outputs import Outputs
from streamgauge.runtime.errors import TransientError
from streamgauge.runtime.settings import Settings


class Topics:
    """What `Outputs` knows of the topics; remembers what it is told."""

    def __init__(self, limit: int, why: str | None = None) -> None:
        self._limit, self._why, self.taught = limit, why, list[object]()

    def ask(self, _topics: list[str]) -> None:
        """Nobody to ask."""

    def obstacle(self, _topic: str) -> str | None:
        """Why nothing can be written."""
        return self._why

    def limit(self, _topic: str) -> int:
        """What it takes."""
        return self._limit

    def refused(self, topic: str, error: KafkaError) -> None:
        """A refusal."""
        self.taught.append((topic, error.code()))

    def accepted(self, topics: list[str]) -> None:
        """Messages were accepted."""
        self.taught.append(topics)


def failed(topics: Topics, value: bytes) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """What the service produces after a bug met `value`."""
    produced: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    producer = SimpleNamespace(produce=lambda *sent, **options: produced.append((sent, options)))
    service = Service.__new__(Service)
    service.name, service.catalog = "fraud", loader.streams_of(Settings().catalog)
    service._outputs = cast(Outputs, topics)
    service.app = cast(
        QuixApp,
        SimpleNamespace(identity=SimpleNamespace(ids={}), _processing_context=SimpleNamespace(producer=producer)),
    )
    row = SimpleNamespace(topic="payments", partition=1, offset=7, key=b"k", value=value, headers=None)
    assert service._on_error(ValueError("a bug"), row, None)
    return produced


def test_a_letter_that_does_not_fit_refers_to_its_event() -> None:
    value = os.urandom(5_000)
    (((topic, shown, key), options),) = failed(Topics(2_000), value)
    named = options["headers"]
    assert (topic, key) == ("payments.dlq", b"k")
    assert value.startswith(shown)
    assert reference.of(named) == (reference.digest(b"k", value), 5_000)
    error = headers.read(named)
    assert (error.position, error.consumer) == (Position("payments", 1, 7), "fraud")
    (((_, whole, _), options),) = failed(Topics(20_000), value)
    assert (whole, reference.of(options["headers"])) == (value, None)


def test_what_the_topic_answers_is_learnt() -> None:
    topics = Topics(2_000)
    ((_, options),) = failed(topics, b"{}")
    options["on_delivery"](KafkaError(KafkaError.MSG_SIZE_TOO_LARGE), None)
    options["on_delivery"](KafkaError(KafkaError._PURGE_QUEUE), None)
    # A busy broker says nothing about the topic.
    options["on_delivery"](KafkaError(KafkaError._MSG_TIMED_OUT), None)
    options["on_delivery"](None, None)
    assert topics.taught == [("payments.dlq", KafkaError.MSG_SIZE_TOO_LARGE), ["payments.dlq"]]


def test_a_topic_that_takes_nothing_is_waited_for() -> None:
    with pytest.raises(TransientError, match="waiting to write a dead letter: it is gone"):
        failed(Topics(2_000, "it is gone"), b"{}")
