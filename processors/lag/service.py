"""Lag sampler: how far every consumer group of the cluster is behind, and whether it recovers.

Input:     the cluster itself, through the admin client (DESCRIBE rights), and the warehouse's raw tables for the value
           of what waits; with READ rights also a few records where a group stands still before something that may
           be no event (readable.py). STREAMGAUGE_LAG_GROUPS_… and STREAMGAUGE_LAG_TOPICS_… select what is sampled.
Output:    `lag`, an event for each group, topic and partition in each sample; and Prometheus metrics of the last one.
State:     the last STREAMGAUGE_LAG_WINDOW_SAMPLES samples, in memory: after a start the status is UNKNOWN until they
           are there.
Guarantee: what is published was read; what could not be read is absent, and named by `streamgauge_lag_failed`; the
           rights that are missing are named on `/health`, each with what it would add. A sample is sent at least once
           or not at all: the next one follows anyway.

The order in a sample: committed offsets → ends → oldest offsets → whether what waits can be read → times, by bisection
→ the value of what waits, a moment later → metrics → events.
One sampler per cluster is enough. Several do no harm: their events differ only in time.
"""

from __future__ import annotations

import gc
import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping

import msgspec
from confluent_kafka import KafkaException, Producer
from prometheus_client import REGISTRY

from processors.lag.cluster import ClusterReader, Filter
from processors.lag.history import History, Snapshot
from processors.lag.metrics import LagMetrics
from processors.lag.readable import Reader
from processors.lag.time_lag import OffsetAtTime
from processors.lag.value import fill_values
from processors.registry import PROCESSORS
from streamgauge.catalog import loader
from streamgauge.catalog.builtin.lag import LAG
from streamgauge.catalog.loader import WAREHOUSE_GROUP, Catalog
from streamgauge.domain.saga_waits import SERVICES
from streamgauge.runtime import kafka, metrics, process
from streamgauge.runtime.connection import missing
from streamgauge.runtime.connection.explain import explained
from streamgauge.runtime.connection.rights import Right
from streamgauge.runtime.kafka import Partition
from streamgauge.runtime.process import Process
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.client import QueryError, Warehouse, WarehouseUnavailable

# Time until an event that was appended just before the sample is visible in SQL.
VISIBLE_AFTER_S = 1.0
SQL_TIMEOUT_S = 3.0
# Of a sample, for looking whether something can be read where groups stand still.
READ_WITHIN_S = 1.0
# A broker may take an interval to answer, within these bounds.
MIN_TIMEOUT_S, MAX_TIMEOUT_S = 5.0, 10.0
# Pause after the warehouse did not answer: its time-out must not slow every sample down.
RETRY_AFTER_S = 30.0
# How often topic ids and rights are read: till then, a topic made anew whose log is soon as long looks like the old.
RIGHTS_EVERY_S = 30.0
log = logging.getLogger("streamgauge")


class Sampler:
    """`step` takes one sample and hands it to `publish`."""

    def __init__(
        self, running: Process, catalog: Catalog, cluster: ClusterReader, publish: Callable[[Snapshot], None]
    ) -> None:
        settings = running.settings
        self._process, self._catalog, self._cluster, self._publish = running, catalog, cluster, publish
        self._history = History(settings.lag_window_samples, own_groups(settings))
        self._reader = Reader(settings)
        self._metrics = LagMetrics(settings.lag_interval_s)
        REGISTRY.register(self._metrics)
        self._warehouse = Warehouse(settings.model_copy(update={"sql_timeout_s": SQL_TIMEOUT_S}))
        self._retry_due = self._ids_due = 0.0

    def step(self) -> None:
        """Take one sample. When the cluster does not answer, report unready; the next step tries again."""
        with metrics.histogram("streamgauge_lag_sample_seconds").time():
            try:
                snapshot = self._sample()
            except KafkaException as error:
                self._metrics.fail({("cluster", "metadata")})
                why = explained(error, self._process.settings, Right("Describe", "cluster"))
                self._process.unready(f"the cluster cannot be read: {why}")
                return
            if not self._process.stop.is_set():
                self._fill_values(snapshot)
        self._metrics.publish(snapshot)
        self._publish(snapshot)
        self._process.ready()

    def _sample(self) -> Snapshot:
        state = self._cluster.read()
        if time.monotonic() >= self._ids_due:
            self._ids_due = time.monotonic() + RIGHTS_EVERY_S
            self._cluster.read_rights(state)
            if state.granted is not None:
                self._process.lacks(missing.of(self._process.settings, state.granted))
        at_ms = int(time.time() * 1_000)
        self._history.add(state, at_ms)
        if unclear := self._history.unclear():
            self._history.learn(self._reader.read(unclear, state.ends, READ_WITHIN_S))

        def look_up(requests: Mapping[Partition, int]) -> Mapping[Partition, OffsetAtTime]:
            return self._cluster.offsets_at(requests, state.ends, state.failed)

        self._history.resolve_times(state, at_ms, look_up)
        return self._history.snapshot(state, at_ms, self._reader.refused)

    def _fill_values(self, snapshot: Snapshot) -> None:
        """Set the value of what waits, if the warehouse answers."""
        if time.monotonic() < self._retry_due:
            return
        if any(row.lag for row in snapshot.rows if row.topic in self._catalog.own):
            self._process.stop.wait(max(0.0, snapshot.at_ms / 1_000 + VISIBLE_AFTER_S - time.time()))
        try:
            fill_values(snapshot.rows, self._catalog, self._warehouse)
        except (WarehouseUnavailable, QueryError) as error:
            self._retry_due = time.monotonic() + RETRY_AFTER_S
            log.debug("the value of what waits is unknown: %s", error)

    def close(self) -> None:
        """Release everything."""
        self._reader.close()
        REGISTRY.unregister(self._metrics)
        self._warehouse.close()


