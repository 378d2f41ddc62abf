"""A topic is deleted and made anew: what is in it is read, all of it and once, and its letters are new letters."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator

import duckdb
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streamgauge.catalog import loader
from streamgauge.warehouse.client import Warehouse
from tests.kafka.dead_letters import call, environment
from tests.kafka.recreation import make_anew, topic_id
from tests.support import commands
from tests.support.commerce_events import event, order, shipment, stock
from tests.support.figures import count
from tests.support.publishing import publishing
from tests.support.requirements import require_kafka
from tests.support.rig import Rig, Worker, new_rig
from tests.support.topic_reader import read_topic
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    require_kafka()
    with new_rig(partitions=2, commit_interval_ms=50, flush_interval_ms=50, dead_letter_stop_events=0) as rig:
        rig.start_together(("warehouse",), ("process", "analytics"))
        yield rig


def analytics(rig: Rig) -> Worker:
    """The replica that runs now."""
    return [worker for worker in rig.workers if worker.command[-1] == "analytics"][-1]


def ship(rig: Rig, kind: str, number: int, partition: int = 0) -> None:
    """Shipments of one type, in one partition."""
    with publishing(rig.kafka.bootstrap, topic_metadata_refresh_interval_ms=200) as send:
        for one in range(number):
            send("shipments", f"O-{one}", shipment(one, event_type=f"shipment.{kind}"), partition=partition)


def shipments(warehouse: Warehouse, kind: str, number: int) -> None:
    """Wait until the raw table has as many of one type, and check that it stays so."""
    where = f"shipment_events WHERE event_type = 'shipment.{kind}'"
    wait_for(warehouse, where, number)
    rows = f"SELECT count(DISTINCT (kafka_topic_since, kafka_partition, kafka_offset)) AS n FROM {where}"
    assert warehouse.query(rows).to_pylist() == [{"n": number}]


def wait_for(warehouse: Warehouse, rows: str, number: int) -> None:
    """Wait until there are as many rows, and check that there are no more."""
    wait_until(lambda: count(warehouse, rows) >= number, f"{number} {rows}, there are {count(warehouse, rows)}", 90)
    assert count(warehouse, rows) == number


def log_of(rig: Rig, name: str) -> str:
    """What the processes of a command have logged."""
    return "".join(worker.log.read_text() for worker in rig.workers if worker.command[-1] == name)


def test_a_longer_log_is_read_from_its_beginning(rig: Rig, warehouse: Warehouse) -> None:
    """It fills at once, beyond what was read of the old one."""
    ship(rig, "requested", 100)
    shipments(warehouse, "requested", 100)
    make_anew(rig.kafka.bootstrap, "shipments")
    ship(rig, "dispatched", 500)
    shipments(warehouse, "dispatched", 500)
    assert "shipments was deleted and made anew" in log_of(rig, "analytics") + log_of(rig, "warehouse")


def test_a_shorter_log_and_one_of_the_same_length_are_read_too(rig: Rig, warehouse: Warehouse) -> None:
    """Nothing counts twice, and nobody says so."""
    for kind, number in (("delivered", 50), ("failed", 50)):
        make_anew(rig.kafka.bootstrap, "shipments")
        ship(rig, kind, number)
        shipments(warehouse, kind, number)
    assert "count twice" not in log_of(rig, "warehouse")


def test_more_partitions_are_taken_up(rig: Rig, warehouse: Warehouse) -> None:
    """Made anew with another number of partitions."""
    before = count(warehouse, "shipment_events WHERE event_type = 'shipment.requested'")
    make_anew(rig.kafka.bootstrap, "shipments", partitions=4)
    for partition in range(4):
        ship(rig, "requested", 10, partition)
    shipments(warehouse, "requested", before + 40)


def request_payments(rig: Rig, count: int, amount_cents: int) -> None:
    """Publish requests of that amount, all to one partition."""
    with publishing(rig.kafka.bootstrap) as send:
        for number in range(count):
            send(
                "payments",
                f"O-{number}",
                event(
                    "payment.requested",
                    payment_id=f"P-{number}",
                    order_id=f"O-{number}",
                    customer_id="C-1",
                    method="card",
                    amount_cents=amount_cents,
                    currency="EUR",
                ),
                partition=0,
            )


def test_it_is_noticed_after_a_restart(rig: Rig, warehouse: Warehouse) -> None:
    """Analytics is away meanwhile; the group's offsets may outlive the topic."""
    request_payments(rig, 20, amount_cents=1)
    wait_until(lambda: count(warehouse, "payment_events") == 20, "20 payments")
    analytics(rig).stop()
    make_anew(rig.kafka.bootstrap, "payments")
    request_payments(rig, 30, amount_cents=100)
    rig.start("process", "analytics")
    where = "payment_events WHERE amount_cents = 100"
    wait_until(lambda: count(warehouse, where) >= 30, "30 payments of the new topic")
    assert count(warehouse, "payment_events") == 50


