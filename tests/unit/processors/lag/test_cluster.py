"""Partial failures: what is refused or gone is named or left out, and the rest is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupState, KafkaError, KafkaException, TopicPartition

from processors.lag.cluster import ClusterReader, ClusterState, Filter, Group
from processors.lag.time_lag import OffsetAtTime
from streamgauge.runtime.connection.missing import Granted
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
        def topic(name: str, result: Any) -> Any:
            if isinstance(result, int):
                return SimpleNamespace(error=KafkaError(result), partitions={})
            leaders = {n: SimpleNamespace(leader=-1 if (name, n) in self.leaderless else 1) for n in range(len(result))}
            return SimpleNamespace(error=None, partitions=leaders)

        shown = {name: topic(name, result) for name, result in self.topics.items() if name not in self.hidden}
        return SimpleNamespace(brokers={1: None}, topics=shown)

    def describe_topics(self, wanted: Any, **_options: Any) -> dict[str, Future[Any]]:
        said = [SimpleNamespace(name=one) for one in ("READ", "DESCRIBE")]
        return {
            name: done(result)
            if isinstance(result, int)
            else done(SimpleNamespace(topic_id=f"id of {name}", partitions=result, authorized_operations=said))
            for name, result in self.topics.items()
            if name in wanted.topic_names
        }

    def describe_cluster(self, **_options: Any) -> Future[Any]:
        return done(SimpleNamespace(authorized_operations=None))

    def list_consumer_groups(self, request_timeout: float) -> Future[Any]:
        listed = [SimpleNamespace(group_id=name) for name in self.groups]
        return done(SimpleNamespace(valid=listed, errors=self.listing_errors))

    def describe_consumer_groups(self, names: list[str], request_timeout: float) -> dict[str, Future[Any]]:
        return {name: done(self.described.get(name, self.group("STABLE"))) for name in names}

    def group(self, state: str, *held: tuple[str, int]) -> Any:
        tps = [TopicPartition(*tp) for tp in held]
        member = SimpleNamespace(client_id="client", host="/10.0.0.1", assignment=SimpleNamespace(topic_partitions=tps))
        return SimpleNamespace(state=ConsumerGroupState[state], members=[member] if held else [])

    def list_consumer_group_offsets(self, requests: list[Any], request_timeout: float) -> dict[str, Future[Any]]:
        (name,) = (request.group_id for request in requests)
        result = self.groups[name]
        if isinstance(result, int):
            return {name: done(result)}
        tps = []
        for tp, offset in result.items():
            one = TopicPartition(*tp, offset if offset >= 0 else -1001)
            error = None if offset >= -1001 else KafkaError(-offset)
            tps.append(SimpleNamespace(topic=one.topic, partition=one.partition, offset=one.offset, error=error))
        return {name: done(SimpleNamespace(topic_partitions=tps))}

    def list_offsets(self, requested: Mapping[Any, Any], request_timeout: float) -> dict[Any, Future[Any]]:
        return {tp: done(self._offset(tp, spec._value)) for tp, spec in requested.items()}

    def _offset(self, tp: Any, what: int) -> Any:
        if tp.topic in self.hidden:
            return self.hidden[tp.topic]
        result = self.topics.get(tp.topic, KafkaError.UNKNOWN_TOPIC_OR_PART)
        if isinstance(result, int):
            return result
        oldest, end = result[tp.partition]
        if what in (EARLIEST, LATEST):
            return SimpleNamespace(offset=oldest if what == EARLIEST else end, timestamp=-1)
        # A record for every millisecond from 1000 on.
        offset = max(oldest, what - 1_000)
        return SimpleNamespace(offset=offset if offset < end else -1, timestamp=1_000 + offset)


@pytest.fixture
def broker() -> Broker:
    return Broker()


def read(broker: Broker, **settings: str) -> ClusterState:
    return ClusterReader(broker, Filter(Settings(**settings)), 1.0).read()  # type: ignore[arg-type]


def test_a_healthy_cluster(broker: Broker) -> None:
    broker.described["billing"] = broker.group("STABLE", ("orders", 0), ("__consumer_offsets", 0))
    state = read(broker)
    assert state.failed == set()
    assert state.partitions == {"orders": 2, "audit": 1}
    assert state.ends == {("orders", 0): 10, ("orders", 1): 20, ("audit", 0): 3}
    assert state.oldest == {("orders", 0): 0, ("orders", 1): 5, ("audit", 0): 0}
    billing = state.groups["billing"]
    assert (billing.state, billing.members, billing.committed) == ("STABLE", 1, {("orders", 0): 4, ("orders", 1): 20})
    assert billing.owners == {("orders", 0): "client on 10.0.0.1"}
    assert state.unread == {"audit"}


def test_a_topic_that_is_refused(broker: Broker) -> None:
    broker.topics["audit"] = REFUSED_TOPIC
    state = read(broker)
    assert state.failed == {("topic", "audit")}
    assert set(state.partitions) == {"orders"}


def test_a_topic_that_metadata_hides(broker: Broker) -> None:
    """Without the right to describe it a topic is not listed; a group that read it gives it away."""
    broker.hidden["orders"] = REFUSED_TOPIC
    state = read(broker)
    assert state.failed == {("topic", "orders")}
    assert ("orders", 0) not in state.ends


def test_a_topic_that_is_gone_has_not_failed(broker: Broker) -> None:
    broker.hidden["orders"] = KafkaError.UNKNOWN_TOPIC_OR_PART
    assert read(broker).failed == set()


def test_a_partition_without_a_leader(broker: Broker) -> None:
    broker.leaderless.add(("orders", 1))
    state = read(broker)
    assert state.failed == {("topic", "orders")}
    assert {tp for tp in state.ends if tp[0] == "orders"} == {("orders", 0)}


@pytest.mark.parametrize("code", [KafkaError.GROUP_ID_NOT_FOUND, KafkaError._UNKNOWN_GROUP])
def test_a_group_deleted_between_two_requests(broker: Broker, code: int) -> None:
    broker.groups["gone"] = {("audit", 0): 1}
    broker.described["gone"] = code
    state = read(broker)
    assert set(state.groups) == {"billing"}
    assert state.failed == set()
    # And a moment later: listed and described, but no offsets any more.
    del broker.described["gone"]
    broker.groups["gone"] = code
    state = read(broker)
    assert set(state.groups) == {"billing"}
    assert state.failed == set()


def test_a_changelog_has_no_lag_and_is_no_unread_topic() -> None:
    """It is assigned to the member that keeps the state, and never committed: it does not stand still."""
    changelog, orders = ("changelog__fulfilment--orders--default", 0), ("orders", 0)
    group = Group("STABLE", 1, owners={changelog: "a", orders: "a"})
    state = ClusterState(1, {}, {"fulfilment": group}, {changelog: 40, orders: 40}, {changelog: 0, orders: 0}, set())
    assert group.used == {orders}
    assert state.followed() == {"fulfilment": [orders]}
    assert state.unread == set()


def test_a_group_that_is_refused(broker: Broker) -> None:
    broker.groups["secret"] = REFUSED_GROUP
    broker.described["secret"] = REFUSED_GROUP
    state = read(broker)
    assert set(state.groups) == {"billing"}
    assert state.failed == {("group", "secret")}


def test_a_group_of_which_only_the_offsets_are_known(broker: Broker) -> None:
    broker.described["billing"] = REFUSED_GROUP
    state = read(broker)
    assert state.groups["billing"].members is None
    assert state.groups["billing"].committed[("orders", 0)] == 4
    assert state.failed == {("group", "billing")}


def test_rights_are_read_and_what_was_refused_is_known(broker: Broker) -> None:
    """A group's members give away a topic that is not shown; a failure that is no refusal is none."""
    broker.described["billing"] = broker.group("STABLE", ("orders", 0), ("secret", 0))
    broker.hidden["secret"] = REFUSED_TOPIC
    broker.groups["pay"] = broker.described["pay"] = REFUSED_GROUP
    broker.groups["slow"] = broker.described["slow"] = KafkaError.COORDINATOR_NOT_AVAILABLE
    reader = ClusterReader(broker, Filter(Settings()), 1.0)
    state = reader.read()
    reader.read_rights(state)
    may, none = frozenset({"READ", "DESCRIBE"}), frozenset[str]()
    assert state.granted == Granted({"orders": may, "audit": may}, {"secret"}, 1, {"pay"}, none)
    assert state.topic_ids["orders"] == "id of orders"


