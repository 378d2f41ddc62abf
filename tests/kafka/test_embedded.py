"""A cluster that is observed: the tables equal the truth whatever is killed, and nothing on the cluster changes."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec

from streamgauge.catalog import loader
from streamgauge.cli.local.ports import free_port
from streamgauge.warehouse.client import Warehouse
from tests.support import audit, commands
from tests.support.figures import figure
from tests.support.requirements import require_kafka
from tests.support.rig import Rig, new_rig
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]
CATALOG, RATE, GROUP = "streamgauge.catalog.commerce", 1_000, "billing"


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """Somebody's cluster: the topics of the catalog's own streams, and one group that has read a part."""
    require_kafka()
    own = tuple(loader.streams_of(CATALOG).own)
    with new_rig(partitions=3, topics=own, mode="embedded", lag_interval_s=1.0) as rig:
        # Each has a leader then.
        wait_until(lambda: answers(AdminClient({"bootstrap.servers": rig.kafka.bootstrap})), "all logs' ends", 30.0)
        yield rig


def answers(admin: AdminClient) -> bool:
    """Whether the whole cluster can be described."""
    try:
        return bool(cluster(admin))
    except KafkaException:
        return False


def cluster(admin: AdminClient) -> dict[str, Any]:
    """Topics with ids, configurations and log ends, groups with states and offsets: what an observer may not change."""
    topics = admin.list_topics(timeout=10).topics
    places = [TopicPartition(name, number) for name, topic in topics.items() for number in topic.partitions]
    ends = admin.list_offsets({place: OffsetSpec.latest() for place in places})
    configs = admin.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, name) for name in topics])
    groups = [group.group_id for group in admin.list_consumer_groups().result().valid]
    offsets = {
        group: admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result()
        for group in groups
    }
    return {
        "topics": {name: sorted(topic.partitions) for name, topic in topics.items()},
        "ends": {(at.topic, at.partition): future.result().offset for at, future in ends.items()},
        "configs": {
            resource.name: {name: entry.value for name, entry in future.result().items()}
            for resource, future in configs.items()
        },
        "offsets": {
            group: sorted((at.topic, at.partition, at.offset, at.metadata) for at in found.topic_partitions)
            for group, found in offsets.items()
        },
    }


def commit(bootstrap: str) -> None:
    """Let the group commit what it has read of `orders`: 1 in each partition."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": GROUP, "enable.auto.commit": False})
    consumer.commit(offsets=[TopicPartition("orders", number, 1) for number in range(3)], asynchronous=False)
    consumer.close()


@pytest.mark.parametrize("kills", [2, pytest.param(15, marks=pytest.mark.long)])
def test_tables_equal_the_truth_and_the_cluster_stays_as_it_is(rig: Rig, kills: int) -> None:
    """The reader is killed again and again while events come; then everything is compared."""
    ledger_file = rig.folder / "ledger.json"
    options = ("--rate", str(RATE), "--invalid", "0.01", "--late", "0.02")
    generator = rig.start("generate", *options, "--ledger", str(ledger_file), ready=False)
    reader = rig.start("warehouse")
    dice = random.Random(14)
    with Warehouse(rig.settings) as warehouse:
        for _ in range(kills):
            before = visible(warehouse)
            wait_until(lambda seen=before: visible(warehouse) > seen, "something new is visible", 60.0)  # type: ignore[misc]
            time.sleep(dice.uniform(0.0, 0.5))
            reader = rig.restart(reader)
            rig.wait_ready(reader)
        assert generator.stop() == 0, generator.log.read_text()
        ledger = json.loads(ledger_file.read_text())
        wait_until(lambda: visible(warehouse) >= ledger["produced"], "all events are visible", 60.0)
        assert audit.differences(ledger, warehouse) == []

        commit(rig.kafka.bootstrap)
        admin = AdminClient({"bootstrap.servers": rig.kafka.bootstrap})
        as_it_was = cluster(admin)
        behind = sum(as_it_was["ends"]["orders", number] - 1 for number in range(3))
        reader = rig.restart(reader)
        sql = f"SELECT sum(lag)::BIGINT FROM consumer_lag WHERE \"group\" = '{GROUP}'"
        wait_until(lambda: figure(warehouse, sql) == behind, "the group's lag is known", 60.0)
        assert cluster(admin) == as_it_was
        places = "SELECT count(*) - count(DISTINCT kafka_offset) FROM lag_events"
        assert figure(warehouse, places) == 0
    assert reader.stop() == 0, reader.log.read_text()


def up(rig: Rig, *options: str) -> subprocess.CompletedProcess[str]:
    """`streamgauge up` on the cluster, with a folder and ports of its own."""
    ports = {f"STREAMGAUGE_{name}_PORT": str(free_port()) for name in ("SQL", "DASHBOARD")}
    environ = commands.environment({**ports, "STREAMGAUGE_DATA_DIR": str(rig.folder / "up")})
    return commands.run(environ, "up", "--bootstrap", rig.kafka.bootstrap, *options)


def test_up_observes_and_leaves_nothing(rig: Rig) -> None:
    admin = AdminClient({"bootstrap.servers": rig.kafka.bootstrap})
    as_it_was = cluster(admin)
    done = up(rig, "--for", "1")
    assert done.returncode == 0, done.stderr
    assert "is observed: nothing is created, produced or committed there" in done.stderr
    assert cluster(admin) == as_it_was


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param(("--demo", "--yes"), "does not write beside topics that it did not make: ", id="shop"),
        pytest.param(("--mode", "pipeline", "--catalog", CATALOG), "say --yes to agree", id="pipeline"),
    ],
)
def test_nothing_is_written_unasked(rig: Rig, options: tuple[str, ...], says: str) -> None:
    """One line says why, and no topic is created."""
    admin = AdminClient({"bootstrap.servers": rig.kafka.bootstrap})
    as_it_was = cluster(admin)
    done = up(rig, *options)
    assert done.returncode == 2
    assert says in done.stderr
    assert cluster(admin) == as_it_was


def visible(warehouse: Warehouse) -> int:
    """Events of the generator's streams that the tables count; -1 while nobody answers."""
    return figure(warehouse, f"SELECT sum(events)::BIGINT FROM stream_windows WHERE stream IN {tuple(audit.RAW)}")
