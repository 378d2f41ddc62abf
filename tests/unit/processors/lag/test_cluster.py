"""Partial failures: what is refused or gone is named or left out, and the rest is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupState, KafkaError, KafkaException, TopicPartition

from processors.lag.cluster import Cluster, Filter, View
from processors.lag.time_lag import Found
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.settings import Settings

REFUSED_TOPIC, REFUSED_GROUP = KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED
EARLIEST, LATEST = -2, -1


def done(value: Any) -> Future[Any]:
    future: Future[Any] = Future()
    if isinstance(value, int):
        future.set_exception(KafkaException(KafkaError(value)))
    else:
        future.set_result(value)
    return future


class Broker:
    """An admin client of a small cluster: topic -> partitions' (oldest, end), group -> what it committed.

    An error code in a place of either is what the broker answers there.
    """

    def __init__(self) -> None:
        self.topics: dict[str, Any] = {"orders": [(0, 10), (5, 20)], "audit": [(0, 3)], "__consumer_offsets": [(0, 99)]}
        self.hidden: dict[str, int] = {}
        self.leaderless: set[tuple[str, int]] = set()
        self.groups: dict[str, Any] = {"billing": {("orders", 0): 4, ("orders", 1): 20}}
        self.described: dict[str, Any] = {}
        self.listing_errors: list[KafkaException] = []

    def list_topics(self, timeout: float) -> Any:
        def topic(name: str, said: Any) -> Any:
            if isinstance(said, int):
                return SimpleNamespace(error=KafkaError(said), partitions={})
            leaders = {n: SimpleNamespace(leader=-1 if (name, n) in self.leaderless else 1) for n in range(len(said))}
            return SimpleNamespace(error=None, partitions=leaders)

        shown = {name: topic(name, said) for name, said in self.topics.items() if name not in self.hidden}
        return SimpleNamespace(brokers={1: None}, topics=shown)

    def list_consumer_groups(self, request_timeout: float) -> Future[Any]:
        listed = [SimpleNamespace(group_id=name) for name in self.groups]
        return done(SimpleNamespace(valid=listed, errors=self.listing_errors))

    def describe_consumer_groups(self, names: list[str], request_timeout: float) -> dict[str, Future[Any]]:
        return {name: done(self.described.get(name, self.group("STABLE"))) for name in names}

    def group(self, state: str, *held: tuple[str, int]) -> Any:
        places = [TopicPartition(*place) for place in held]
        member = SimpleNamespace(
            client_id="client", host="/10.0.0.1", assignment=SimpleNamespace(topic_partitions=places)
        )
        return SimpleNamespace(state=ConsumerGroupState[state], members=[member] if held else [])

    def list_consumer_group_offsets(self, requests: list[Any], request_timeout: float) -> dict[str, Future[Any]]:
        (name,) = (request.group_id for request in requests)
        said = self.groups[name]
        if isinstance(said, int):
            return {name: done(said)}
        places = []
        for place, offset in said.items():
            one = TopicPartition(*place, offset if offset >= 0 else -1001)
            error = None if offset >= -1001 else KafkaError(-offset)
            places.append(SimpleNamespace(topic=one.topic, partition=one.partition, offset=one.offset, error=error))
        return {name: done(SimpleNamespace(topic_partitions=places))}

    def list_offsets(self, asked: Mapping[Any, Any], request_timeout: float) -> dict[Any, Future[Any]]:
        return {place: done(self._offset(place, spec._value)) for place, spec in asked.items()}

    def _offset(self, place: Any, what: int) -> Any:
        if place.topic in self.hidden:
            return self.hidden[place.topic]
        said = self.topics.get(place.topic, KafkaError.UNKNOWN_TOPIC_OR_PART)
        if isinstance(said, int):
            return said
        oldest, end = said[place.partition]
        if what in (EARLIEST, LATEST):
            return SimpleNamespace(offset=oldest if what == EARLIEST else end, timestamp=-1)
        # A record for every millisecond from 1000 on.
        offset = max(oldest, what - 1_000)
        return SimpleNamespace(offset=offset if offset < end else -1, timestamp=1_000 + offset)


@pytest.fixture
def broker() -> Broker:
    return Broker()


def look(broker: Broker, **settings: str) -> View:
    return Cluster(broker, Filter(Settings(**settings)), 1.0).look(oldest=True)  # type: ignore[arg-type]


def test_all_is_well(broker: Broker) -> None:
    broker.described["billing"] = broker.group("STABLE", ("orders", 0), ("__consumer_offsets", 0))
    view = look(broker)
    assert view.failed == set()
    assert view.partitions == {"orders": 2, "audit": 1}
    assert view.ends == {("orders", 0): 10, ("orders", 1): 20, ("audit", 0): 3}
    assert view.oldest == {("orders", 0): 0, ("orders", 1): 5, ("audit", 0): 0}
    billing = view.groups["billing"]
    assert (billing.state, billing.members, billing.committed) == ("STABLE", 1, {("orders", 0): 4, ("orders", 1): 20})
    assert billing.owners == {("orders", 0): "client on 10.0.0.1"}
    assert view.unread == {"audit"}


def test_a_topic_that_is_refused(broker: Broker) -> None:
    broker.topics["audit"] = REFUSED_TOPIC
    view = look(broker)
    assert view.failed == {("topic", "audit")}
    assert set(view.partitions) == {"orders"}


def test_a_topic_that_metadata_hides(broker: Broker) -> None:
    """Without the right to describe it a topic is not listed; a group that read it gives it away."""
    broker.hidden["orders"] = REFUSED_TOPIC
    view = look(broker)
    assert view.failed == {("topic", "orders")}
    assert ("orders", 0) not in view.ends


def test_a_topic_that_is_gone_has_not_failed(broker: Broker) -> None:
    broker.hidden["orders"] = KafkaError.UNKNOWN_TOPIC_OR_PART
    assert look(broker).failed == set()


def test_a_partition_without_a_leader(broker: Broker) -> None:
    broker.leaderless.add(("orders", 1))
    view = look(broker)
    assert view.failed == {("topic", "orders")}
    assert {place for place in view.ends if place[0] == "orders"} == {("orders", 0)}


@pytest.mark.parametrize("code", [KafkaError.GROUP_ID_NOT_FOUND, KafkaError._UNKNOWN_GROUP])
def test_a_group_deleted_between_two_questions(broker: Broker, code: int) -> None:
    broker.groups["gone"] = {("audit", 0): 1}
    broker.described["gone"] = code
    view = look(broker)
    assert set(view.groups) == {"billing"}
    assert view.failed == set()
    # And a moment later: listed and described, but no offsets any more.
    del broker.described["gone"]
    broker.groups["gone"] = code
    view = look(broker)
    assert set(view.groups) == {"billing"}
    assert view.failed == set()


def test_a_group_that_is_refused(broker: Broker) -> None:
    broker.groups["secret"] = REFUSED_GROUP
    broker.described["secret"] = REFUSED_GROUP
    view = look(broker)
    assert set(view.groups) == {"billing"}
    assert view.failed == {("group", "secret")}


def test_a_group_of_which_only_the_offsets_are_known(broker: Broker) -> None:
    broker.described["billing"] = REFUSED_GROUP
    view = look(broker)
    assert view.groups["billing"].members is None
    assert view.groups["billing"].committed[("orders", 0)] == 4
    assert view.failed == {("group", "billing")}


def test_no_commit_and_an_error_in_a_partition(broker: Broker) -> None:
    broker.groups["billing"] = {("orders", 0): -1, ("orders", 1): -2_000}
    broker.described["billing"] = broker.group("STABLE", ("orders", 0))
    view = look(broker)
    assert view.groups["billing"].committed == {}
    assert view.failed == {("group", "billing")}


def test_a_coordinator_that_does_not_answer(broker: Broker) -> None:
    """Its groups are missing, so nobody can say what is unread."""
    broker.listing_errors = [KafkaException(KafkaError(KafkaError.COORDINATOR_NOT_AVAILABLE))]
    view = look(broker)
    assert view.failed == {("cluster", "groups")}
    assert "billing" in view.groups
    assert view.unread == set()


def test_a_rebalance_has_no_owners(broker: Broker) -> None:
    broker.described["billing"] = broker.group("PREPARING_REBALANCING", ("orders", 0))
    assert look(broker).groups["billing"].owners is None


def test_a_group_of_nothing_is_none(broker: Broker) -> None:
    broker.groups["empty"] = {}
    assert "empty" not in look(broker).groups


def chosen(broker: Broker, **settings: str) -> tuple[Iterable[str], Iterable[str]]:
    view = look(broker, **settings)
    return set(view.partitions), set(view.groups)


def test_who_is_looked_at(broker: Broker) -> None:
    broker.groups["console-consumer-1"] = {("audit", 0): 1}
    assert chosen(broker, lag_topics_exclude="^(__|audit$)", lag_groups_exclude="^console-") == (
        {"orders"},
        {"billing"},
    )
    assert chosen(broker, lag_topics_include="dit", lag_groups_include="^cons") == ({"audit"}, {"console-consumer-1"})


def test_a_pattern_that_is_none() -> None:
    with pytest.raises(UsageError, match="STREAMGAUGE_LAG_GROUPS_EXCLUDE: `\\(` is no regular expression"):
        Filter(Settings(lag_groups_exclude="("))


def test_times(broker: Broker) -> None:
    """Past the last record there is none: the end that was seen, and no time."""
    cluster, failed = Cluster(broker, Filter(Settings()), 1.0), set[tuple[str, str]]()
    broker.hidden["audit"] = REFUSED_TOPIC
    asked = {("orders", 0): 1_004, ("orders", 1): 5_000, ("audit", 0): 1_000}
    ends = {("orders", 0): 10, ("orders", 1): 20, ("audit", 0): 3}
    found = cluster.found(asked, ends, failed)
    assert found == {("orders", 0): Found(4, 1_004), ("orders", 1): Found(20, None)}
    assert failed == {("topic", "audit")}