def test_rows_replace_those_of_the_earlier_topic(rig: Rig, warehouse: Warehouse) -> None:
    """The version of a row is of its topic first, then its offset."""
    with publishing(rig.kafka.bootstrap) as send:
        for number in range(30):
            send("orders", "O-1", order("O-1", event_type="order.placed", amount_cents=number), partition=0)
    where = "SELECT status, amount_cents FROM orders WHERE order_id = 'O-1'"
    wait_until(
        lambda: warehouse.query(where).to_pylist() == [{"status": "placed", "amount_cents": 29}], "the last of 30"
    )
    make_anew(rig.kafka.bootstrap, "orders")
    with publishing(rig.kafka.bootstrap, topic_metadata_refresh_interval_ms=200) as send:
        # The key is in another partition now, at a smaller offset.
        send("orders", "O-1", order("O-1", event_type="order.completed", amount_cents=7), partition=1)
    wait_until(
        lambda: warehouse.query(where).to_pylist() == [{"status": "completed", "amount_cents": 7}],
        "the new topic's row",
    )


@pytest.mark.long
def test_rebuild_and_replay_say_what_is_of_an_earlier_topic(rig: Rig, warehouse: Warehouse) -> None:
    """Rows of topics that are there are the same again, and of those that are gone it is said; offsets likewise."""
    newest = "{0} WHERE kafka_topic_since = (SELECT max(kafka_topic_since) FROM {0})"
    rows = {table: count(warehouse, newest.format(table)) for table in ("shipment_events", "payment_events")}
    assert min(rows.values()) > 0
    done = commands.run(environment(rig), "rebuild", timeout_s=150)
    assert done.returncode in (0, 1), done.stderr
    for topic in ("shipments", "payments", "orders"):
        assert f"{topic} was deleted and made anew: " in done.stdout
    rebuilt = next((rig.settings.data_dir / "rebuild").glob("warehouse.*.duckdb"))
    with duckdb.connect(str(rebuilt), read_only=True) as db:
        for table, number in rows.items():
            assert db.table(table).shape[0] == number
    assert "  orders: identical, 1 row" in done.stdout

    admin = AdminClient({"bootstrap.servers": rig.kafka.bootstrap})
    at = TopicPartition("payments", 0, 5, metadata="topic_id=AAAAAAAAAAAAAAAAAAAAAB")
    (future,) = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions("fraud", [at])]).values()
    future.result(30)
    done = commands.run(environment(rig), "replay", "fraud", "--to", "2020-01-01")
    assert "payments was deleted and made anew (topic id AAAAAAAAAAAAAAAAAAAAAB, now " in done.stdout, done.stderr
    assert "there is nothing to replay" in done.stdout


@pytest.mark.long
def test_a_service_reads_it_from_its_beginning(rig: Rig, warehouse: Warehouse) -> None:
    """Fulfilment's position and offsets are of the old topic; the sagas of the new one's orders begin all the same."""
    make_anew(rig.kafka.bootstrap, "shipments", partitions=2)
    make_anew(rig.kafka.bootstrap, "orders")
    sagas = "sagas WHERE starts_with(order_id, '{}-')"
    worker = rig.start("process", "fulfilment")
    for name, number in (("old", 8), ("new", 20)):
        with publishing(rig.kafka.bootstrap, topic_metadata_refresh_interval_ms=200) as send:
            for one in range(number):
                send("orders", f"{name}-{one}", order(f"{name}-{one}"), partition=0)
        wait_for(warehouse, sagas.format(name), number)
        if name == "old":
            make_anew(rig.kafka.bootstrap, "orders")
    assert worker.stop() == 0