def test_no_commit_and_an_error_in_a_partition(broker: Broker) -> None:
    broker.groups["billing"] = {("orders", 0): -1, ("orders", 1): -2_000}
    broker.described["billing"] = broker.group("STABLE", ("orders", 0))
    state = read(broker)
    assert state.groups["billing"].committed == {}
    assert state.failed == {("group", "billing")}


def test_a_coordinator_that_does_not_answer(broker: Broker) -> None:
    """Its groups are missing, so nobody can say what is unread."""
    broker.listing_errors = [KafkaException(KafkaError(KafkaError.COORDINATOR_NOT_AVAILABLE))]
    state = read(broker)
    assert state.failed == {("cluster", "groups")}
    assert "billing" in state.groups
    assert state.unread == set()


def test_a_rebalance_has_no_owners(broker: Broker) -> None:
    broker.described["billing"] = broker.group("PREPARING_REBALANCING", ("orders", 0))
    assert read(broker).groups["billing"].owners is None


def test_a_group_of_nothing_is_none(broker: Broker) -> None:
    broker.groups["empty"] = {}
    assert "empty" not in read(broker).groups


def chosen(broker: Broker, **settings: str) -> tuple[Iterable[str], Iterable[str]]:
    state = read(broker, **settings)
    return set(state.partitions), set(state.groups)


def test_groups_and_topics_are_filtered(broker: Broker) -> None:
    broker.groups["console-consumer-1"] = {("audit", 0): 1}
    assert chosen(broker, lag_topics_exclude="^(__|audit$)", lag_groups_exclude="^console-") == (
        {"orders"},
        {"billing"},
    )
    assert chosen(broker, lag_topics_include="dit", lag_groups_include="^cons") == ({"audit"}, {"console-consumer-1"})


def test_an_invalid_pattern_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="STREAMGAUGE_LAG_GROUPS_EXCLUDE: `\\(` is no regular expression"):
        Filter(Settings(lag_groups_exclude="("))


def test_offsets_at_times(broker: Broker) -> None:
    """Past the last record there is none: the end that was seen, and no time."""
    cluster, failed = ClusterReader(broker, Filter(Settings()), 1.0), set[tuple[str, str]]()
    broker.hidden["audit"] = REFUSED_TOPIC
    requested = {("orders", 0): 1_004, ("orders", 1): 5_000, ("audit", 0): 1_000}
    ends = {("orders", 0): 10, ("orders", 1): 20, ("audit", 0): 3}
    found = cluster.offsets_at(requested, ends, failed)
    assert found == {("orders", 0): OffsetAtTime(4, 1_004), ("orders", 1): OffsetAtTime(20, None)}
    assert failed == {("topic", "audit")}
