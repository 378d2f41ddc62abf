"""`streamgauge status`: gathers health from processes, broker and warehouse."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from processors.lag.readable import Reader
from streamgauge.catalog import loader
from streamgauge.catalog.loader import ANALYTICS_TOPIC
from streamgauge.cli import offsets, output
from streamgauge.cli.status import figures, screen
from streamgauge.cli.status.facts import Facts, LostRange, StreamState, problems
from streamgauge.runtime import health, kafka, settings
from streamgauge.runtime.connection.explain import unreachable
from streamgauge.runtime.data_dir import broker_marker
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.client import QueryError, Warehouse, WarehouseUnavailable
from streamgauge.warehouse.writer import GROUP as WAREHOUSE_GROUP

_STREAMS = """
WITH dead AS (
    SELECT stream, count(*) AS letters FROM dead_letters WHERE dead_at > now() - INTERVAL 5 MINUTES GROUP BY stream
)
SELECT stream, sum(events) AS events, max(max_occurred_at) AS newest, sum(outdated) AS outdated,
       coalesce(any_value(letters), 0) AS dead_letters
FROM stream_windows LEFT JOIN dead USING (stream) GROUP BY stream ORDER BY stream
"""
_LOST = """
SELECT stream, partition, first_offset, last_offset, recent_events > 0 AS recent
FROM lost_events ORDER BY lost_at DESC, stream, partition LIMIT 100
"""


def gather(config: Settings) -> Facts:
    """Query processes, warehouse and broker; takes some seconds at most."""
    found = health.read_all(config.data_dir)
    marker = None if config.bootstrap_servers else broker_marker.read(config.data_dir)
    facts = Facts(
        config.bootstrap,
        found,
        {one.pid: figures.read(one.address) for one in found},
        notice=marker.notice if marker else None,
        catalog=config.catalog,
        observed=config.mode == "embedded",
    )
    return _with_kafka(config, _from_warehouse(config, facts), marker.kind if marker else "Kafka")


def _from_warehouse(config: Settings, facts: Facts) -> Facts:
    try:
        with Warehouse(config.model_copy(update={"sql_timeout_s": 3.0})) as warehouse:
            streams = warehouse.query(_STREAMS).to_pylist()
            lost = warehouse.query(_LOST).to_pylist()
    except (WarehouseUnavailable, QueryError) as error:
        return replace(facts, warehouse_why=str(error))
    return replace(
        facts,
        streams=[
            StreamState(
                row["stream"], int(row["events"]), int(row["dead_letters"]), _age_s(row["newest"]), int(row["outdated"])
            )
            for row in streams
        ],
        lost=[LostRange(**row) for row in lost],
    )


def _age_s(newest: datetime | None) -> float | None:
    return None if newest is None else max(0.0, time.time() - newest.timestamp())


def _with_kafka(config: Settings, facts: Facts, kind: str) -> Facts:
    if why := unreachable(config, timeout_s=3.0):
        return replace(facts, broker_why=why)
    catalog, observed = loader.streams_of(config.catalog), config.mode == "embedded"
    client, reader = kafka.admin(config), Reader(config)
    try:
        there = client.list_topics(timeout=3.0)
        count = len(there.brokers)
        facts = replace(
            facts,
            broker=f"{kind}, {count} broker{'' if count == 1 else 's'}",
            missing_topics=[
                topic for topic in (catalog.own if observed else catalog.topics) if topic not in there.topics
            ],
        )
        if facts.missing_topics:
            return replace(facts, hidden_why=kafka.hidden(client, config, facts.missing_topics[0], 3.0) or "")
        if observed:
            return facts
        return replace(
            facts,
            replicas=_members(client, config.analytics_group),
            analytics_waiting=offsets.waiting(client, config.analytics_group, catalog.streams, reader=reader),
            warehouse_waiting=offsets.waiting(client, WAREHOUSE_GROUP, [ANALYTICS_TOPIC], reader=reader),
        )
    except KafkaException:
        return facts
    finally:
        reader.close()


def _members(client: AdminClient, group: str) -> int | None:
    try:
        return offsets.members(client, group)
    except KafkaException:
        return None


def main() -> int:
    """Print the screen; returns the exit code: 1 where something is not well."""
    config = settings.load()
    facts = gather(config)
    if facts.nothing:
        output.note(f"streamgauge: nothing runs with the data directory {config.data_dir}, and {facts.broker_why}")
        return 1
    wrong = problems(facts)
    screen.show(facts, wrong)
    return 1 if wrong else 0
