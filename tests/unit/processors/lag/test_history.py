"""From views of a cluster to rows and metrics: what is gone goes, what is not known is absent, nothing is made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pytest

from processors.lag import service as lag
from processors.lag.cluster import ClusterState, Group
from processors.lag.history import History, Row, Snapshot
from processors.lag.metrics import LagMetrics
from processors.lag.time_lag import OffsetAtTime
from streamgauge.catalog.builtin.lag import LagEvent
from streamgauge.domain.consumer_lag import STALE_INTERVALS
from streamgauge.domain.lag_status import Seen
from streamgauge.runtime.kafka import Partition
from streamgauge.runtime.metrics import CATALOGUE

P0, P1, P2 = ("orders", 0), ("orders", 1), ("orders", 2)
NOW = 1_700_000_000_000


class Watched:
    """A history that is fed a sample every 10 s; a record's age is its distance from the end, in seconds."""

    def __init__(self, size: int = 3, from_oldest: Sequence[str] = ()) -> None:
        self.history = History(size, from_oldest)
        self.at_ms = NOW
        self.requests = 0
        # What reading the log shows, and what was asked for.
        self.read: dict[Partition, Seen] = {}
        self.asked: list[dict[Partition, int]] = []

    def see(
        self, ends: Mapping[Partition, int], oldest: Mapping[Partition, int] | None = None, **groups: Group
    ) -> Snapshot:
        """A sample of these groups on one topic, `orders`."""
        return self.state(ClusterState(1, {"orders": len(ends)}, groups, dict(ends), dict(oldest or {}), set()))

    def state(self, state: ClusterState) -> Snapshot:
        """A sample."""
        self.at_ms += 10_000
        self.history.add(state, self.at_ms)
        if unclear := self.history.unclear():
            self.asked.append(unclear)
            self.history.learn({tp: (at, self.read[tp]) for tp, at in unclear.items() if tp in self.read})

        def look_up(requests: Mapping[Partition, int]) -> Mapping[Partition, OffsetAtTime]:
            self.requests += len(requests)
            found = {}
            for tp, time in requests.items():
                end = state.ends[tp]
                offset = max(0, end - (self.at_ms - time) // 1_000)
                found[tp] = (
                    OffsetAtTime(offset, self.at_ms - (end - offset) * 1_000)
                    if offset < end
                    else OffsetAtTime(end, None)
                )
            return found

        self.history.resolve_times(state, self.at_ms, look_up)
        return self.history.snapshot(state, self.at_ms)


def group(committed: Mapping[Partition, int], members: int | None = 1, held: bool = True) -> Group:
    owners = {tp: "client on host" for tp in committed} if held and members else {}
    return Group("STABLE" if members else "EMPTY", members, owners, dict(committed))


def only(snapshot: Snapshot) -> Row:
    (row,) = snapshot.rows
    return row


def shown(snapshot: Snapshot, clock: float = 0.0) -> dict[str, dict[tuple[str, ...], float]]:
    """The metrics of a sample: by name, then by label values."""
    metrics = LagMetrics(10.0, lambda: clock)
    metrics.publish(snapshot)
    return collected(metrics)


def collected(metrics: LagMetrics) -> dict[str, dict[tuple[str, ...], float]]:
    labels = {metric.name: metric.labels for metric in CATALOGUE}
    return {
        family.name: {
            tuple(sample.labels[label] for label in labels[family.name]): sample.value for sample in family.samples
        }
        for family in metrics.collect()
    }


def test_a_group_that_falls_behind() -> None:
    watched = Watched()
    for n in range(3):
        snapshot = watched.see({P0: 100 + 10 * n}, {P0: 0}, billing=group({P0: 90 + 2 * n}))
    row = only(snapshot)
    assert (row.lag, row.status, row.member) == (26, "WARN", "client on host")
    assert row.lag_seconds == pytest.approx(26.0, abs=0.3)
    assert (row.produced_per_second, row.consumed_per_second, row.catch_up_seconds) == (1.0, 0.2, None)
    assert row.retention_used == pytest.approx(26 / 120)


def test_a_group_that_recovers() -> None:
    watched = Watched()
    for n in range(3):
        snapshot = watched.see({P0: 100 + 10 * n}, billing=group({P0: 20 + 30 * n}))
    row = only(snapshot)
    assert (row.status, row.lag, row.catch_up_seconds) == ("OK", 40, 20.0)
    assert row.retention_used is None


def test_caught_up_is_zero_without_a_request() -> None:
    watched = Watched()
    row = only(watched.see({P0: 100}, billing=group({P0: 100})))
    assert (row.lag, row.lag_seconds, row.catch_up_seconds, row.status) == (0, 0.0, 0.0, "UNKNOWN")
    assert watched.requests == 0


def test_a_lag_of_one_has_no_time() -> None:
    """It may be a transaction marker, and then its age says nothing."""
    row = only(Watched().see({P0: 100}, billing=group({P0: 99})))
    assert (row.lag, row.lag_seconds) == (1, None)


def test_a_marker_does_not_age_the_events_after_it() -> None:
    """Idle at a marker for an hour, then ten new events: the oldest waits for as long as it is there, not an hour."""
    watched = Watched()
    watched.see({P0: 100}, billing=group({P0: 99}))
    row = only(watched.see({P0: 110}, billing=group({P0: 99})))
    assert row.lag == 11
    assert row.lag_seconds == pytest.approx(10.0, abs=0.2)


def test_never_committed_is_unknown_and_not_zero() -> None:
    """A member holds the partition, and has not committed yet."""
    row = only(Watched().see({P0: 100}, billing=Group("STABLE", 1, {P0: "c on h"}, {})))
    assert (row.committed_offset, row.lag, row.lag_seconds, row.status) == (None, None, None, "UNKNOWN")
    assert (row.lag_most, row.lost) == (100, None)


def test_stuck_at_the_first_event_of_one_partition_spoils_what_the_other_says() -> None:
    watched = Watched()
    for _ in range(3):
        snapshot = watched.see(
            {P0: 100, P1: 5_000}, {P0: 0, P1: 0}, billing=Group("STABLE", 1, {P0: "c", P1: "c"}, {P0: 100})
        )
    assert [(row.status, row.lag, row.lag_most) for row in snapshot.rows] == [("OK", 0, None), ("STALL", None, 5_000)]
    metrics = shown(snapshot)
    key = ("billing", "orders")
    assert metrics["kafka_consumergroup_status"] == {(*key, "0"): 0, (*key, "1"): 3}
    assert metrics["kafka_consumergroup_lag"] == {(*key, "0"): 0}
    for spoilt in ("lag_sum", "current_offset_sum"):
        assert metrics[f"kafka_consumergroup_{spoilt}"] == {}
    assert metrics["streamgauge_consumergroup_catch_up_seconds"] == {}
    assert metrics["streamgauge_consumergroup_lag_least_events"] == {key: 0}
    assert metrics["streamgauge_consumergroup_lag_unknown_events"] == {key: 5_000}
    assert metrics["streamgauge_consumergroup_unknown_partitions"] == {key: 1}


def test_without_a_commit_what_came_since_the_member_is_there_is_known_to_wait() -> None:
    watched = Watched()
    held = Group("STABLE", 1, {P0: "c on h"}, {})
    ends = (90, 100, 101, 110, 130)  # of which the second is where its member must have found its start
    snapshots = [watched.see({P0: end}, {P0: 0}, billing=held) for end in ends]
    # The one of the third sample may be a marker.
    assert [(only(one).lag, only(one).lag_least, only(one).lag_most) for one in snapshots] == [
        (None, 0, 90),
        (None, 0, 100),
        (None, 0, 101),
        (None, 10, 110),
        (None, 30, 130),
    ]
    metrics, key = shown(snapshots[-1]), ("billing", "orders")
    assert metrics["streamgauge_consumergroup_lag_least_events"] == {key: 30}
    assert metrics["streamgauge_consumergroup_lag_unknown_events"] == {key: 100}
    # With another member nothing is known again.
    other = Group("STABLE", 1, {P0: "d on h"}, {})
    assert only(watched.see({P0: 130}, {P0: 0}, billing=other)).lag_least == 0


def test_of_what_may_not_be_read_nothing_is_known_to_wait() -> None:
    """Markers and aborted events count there as if they were events."""
    watched = Watched()
    watched.see({P0: 100, P1: 50}, billing=group({P0: 90, P1: 50}))
    state = ClusterState(1, {"orders": 2}, {"billing": group({P0: 90, P1: 50})}, {P0: 100, P1: 50}, {}, set())
    watched.history.add(state, watched.at_ms)
    rows = watched.history.snapshot(state, watched.at_ms, {"orders"}).rows
    assert [(row.lag, row.lag_least) for row in rows] == [(10, 0), (0, None)]
    assert [row.lag_least for row in watched.history.snapshot(state, watched.at_ms).rows] == [None, None]


def test_a_consumer_that_begins_after_the_newest_event_does_not_alarm_for_ever() -> None:
    """Nobody but it knows that it need not read the 100. What comes now it must read."""
    watched = Watched()
    held = Group("STABLE", 1, {P0: "c on h"}, {})
    verdicts = [only(watched.see({P0: 100}, {P0: 0}, billing=held)).status for _ in range(400)]
    assert verdicts[2:300] == ["STALL"] * 298
    assert set(verdicts[380:]) == {"UNKNOWN"}
    verdicts = [only(watched.see({P0: 110}, {P0: 0}, billing=held)).status for _ in range(4)]
    assert verdicts == ["UNKNOWN", "UNKNOWN", "STALL", "STALL"]


def test_a_partition_that_was_added_while_the_group_was_away() -> None:
    watched = Watched()
    for _ in range(3):
        snapshot = watched.see({P0: 9, P1: 40, P2: 0}, {P0: 0, P1: 0, P2: 0}, billing=group({P0: 9}, members=0))
    # The third is empty: there is nothing to know.
    assert [(row.partition, row.status, row.lag, row.lag_most) for row in snapshot.rows] == [
        (0, "OK", 0, None),
        (1, "UNKNOWN", None, 40),
    ]


def test_groups_of_ours_begin_at_the_oldest_event() -> None:
    watched = Watched(from_oldest=["billing"])
    row = only(watched.see({P0: 100}, {P0: 30}, billing=Group("STABLE", 1, {P0: "c on h"}, {})))
    assert (row.lag, row.lag_most) == (70, None)
    assert row.lag_seconds == pytest.approx(70.0, abs=0.8)


def test_retention_has_passed_the_committed_offset() -> None:
    """What is lost cannot be read any more: the wait is that of the oldest record left."""
    row = only(Watched().see({P0: 200}, {P0: 150}, billing=group({P0: 100})))
    assert (row.lag, row.lost, row.retention_used) == (50, 50, 1.0)
    assert row.lag_seconds == pytest.approx(50.0, abs=0.6)


def test_everything_unread_is_deleted_and_nothing_waits() -> None:
    watched = Watched()
    for _ in range(3):
        snapshot = watched.see({P0: 8_000}, {P0: 8_000}, season=group({P0: 1_000}))
    row = only(snapshot)
    assert (row.status, row.lag, row.lag_seconds, row.retention_used, row.lost) == ("OK", 0, 0.0, 0.0, 7_000)
    assert shown(snapshot)["kafka_consumergroup_lag_sum"] == {("season", "orders"): 0}


def test_losses_add_up_and_count_once() -> None:
    watched = Watched()
    lost = []
    for oldest, committed in ((0, 10), (30, 10), (30, 10), (50, 10), (50, 60), (90, 60), (90, 95)):
        snapshot = watched.see({P0: 100}, {P0: oldest}, billing=group({P0: committed}))
        lost.append(snapshot.lost.get(("billing", P0), 0))
    assert lost == [0, 20, 20, 40, 40, 70, 70]
    assert watched.see({P0: 100}, {P0: 90}, other=group({P0: 95})).lost == {}


def test_who_stands_still_before_an_aborted_transaction_has_nothing_to_read() -> None:
    watched = Watched()
    watched.see({P0: 161}, {P0: 0}, billing=group({P0: 100}))
    assert watched.history.unclear() == {}  # it may be moving
    watched.read[P0] = Seen(161, event=False, end=161)
    snapshot = watched.see({P0: 161}, {P0: 0}, billing=group({P0: 100}))
    assert (only(snapshot).lag, only(snapshot).lag_seconds) == (0, 0.0)
    assert watched.asked == [{P0: 100}]
    # Another event: as long as nobody has looked, it counts by itself.
    watched.read.clear()
    assert only(watched.see({P0: 162}, {P0: 0}, billing=group({P0: 100}))).lag == 1
    watched.read[P0] = Seen(161, event=True, end=162)
    row = only(watched.see({P0: 162}, {P0: 0}, billing=group({P0: 100})))
    assert (row.lag, row.status) == (1, "OK")
    assert watched.asked[1:] == [{P0: 161}, {P0: 161}]
    # It was seen: nobody needs to look again, and it is no marker.
    for _ in range(2):
        row = only(watched.see({P0: 162}, {P0: 0}, billing=group({P0: 100})))
    assert (row.status, len(watched.asked)) == ("STALL", 3)
    # Where it moves on, what was seen before says nothing any more.
    assert only(watched.see({P0: 162}, {P0: 0}, billing=group({P0: 101}))).lag == 61


def test_what_one_group_stands_before_another_does_too() -> None:
    watched = Watched()
    for _ in range(2):
        watched.read[P0] = Seen(161, event=False, end=161)
        snapshot = watched.see({P0: 161}, {P0: 0}, one=group({P0: 100}), two=group({P0: 130}), three=group({P0: 50}))
    # The first request is for the one that is furthest back.
    assert watched.asked == [{P0: 50}]
    assert {row.group: row.lag for row in snapshot.rows} == {"one": 0, "two": 0, "three": 0}


def test_a_recreated_topic_has_no_history() -> None:
    watched = Watched()
    for n in range(3):
        watched.see({P0: 1_000 + n, P1: 7}, {P0: 900, P1: 0}, billing=group({P0: 950, P1: 7}))
    snapshot = watched.see({P0: 5, P1: 8}, billing=group({P0: 2, P1: 2}))
    assert [(row.status, row.produced_per_second, row.oldest_offset) for row in snapshot.rows] == [
        ("UNKNOWN", None, None)
    ] * 2
    # Nor are the times of the old log's records those of the new one's.
    assert [row.lag_seconds for row in snapshot.rows] == [pytest.approx(3.0, abs=0.1), pytest.approx(6.0, abs=0.1)]


def test_a_recreated_topic_with_a_longer_log_has_no_history_either() -> None:
    """Its id tells; in samples without ids, the last known one holds."""
    watched = Watched()

    def see(end: int, **ids: str) -> Snapshot:
        groups = {"billing": group({P0: end - 5})}
        return watched.state(ClusterState(1, {"orders": 1}, groups, {P0: end}, {P0: 0}, set(), ids))

    for end in (100, 101, 102, 103):
        known = see(end, orders="OLD")
    assert known.rows[0].produced_per_second == pytest.approx(0.1)
    assert see(104).rows[0].produced_per_second == pytest.approx(0.1)
    assert see(500, orders="NEW").rows[0].produced_per_second is None


def test_beyond_the_end_is_not_known() -> None:
    """The topic was made anew, and the group's old offset lies ahead of the log."""
    row = only(Watched().see({P0: 5}, {P0: 0}, billing=group({P0: 950})))
    assert (row.committed_offset, row.lag, row.lag_seconds, row.retention_used) == (950, None, None, None)


def test_a_deleted_group_leaves_no_series() -> None:
    watched = Watched()
    for _ in range(3):
        watched.see({P0: 100}, billing=group({P0: 50}), shipping=group({P0: 10}))
    metrics = shown(watched.see({P0: 100}, shipping=group({P0: 10})))
    assert set(metrics["kafka_consumergroup_lag"]) == {("shipping", "orders", "0")}
    assert set(metrics["kafka_consumergroup_members"]) == {("shipping",)}
    # Back again, it begins anew.
    assert {row.group: row.status for row in watched.see({P0: 100}, billing=group({P0: 50})).rows} == {
        "billing": "UNKNOWN"
    }


def test_a_rebalance_is_no_stop() -> None:
    """While partitions are being handed out nobody holds one, and that means nothing."""
    watched = Watched()
    for _ in range(2):
        watched.see({P0: 100}, billing=group({P0: 50}))
    snapshot = watched.see({P0: 100}, billing=Group("PREPARING_REBALANCING", 1, None, {P0: 50}))
    assert only(snapshot).status == "STALL"
    assert shown(snapshot)["streamgauge_consumergroup_unassigned_partitions"] == {}


def test_a_failed_partition_spoils_the_sums_and_nothing_else() -> None:
    watched = Watched()
    state = ClusterState(1, {"orders": 2}, {"billing": group({P0: 5, P1: 6})}, {P0: 10}, {P0: 0}, {("topic", "orders")})
    metrics = shown(watched.state(state))
    assert metrics["kafka_consumergroup_lag"] == {("billing", "orders", "0"): 5}
    assert metrics["kafka_consumergroup_lag_sum"] == {}
    assert metrics["streamgauge_lag_failed"] == {("topic", "orders"): 1}


def test_a_failed_group_spoils_its_own_sums() -> None:
    watched = Watched()
    state = ClusterState(
        1, {"orders": 1}, {"billing": Group(None, None, None, {P0: 5})}, {P0: 10}, {}, {("group", "billing")}
    )
    metrics = shown(watched.state(state))
    assert metrics["kafka_consumergroup_lag_sum"] == metrics["kafka_consumergroup_members"] == {}
    assert metrics["streamgauge_lag_failed"] == {("group", "billing"): 1}


def test_sums_members_and_who_is_inactive() -> None:
    watched = Watched()
    for _ in range(3):
        snapshot = watched.see(
            {P0: 100, P1: 100},
            {P0: 0, P1: 0},
            gone=group({P0: 50, P1: 40}, members=0),
            here=group({P0: 100, P1: 99}),
        )
    metrics = shown(snapshot)
    assert metrics["kafka_consumergroup_lag_sum"] == {("gone", "orders"): 110, ("here", "orders"): 1}
    assert metrics["kafka_consumergroup_current_offset_sum"][("gone", "orders")] == 90
    assert metrics["kafka_consumergroup_status"][("gone", "orders", "0")] == 4
    assert metrics["kafka_consumergroup_members"] == {("gone",): 0, ("here",): 1}
    assert metrics["streamgauge_consumergroup_unassigned_partitions"] == {("gone", "orders"): 2, ("here", "orders"): 0}
    assert metrics["streamgauge_consumergroup_inactive_behind_events"] == {("gone",): 110}
    assert metrics["streamgauge_consumergroup_catch_up_seconds"] == {("here", "orders"): 0.0}


def test_a_group_that_commits_without_members_is_active() -> None:
    watched = Watched()
    for n in range(3):
        snapshot = watched.see({P0: 100}, manual=group({P0: 50 + n}, members=0))
    metrics = shown(snapshot)
    assert metrics["streamgauge_consumergroup_inactive_behind_events"] == {}
    assert metrics["streamgauge_consumergroup_unassigned_partitions"] == {}


def test_unread_topics_and_uneven_ones() -> None:
    watched = Watched()
    tps = {("orders", 0): 0, ("orders", 1): 0, ("audit", 0): 7, ("orders.dlq", 0): 3, ("empty", 0): 0}
    for n in range(2):
        ends = {**tps, ("orders", 0): 300 * n, ("orders", 1): 100 * n}
        state = ClusterState(
            1, {"orders": 2, "audit": 1, "orders.dlq": 1, "empty": 1}, {}, ends, dict.fromkeys(ends, 0), set()
        )
        state.groups["billing"] = group({P0: 0})
        snapshot = watched.state(state)
    metrics = shown(snapshot)
    assert metrics["streamgauge_topic_unread"] == {("audit",): 1}
    assert metrics["streamgauge_topic_skew_ratio"] == {("orders",): 1.5}
    # Where groups could not be listed, nobody knows what is unread.
    snapshot.state.failed.add(("cluster", "groups"))
    assert shown(snapshot)["streamgauge_topic_unread"] == {}


def test_a_stale_sample_is_not_published() -> None:
    now = 0.0
    metrics = LagMetrics(10.0, lambda: now)
    metrics.publish(Watched().see({P0: 100}, billing=group({P0: 50})))
    metrics.fail({("cluster", "metadata")})
    now = STALE_INTERVALS * 10.0
    assert collected(metrics)["kafka_consumergroup_lag"] == {("billing", "orders", "0"): 50}
    now += 0.1
    assert collected(metrics) == {"streamgauge_lag_failed": {("cluster", "metadata"): 1}}


def test_the_events_are_what_their_stream_takes() -> None:
    """Unknown is left out, and the stream's own decoder reads it all back."""
    watched = Watched()
    snapshot = watched.see({P0: 100, P1: 9}, {P0: 0, P1: 0}, billing=group({P0: 50}), new=Group("STABLE", 1, {P1: "c"}))
    decode = msgspec.json.Decoder(LagEvent).decode
    events = {key: decode(value) for key, value in lag.events(snapshot)}
    assert set(events) == {b"billing", b"new"}
    assert (events[b"new"].lag_most, events[b"new"].occurred_at) == (9, watched.at_ms)
    plain: dict[str, Any] = msgspec.json.decode(dict(lag.events(snapshot))[b"new"])
    assert {"committed_offset", "lag", "lag_seconds", "waiting_keys"} & set(plain) == set()
    assert len({event.event_id for event in events.values()}) == 2