def test_analytics_itself_made_anew(rig: Rig, warehouse: Warehouse) -> None:
    """The warehouse goes on with the new topic's first delta, though its position is far beyond it."""
    before = count(warehouse, "fraud_events")
    for number in range(6):
        if number == 3:
            make_anew(rig.kafka.bootstrap, "analytics")
        with publishing(rig.kafka.bootstrap) as send:
            send(
                "fraud",
                "C",
                event(
                    "fraud.flagged",
                    customer_id="C",
                    order_id=f"F-{number}",
                    payment_method="card",
                    amount_cents=1,
                    rule="velocity",
                    score=0.5,
                    detail="d",
                ),
            )
        wait_for(warehouse, "fraud_events", before + number + 1)
    assert "analytics was deleted and made anew" in log_of(rig, "warehouse")


def test_a_letter_at_a_place_that_was_settled_is_open(rig: Rig, warehouse: Warehouse) -> None:
    """Two bad events, each the first of its partition: the one of the old topic was retried, the other was not."""
    ad = {"campaign_id": "K", "customer_id": "C", "cost_cents": 1}
    with publishing(rig.kafka.bootstrap) as send:
        send("marketing", "C", event("ad.click", **ad, channel="fax"), partition=0)
    wait_until(lambda: count(warehouse, "dead_letters WHERE stream = 'marketing'") == 1, "the first letter")
    code, out, err = call(rig, "retry", "marketing:0:0", "--set", "channel=search", "--yes")
    assert code == 0, out + err
    wait_until(lambda: count(warehouse, "dead_letter_retries") == 1, "the record of the retry")
    make_anew(rig.kafka.bootstrap, "marketing", pause_s=2)
    with publishing(rig.kafka.bootstrap) as send:
        send("marketing", "C", event("ad.click", **{**ad, "cost_cents": "12"}, channel="search"), partition=0)
    wait_until(lambda: count(warehouse, "dead_letters WHERE stream = 'marketing'") == 2, "the second letter")
    code, out, err = call(rig, "list", "--stream", "marketing", "--format", "json")
    groups = {group["reason"]: group for group in json.loads(out)}
    assert {reason: group["open"] for reason, group in groups.items()} == {"out_of_range": 0, "wrong_type": 1}
    code, out, err = call(rig, "show", groups["wrong_type"]["fingerprint"], "--format", "json")
    shown = json.loads(out)
    assert json.loads(shown["payload"])["cost_cents"] == "12"
    assert shown["topic_id"] == topic_id(rig.kafka.bootstrap, "marketing")
    code, out, err = call(rig, "retry", "marketing:0:0", "--set", "cost_cents=12", "--yes")
    assert code == 0, out + err
    wait_until(lambda: count(warehouse, "marketing_events WHERE cost_cents = 12") == 1, "the second event")
    assert count(warehouse, "marketing_events") == 2


