"""kill -9 of what only watches: the lag sampler and the dashboard."""

from __future__ import annotations

import json
import random
import time
from collections import Counter

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import NewTopic

from benchmarks.sessions import Session
from streamgauge.cli.local.ports import free_port
from streamgauge.runtime import kafka
from tests.proof.injection import Record, injection
from tests.proof.pipeline import Pipeline, pipeline
from tests.support.publishing import publishing
from tests.support.topic_reader import read_topic
from tests.support.waiting import wait_until

KILLS, BEHIND = 5, 7
GROUP, TOPIC = "proof-group", "proof-topic"


def _waiting(shop: Pipeline) -> None:
    """A topic of its own with `BEHIND` events, and the commit of a group that has read none of them."""
    admin = kafka.admin(shop.rig.settings)
    (made,) = admin.create_topics([NewTopic(TOPIC, 1)]).values()
    made.result(30)
    with publishing(shop.rig.kafka.bootstrap) as send:
        for number in range(BEHIND):
            send(TOPIC, None, {"number": number})
    request = [ConsumerGroupTopicPartitions(GROUP, [TopicPartition(TOPIC, 0, 0)])]

    def taken() -> bool:
        (future,) = admin.alter_consumer_group_offsets(request).values()
        return all(one.error is None for one in future.result(30).topic_partitions)

    wait_until(taken, "the commit is taken")


@injection("kill-lag", "kill -9 of the lag sampler", limit_s=300)
def kill_lag(record: Record) -> None:
    """A group with a known lag is shown with that lag, by a new sample, after every start; no sample comes twice."""
    rng = random.Random(20261130)
    with pipeline(record, lag_interval_s=1.0, lag_window_samples=3) as shop:
        _waiting(shop)
        shop.running["lag"] = shop.rig.start("process", "lag")
        for _ in range(KILLS):
            time.sleep(rng.uniform(0.5, 3.0))
            shop.restart("lag")
            record.injected("lag")
            since = int(time.time() * 1_000)
            newest = f"SELECT lag FROM consumer_lag WHERE \"group\" = '{GROUP}' AND epoch_ms(occurred_at) > {since}"
            with record.coming_back():
                wait_until(lambda newest=newest: _one(shop, newest) == BEHIND, "the lag, by a new sample", 300)  # type: ignore[misc]
        ids = Counter(json.loads(m.value() or b"")["event_id"] for m in read_topic(shop.rig.kafka.bootstrap, "lag"))
        record.repeated += sum(ids.values()) - len(ids)
        del shop.running["lag"]
        shop.compare()


def _one(shop: Pipeline, sql: str) -> int:
    rows = shop.sql.query(sql).to_pylist()
    return int(rows[0]["lag"]) if rows else -1


@injection("kill-dashboard", "kill -9 of the dashboard, with pages open", limit_s=300)
def kill_dashboard(record: Record) -> None:
    """It holds nothing: the next start shows every page again, and the pipeline does not notice."""
    rng = random.Random(20261130)
    with pipeline(record) as shop:
        port = free_port()
        shop.running["dashboard"] = dashboard = shop.rig.start("dashboard", dashboard_port=port)
        for _ in range(KILLS):
            session = Session(port, "orders", "").open()
            time.sleep(rng.uniform(1.0, 4.0))
            shop.restart("dashboard")
            record.injected("dashboard")
            session.close()
            dashboard = shop.running["dashboard"]
            with record.coming_back():
                wait_until(dashboard.healthy, "ready again", 300, alive=dashboard.process)
            again = Session(port, "orders", "").open()
            time.sleep(3.0)
            failed = again.close().failed
            record.require(not failed, f"the page shows {failed}")
        del shop.running["dashboard"]
        shop.compare()
