"""What Kafka would refuse of a retry is known before anything is sent. No Kafka."""

from __future__ import annotations

import random
from collections.abc import Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AclOperation

from streamgauge.dead_letters.headers import Position
from streamgauge.dead_letters.letter import Letter
from streamgauge.dead_letters.retry import targets
from streamgauge.dead_letters.retry.records import Record
from streamgauge.dead_letters.retry.retrier import Sendable
from streamgauge.dead_letters.retry.targets import Target
from streamgauge.runtime import kafka
from streamgauge.runtime.connection import rights
from streamgauge.runtime.connection.rights import Right
from streamgauge.runtime.settings import Settings

NOISE = random.Random(1).randbytes(3_000)  # does not compress


def item(value: bytes | None, partition: int = 0, **record: Any) -> Sendable:
    position = Position("small", partition, 7, record.get("topic_id"))
    letter = Letter(position, "s", "r", "f" * 12, None, "", 1, position, None, "x", datetime.now(UTC))
    return Sendable(letter, Record(position, record.get("key"), b"the original", record.get("headers", []), 0), value)


@pytest.mark.parametrize(
    ("event", "target", "why"),
    [
        (item(b"x"), Target("small"), None),
        (item(None, 9), Target("small"), None),
        (item(b"x"), Target("small", "topic `small` does not exist"), "topic `small` does not exist"),
        (item(b"x", 2), Target("small", "", 3, 1_000), None),
        (item(b"x", 3), Target("small", "", 3, 1_000), "topic `small` has no partition 3"),
        (item(b"x", 3, topic_id="old"), Target("small", "", 3, 1_000, "new"), None),
        (item(b"x", 3, topic_id="new"), Target("small", "", 3, 1_000, "new"), "topic `small` has no partition 3"),
        (item(b"x" * 3_000), Target("small", "", 3, 1_000), None),
        (
            item(NOISE),
            Target("small", "", 3, 1_000),
            "3,000 bytes, 3,011 compressed, are too large for topic `small`: its max.message.bytes is 1,000",
        ),
        (item(NOISE), Target("small", "", 3, 3_100), None),
        (item(b"x", key=NOISE), Target("small", "", 3, 1_000), "3,001 bytes, 3,012 compressed, are too large"),
        (item(b"x", headers=[("h", NOISE)]), Target("small", "", 3, 1_000), "3,002 bytes"),
    ],
)
def test_a_refusal_has_its_reason(event: Sendable, target: Target, why: str | None) -> None:
    found = targets.refusal(event, target)
    assert found == why or (why and str(found).startswith(why))


def done(result: object) -> Future[Any]:
    future = Future[Any]()
    if isinstance(result, int):
        future.set_exception(KafkaException(KafkaError(result)))
    else:
        future.set_result(result)
    return future


class Admin:
    """Describes topics as a cluster with rights does."""

    def describe_topics(self, wanted: object, **_options: object) -> Mapping[str, Future[Any]]:
        def topic(*operations: AclOperation) -> SimpleNamespace:
            return SimpleNamespace(topic_id="id", partitions=[1, 2], authorized_operations=list(operations))

        return {
            "absent": done(KafkaError.UNKNOWN_TOPIC_OR_PART),
            "hidden": done(KafkaError.TOPIC_AUTHORIZATION_FAILED),
            "broken": done(KafkaError._TIMED_OUT),  # noqa: SLF001
            "read": done(topic(AclOperation.READ, AclOperation.DESCRIBE)),
            "open": done(topic(AclOperation.WRITE)),
            "old": done(SimpleNamespace(topic_id=None, partitions=[1], authorized_operations=None)),
        }

    def describe_configs(self, wanted: list[Any]) -> Mapping[Any, Future[Any]]:
        limit = SimpleNamespace(value="1000")
        known = {"open": {"max.message.bytes": limit}}
        return {one: done(known.get(one.name, KafkaError.TOPIC_AUTHORIZATION_FAILED)) for one in wanted}


def test_rights_and_limits_are_read_and_the_unknown_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "admin", lambda _: Admin())
    names = ["absent", "hidden", "broken", "read", "open", "old"]
    settings = Settings(security_protocol="SASL_SSL", sasl_username="ana")
    assert targets.read(settings, names) == {
        "absent": Target("absent", "topic `absent` does not exist"),
        "hidden": Target("hidden", rights.refused(settings, Right("Describe", "topic", "hidden"))),
        "broken": Target("broken"),
        "read": Target("read", rights.refused(settings, Right("Write", "topic", "read"))),
        "open": Target("open", "", 2, 1_000, "id"),
        "old": Target("old", "", 1),
    }
    assert targets.read(Settings(), []) == {}
