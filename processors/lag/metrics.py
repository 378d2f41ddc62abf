"""Prometheus metrics of a sample, rendered at each scrape from the last one, so a deleted group or topic leaves no
series.

A sample older than three intervals is stale: then only failures are published.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from processors.lag.cluster import Failure
from processors.lag.history import Row, Snapshot
from processors.lag.lost import Key
from streamgauge.domain import consumer_lag, lag_status, partition_balance
from streamgauge.runtime import metrics
from streamgauge.runtime.kafka import Partition
from streamgauge.runtime.metric import GaugeName

Samples = Iterable[tuple[tuple[str, ...], float | None]]
GroupTopic = tuple[str, str]


class LagMetrics(Collector):
    """`publish` a sample or a failure; `collect` is called by the server's threads."""

    def __init__(self, interval_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._stale_s = consumer_lag.STALE_INTERVALS * interval_s
        self._clock = clock
        self._lock = threading.Lock()
        self._families: list[Metric] = []
        self._published = 0.0
        self._failed: set[Failure] = set()
        self._lost: dict[Key, int] = {}

    def publish(self, snapshot: Snapshot) -> None:
        """Publish this sample from now on."""
        families = list(_families(snapshot))
        self._count_lost(snapshot.lost)
        with self._lock:
            self._families, self._published, self._failed = families, self._clock(), snapshot.failed

    def _count_lost(self, lost: Mapping[Key, int]) -> None:
        counter = metrics.counter("streamgauge_consumergroup_lost_events_total")
        for key in self._lost.keys() - lost.keys():
            counter.remove(*_labels(key))
        for key, total in lost.items():
            counter.labels(*_labels(key)).inc(total - self._lost.get(key, 0))
        self._lost = dict(lost)

    def fail(self, failed: set[Failure]) -> None:
        """The sample failed; the last one is published until it is stale."""
        with self._lock:
            self._failed = failed

    def collect(self) -> Iterator[Metric]:
        """The families of the last sample, and the failures since."""
        with self._lock:
            stale = self._clock() - self._published > self._stale_s
            families, failed = [] if stale else self._families, self._failed
        yield from families
        yield _family("streamgauge_lag_failed", ((failure, 1) for failure in sorted(failed)))

    def describe(self) -> Iterator[Metric]:
        """Empty, so that registering does not collect a sample."""
        return iter(())


def _labels(key: Key) -> tuple[str, str, str]:
    name, (topic, number) = key
    return name, topic, str(number)


def _family(name: GaugeName, samples: Samples) -> GaugeMetricFamily:
    family = metrics.family(name)
    for labels, value in samples:
        if value is not None:
            family.add_metric(labels, value)
    return family


def _families(snapshot: Snapshot) -> Iterator[Metric]:
    yield _family("kafka_brokers", [((), snapshot.state.brokers)])
    yield from _of_topics(snapshot)
    yield from _of_partitions(snapshot.rows)
    yield from _of_group_topics(snapshot)
    yield from _of_groups(snapshot)


def _of_topics(snapshot: Snapshot) -> Iterator[Metric]:
    state = snapshot.state

    def by_tp(values: dict[Partition, int] | dict[Partition, float]) -> Samples:
        return (((topic, str(number)), value) for (topic, number), value in sorted(values.items()))

    yield _family("kafka_topic_partitions", (((name,), count) for name, count in state.partitions.items()))
    yield _family("kafka_topic_partition_current_offset", by_tp(state.ends))
    yield _family("kafka_topic_partition_oldest_offset", by_tp(state.oldest))
    yield _family("streamgauge_topic_produced_per_second", by_tp(snapshot.produced))
    rates: dict[str, list[float]] = defaultdict(list)
    for (topic, _), rate in snapshot.produced.items():
        rates[topic].append(rate)
    yield _family(
        "streamgauge_topic_skew_ratio",
        (
            ((topic,), partition_balance.skew_ratio(values))
            for topic, values in rates.items()
            # With only some partitions known, the busiest may be among the others.
            if len(values) == state.partitions[topic]
        ),
    )
    yield _family("streamgauge_topic_unread", (((topic,), 1) for topic in sorted(snapshot.state.unread)))


def _of_partitions(rows: list[Row]) -> Iterator[Metric]:
    def by_tp(value: Callable[[Row], float | None]) -> Samples:
        return (((row.group, row.topic, str(row.partition)), value(row)) for row in rows)

    yield _family("kafka_consumergroup_current_offset", by_tp(lambda row: row.committed_offset))
    yield _family("kafka_consumergroup_lag", by_tp(lambda row: row.lag))
    yield _family("kafka_consumergroup_lag_seconds", by_tp(lambda row: row.lag_seconds))
    yield _family("kafka_consumergroup_status", by_tp(lambda row: lag_status.VALUES.get(row.status)))
    yield _family("streamgauge_consumergroup_consumed_per_second", by_tp(lambda row: row.consumed_per_second))
    yield _family("streamgauge_consumergroup_retention_used_ratio", by_tp(lambda row: row.retention_used))


def _of_group_topics(snapshot: Snapshot) -> Iterator[Metric]:
    grouped: dict[GroupTopic, list[Row]] = defaultdict(list)
    for row in snapshot.rows:
        grouped[row.group, row.topic].append(row)
    # When part of a topic or group could not be read, a sum over the rest would be wrong.
    whole = {
        key: rows
        for key, rows in grouped.items()
        if ("topic", key[1]) not in snapshot.failed and ("group", key[0]) not in snapshot.failed
    }

    def total(value: Callable[[Row], int | None]) -> Samples:
        for key, rows in whole.items():
            values = [one for one in map(value, rows) if one is not None]
            yield key, sum(values) if len(values) == len(rows) else None

    def over(rows: dict[GroupTopic, list[Row]], value: Callable[[Row], int]) -> Samples:
        return ((key, sum(map(value, some))) for key, some in rows.items())

    yield _family("kafka_consumergroup_current_offset_sum", total(lambda row: row.committed_offset))
    yield _family("kafka_consumergroup_lag_sum", total(lambda row: row.lag))
    yield _family("streamgauge_consumergroup_lag_least_events", over(grouped, _least))
    yield _family(
        "streamgauge_consumergroup_lag_unknown_events",
        over(whole, lambda row: (row.lag_most or 0) - _least(row) if row.lag is None else 0),
    )
    yield _family("streamgauge_consumergroup_unknown_partitions", over(grouped, lambda row: row.lag is None))
    yield _family("streamgauge_consumergroup_undecided_events", over(grouped, lambda row: row.undecided or 0))
    yield _family(
        "streamgauge_consumergroup_catch_up_seconds", ((key, _catch_up_s(rows)) for key, rows in whole.items())
    )
    yield _family(
        "streamgauge_consumergroup_unassigned_partitions",
        (
            (key, sum(row.member is None for row in rows if row.committed_offset is not None))
            for key, rows in whole.items()
            if _has_owners(snapshot, key[0])
        ),
    )
    yield _family(
        "streamgauge_consumergroup_waiting_keys", total(lambda row: row.waiting_keys if row.waiting_complete else None)
    )
    yield _family(
        "streamgauge_consumergroup_waiting_cents",
        total(lambda row: row.waiting_cents if row.waiting_complete else None),
    )


def _least(row: Row) -> int:
    """Events that wait: all of them where that is known, else those that came since the member has its start."""
    return (row.lag_least or 0) if row.lag is None else row.lag


def _has_owners(snapshot: Snapshot, group: str) -> bool:
    """Whether the group's partitions are or were assigned to members. One that commits without joining (the warehouse,
    which keeps its own offsets) has no owners and lacks none.
    """
    found = snapshot.state.groups[group]
    return found.owners is not None and (bool(found.members) or group in snapshot.inactive)


def _catch_up_s(rows: list[Row]) -> float | None:
    """Catch-up time of the slowest partition; None when one does not catch up."""
    times = [row.catch_up_seconds for row in rows]
    known = [one for one in times if one is not None]
    return max(known) if known and len(known) == len(times) else None


def _of_groups(snapshot: Snapshot) -> Iterator[Metric]:
    groups = snapshot.state.groups
    yield _family("kafka_consumergroup_members", (((name,), group.members) for name, group in groups.items()))
    behind: dict[str, int] = dict.fromkeys(snapshot.inactive, 0)
    for row in snapshot.rows:
        if row.group in behind:
            behind[row.group] += row.lag or 0
    yield _family(
        "streamgauge_consumergroup_inactive_behind_events",
        (((name,), lag) for name, lag in behind.items() if ("group", name) not in snapshot.failed),
    )
