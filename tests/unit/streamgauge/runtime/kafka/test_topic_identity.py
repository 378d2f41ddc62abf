"""Offsets are read on from where they belong to the topic as it is, and from the beginning where they do not."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any, NamedTuple

import pytest
from confluent_kafka import OFFSET_BEGINNING, OFFSET_INVALID, KafkaError, KafkaException, TopicPartition

from streamgauge.runtime.kafka.topic_identity import TopicIdentity, TopicRecreated

OLD, NEW = "o" * 22, "n" * 22


class Description(NamedTuple):
    """What the admin client gives."""

    topic_id: str | None
    partitions: list[int]
    authorized_operations: None = None


class Cluster:
    """An admin client of a cluster with these topics by id; None is a broker that knows none."""

    def __init__(self, **topics: str | None) -> None:
        self.topics: Mapping[str, str | None] = topics

    def describe_topics(self, asked: Any, **_options: Any) -> dict[str, Future[Description]]:
        futures = {}
        for name in asked.topic_names:
            futures[name] = future = Future[Description]()
            if name in self.topics:
                future.set_result(Description(self.topics[name], [0, 1]))
            else:
                future.set_exception(KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)))
        return futures


class Names:
    """`TopicCollection` has no way to read its names."""

    def __init__(self, names: list[str]) -> None:
        self.topic_names = names


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamgauge.runtime.kafka.topic_ids.TopicCollection", Names)


def resumed(identity: TopicIdentity, *committed: TopicPartition, end: int = 1_000) -> list[int]:
    """The offsets to read on from."""
    return [at.offset for at in identity.resume(committed, lambda _: end)]


def at(offset: int, metadata: str = "", partition: int = 0) -> TopicPartition:
    return TopicPartition("orders", partition, offset, metadata=metadata)


def check(identity: TopicIdentity, following: int = 0, first: int = 0) -> None:
    identity.confirm(identity.begin({"orders"}), {("orders", 0): first}, {("orders", 0): following})


def test_offsets_of_an_earlier_topic_are_not_used(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the metadata says besides; all partitions of the topic are read from their beginning."""
    identity = TopicIdentity(Cluster(orders=NEW))
    assert resumed(identity, at(7, f"bad=0 of=1 at=2 topic_id={NEW}")) == [7]
    assert not caplog.records
    both = at(7, f"topic_id={OLD}"), at(3, f"topic_id={NEW}", partition=1)
    assert resumed(identity, *both) == [OFFSET_BEGINNING] * 2
    assert f"orders was deleted and made anew (topic id {NEW}, before {OLD})" in caplog.text
    assert resumed(identity, at(OFFSET_INVALID)) == [OFFSET_BEGINNING]
    assert identity.metadata("orders", "bad=0") == f"bad=0 topic_id={NEW}"


def test_an_offset_without_an_id_is_used_unless_the_log_ends_before_it() -> None:
    """Somebody set it with a tool."""
    identity = TopicIdentity(Cluster(orders=NEW))
    assert resumed(identity, at(7, ""), end=7) == [7]
    assert resumed(identity, at(7, ""), end=6) == [OFFSET_BEGINNING]


def test_a_batch_is_refused_when_the_id_changed_while_it_was_read() -> None:
    """Also where the topic is gone by then, or the messages came from none that is known."""
    cluster = Cluster(orders=OLD)
    identity = TopicIdentity(cluster)
    resumed(identity, at(7))
    check(identity)
    for topics in ({"orders": NEW}, {}):
        cluster.topics = topics
        with pytest.raises(TopicRecreated, match="orders"):
            check(identity)


def test_idle_topics_are_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A topic that is made anew with as many events as were read brings no message."""
    monkeypatch.setattr("streamgauge.runtime.kafka.topic_identity.EVERY_S", 0.0)
    cluster = Cluster(orders=OLD)
    identity = TopicIdentity(cluster)
    resumed(identity, at(7))
    cluster.topics = {"orders": NEW}
    with pytest.raises(TopicRecreated):
        identity.confirm(identity.begin(()), {}, {})


@pytest.mark.parametrize("zero", [None, "A" * 22])
def test_a_broker_without_ids(zero: str | None, caplog: pytest.LogCaptureFixture) -> None:
    """A log that goes back is a new topic, which gets an id here; what cannot be told is said, once."""
    identity = TopicIdentity(Cluster(orders=zero))
    assert resumed(identity, at(7), end=7) == [7]
    assert identity.metadata("orders", "x") == "x"
    check(identity, following=9, first=7)
    with pytest.raises(TopicRecreated):
        check(identity, following=3, first=7)
    assert resumed(identity, at(7), end=1_000) == [OFFSET_BEGINNING]
    made = identity.metadata("orders", "x").partition("topic_id=")[2]
    assert made.startswith("orders@")
    # The next replica goes by the id that was committed.
    successor = TopicIdentity(Cluster(orders=zero))
    assert resumed(successor, at(4, f"x topic_id={made}")) == [4]
    assert successor.ids == {"orders": made}
    assert resumed(successor, at(4, f"x topic_id={made}"), end=2) == [OFFSET_BEGINNING]
    warned = [record for record in caplog.records if "gives no topic ids" in record.message]
    assert len(warned) == 2
    assert caplog.records[0].levelno == logging.WARNING