def test_the_second_of_two_letters_at_one_place_is_sent(rig: Rig, warehouse: Warehouse) -> None:
    """Both are open; the one that is chosen is the one of the topic as it is."""
    with publishing(rig.kafka.bootstrap) as send:
        send("inventory", "k", stock(1, sku="SKU-FIRST", quantity=0), partition=0)
    wait_until(lambda: count(warehouse, "dead_letters WHERE stream = 'inventory'") == 1, "the first letter")
    make_anew(rig.kafka.bootstrap, "inventory", pause_s=2)
    with publishing(rig.kafka.bootstrap) as send:
        send("inventory", "k", stock(2, sku="SKU-SECOND", quantity="7"), partition=0)
    wait_until(lambda: count(warehouse, "dead_letters WHERE stream = 'inventory'") == 2, "the second letter")
    (fingerprint,) = warehouse.query(
        "SELECT fingerprint FROM dead_letters WHERE stream = 'inventory' AND reason = 'wrong_type'"
    )["fingerprint"].to_pylist()
    code, out, err = call(rig, "retry", fingerprint, "--set", "quantity=7", "--yes")
    assert code == 0, out + err
    wait_until(lambda: count(warehouse, "inventory_events") == 1, "the event sent again")
    rows = warehouse.query("SELECT sku, quantity FROM inventory_events").to_pylist()
    assert rows == [{"sku": "SKU-SECOND", "quantity": 7}]
    rows = warehouse.query(
        "SELECT count(*) AS n FROM dead_letters WHERE stream = 'inventory' AND reason <> 'wrong_type' "
        "AND concat_ws(':', topic, kafka_partition, kafka_offset, kafka_topic_id) NOT IN "
        "(SELECT concat_ws(':', letter, topic_id) FROM dead_letter_retries)"
    ).to_pylist()
    assert rows == [{"n": 1}]


@pytest.mark.long
def test_the_steps_of_the_documentation(rig: Rig, warehouse: Warehouse) -> None:
    """docs/partitioning.md: more partitions for all topics of a service, its events copied, nothing done twice."""
    bootstrap, own = rig.kafka.bootstrap, tuple(loader.load(rig.settings.catalog).own)
    admin = AdminClient({"bootstrap.servers": bootstrap})
    make_anew(bootstrap, "shipments", partitions=2)
    rig.start("process", "fulfilment")
    with publishing(bootstrap, topic_metadata_refresh_interval_ms=200) as send:
        for number in range(5):
            send("orders", f"before-{number}", order(f"before-{number}"))
    wait_for(warehouse, "sagas WHERE starts_with(order_id, 'before-')", 5)
    for worker in rig.workers:
        worker.stop()
    kept = [message for topic in own for message in read_topic(bootstrap, topic)]
    there = admin.list_topics(timeout=30).topics
    internal = [name for name in there if name.startswith(("changelog_", "repartition_")) or name.endswith(".dlq")]
    doomed = [*own, *internal, "fulfilment-ticks", "analytics"]
    for future in admin.delete_topics(doomed).values():
        future.result(30)
    wait_until(lambda: not set(doomed) & set(admin.list_topics(timeout=30).topics), "the topics are gone")
    done = commands.run(environment(rig), "topics", "--partitions", "4")
    assert done.returncode == 0, done.stdout + done.stderr
    with publishing(bootstrap) as send:
        for message in kept:
            send(message.topic() or "", message.key(), message.value(), timestamp=message.timestamp()[1])
    rig.settings.warehouse_file.unlink()
    shutil.rmtree(rig.settings.data_dir / "state")
    there = admin.list_topics(timeout=30).topics
    inputs = [TopicPartition(topic, number) for topic in own for number in there[topic].partitions]
    ends = admin.list_offsets({at: OffsetSpec.latest() for at in inputs})
    at_end = [TopicPartition(at.topic, at.partition, future.result(30).offset) for at, future in ends.items()]
    for future in admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions("fulfilment", at_end)]).values():
        future.result(30)

    rig.start_together(("warehouse",), ("process", "analytics"), ("process", "fulfilment"))
    copied = Counter(message.topic() for message in kept)
    for topic, table in (("orders", "order_events"), ("fulfilment", "fulfilment_events")):
        wait_for(warehouse, table, copied[topic])
    with publishing(bootstrap) as send:
        send("orders", "after", order("after"))
    wait_for(warehouse, "sagas WHERE order_id = 'after'", 1)
    began = "fulfilment_events WHERE event_type = 'saga.started' AND order_id <> 'after'"
    assert count(warehouse, began) == count(warehouse, f"(SELECT DISTINCT order_id FROM {began})")
    partitions = warehouse.query("SELECT DISTINCT kafka_partition AS n FROM order_events ORDER BY 1")["n"].to_pylist()
    assert max(partitions) > 1