class ToTopic:
    """Publishes samples to the topic `lag`."""

    def __init__(self, settings: Settings) -> None:
        # One request at a time: of two, the first may be refused and sent again after the second, and the older sample
        # would be the latest.
        config = {"linger.ms": 50, "compression.type": "lz4", "max.in.flight.requests.per.connection": 1}
        self._producer = Producer({**kafka.producer_config(settings), **config, **kafka.QUIET})

    def __call__(self, snapshot: Snapshot) -> None:
        """Produce the sample's events, and wait until they are written or `SQL_TIMEOUT_S` is over."""
        for key, value in events(snapshot):
            try:
                self._producer.produce(LAG.topic, value, key)
            except BufferError:
                # The broker does not accept them: the next sample is worth more than the rest of this one.
                log.warning("the topic `%s` accepts no events; part of a sample is dropped", LAG.topic)
                break
        self._producer.flush(SQL_TIMEOUT_S)


def events(snapshot: Snapshot) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of the sample's events; unknown fields are left out."""
    encode = msgspec.json.Encoder().encode
    sample = uuid.uuid4().hex
    common = {"event_type": "lag.sampled", "occurred_at": snapshot.at_ms, "source": "lag", "schema_version": 1}
    for number, row in enumerate(snapshot.rows):
        known = {name: value for name, value in vars(row).items() if value is not None}
        yield row.group.encode(), encode({"event_id": f"{sample}-{number}", **common, **known})


def own_groups(settings: Settings) -> set[str]:
    """Consumer groups of Streamgauge: without a commit they begin at the oldest event."""
    return {settings.analytics_group, WAREHOUSE_GROUP, SERVICES, *(one.name for one in PROCESSORS if one.inputs)}


def sample(running: Process, catalog: Catalog, publish: Callable[[Snapshot], None]) -> None:
    """Sample until the process is stopped."""
    settings = running.settings
    chosen, timeout_s = Filter(settings), min(MAX_TIMEOUT_S, max(MIN_TIMEOUT_S, settings.lag_interval_s))
    sampler = Sampler(running, catalog, ClusterReader(kafka.admin(settings), chosen, timeout_s), publish)
    try:
        due = time.monotonic()
        while not running.stop.is_set():
            sampler.step()
            gc.collect()
            # On time, and where a sample took longer than the interval, at once but not twice.
            due = max(due + settings.lag_interval_s, time.monotonic())
            running.stop.wait(due - time.monotonic())
    finally:
        sampler.close()


def work(running: Process) -> None:
    """Sample into the topic `lag` until the process is stopped."""
    settings = running.settings
    catalog = loader.load(settings.catalog)
    kafka.require_broker(settings)
    kafka.require_topics(settings, [LAG.topic])
    # Tens of thousands of objects per sample, most of which live until the next: automatic collection would scan them
    # again and again, and was a quarter of the cost.
    gc.freeze()
    gc.disable()
    sample(running, catalog, ToTopic(settings))


def main() -> int:
    """Entry point of `streamgauge process lag`; returns the exit code."""
    return process.run("lag", work)
