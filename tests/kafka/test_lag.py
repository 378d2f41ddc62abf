"""The lag sampler on a real cluster: its figures are right in SQL, in the metrics and in the command."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from processors.lag.readable import Reader
from processors.lag.time_lag import tolerance_ms
from streamgauge.cli import offsets
from streamgauge.warehouse.client import QueryError, Warehouse, WarehouseUnavailable
from tests.support import commands
from tests.support.commerce_events import order, shipment
from tests.support.publishing import publishing
from tests.support.requirements import require_kafka
from tests.support.rig import Rig, Worker, new_rig
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]
FAILED = "streamgauge_lag_failed{"
EVENTS, COMMITTED, EVERY_MS, KEYS = 60, 15, 1_000, 20
FULFILMENT = "SELECT * FROM consumer_lag WHERE \"group\" = 'fulfilment' AND topic = 'orders' AND partition = 0"


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    require_kafka()
    with new_rig(
        partitions=2, lag_interval_s=1.0, lag_window_samples=3, commit_interval_ms=100, flush_interval_ms=100
    ) as rig:
        yield rig


@pytest.fixture(scope="module")
def admin(rig: Rig) -> AdminClient:
    return AdminClient({"bootstrap.servers": rig.kafka.bootstrap})


@pytest.fixture(scope="module")
def written(rig: Rig, admin: AdminClient) -> list[int]:
    """Orders in one partition, a second apart, the newest half a minute old; `fulfilment` has committed some of them.

    Returns their timestamps (ms).
    """
    began = int(time.time() * 1_000) - 30_000 - EVENTS * EVERY_MS
    times = [began + number * EVERY_MS for number in range(EVENTS)]
    with publishing(rig.kafka.bootstrap) as send:
        for number, at in enumerate(times):
            event = order(f"O-{number % KEYS}", event_id=f"e{number}", occurred_at=at, amount_cents=100 * (number + 1))
            send("orders", None, event, partition=0, timestamp=at)
    commit(admin, COMMITTED)
    return times


def commit(admin: AdminClient, offset: int, group: str = "fulfilment", topic: str = "orders") -> None:
    """Commit on partition 0. A new broker's coordinator refuses at first, in the result and not by an exception; on a
    busy machine it does not answer at all.
    """

    def taken() -> bool:
        request = [ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, offset)])]
        (future,) = admin.alter_consumer_group_offsets(request, request_timeout=20).values()
        try:
            return all(one.error is None for one in future.result(30).topic_partitions)
        except (KafkaException, TimeoutError):
            return False

    wait_until(taken, "the commit is taken")


@pytest.fixture(scope="module")
def sampler(rig: Rig, written: list[int]) -> Worker:
    """The sampler, beside a pipeline that processes the orders."""
    rig.start("warehouse")
    rig.start("process", "analytics")
    return rig.start("process", "lag")


def row(warehouse: Warehouse) -> dict[str, Any]:
    """The newest sample of the group; empty while there is none."""
    try:
        rows: list[dict[str, Any]] = warehouse.query(FULFILMENT).to_pylist()
    except (WarehouseUnavailable, QueryError):
        return {}
    return rows[0] if rows else {}


def test_events_seconds_and_money(sampler: Worker, warehouse: Warehouse, written: list[int]) -> None:
    seen: dict[str, Any] = {}

    def settled() -> bool:
        seen.update(row(warehouse))
        return seen.get("status") == "STOP" and seen["waiting_complete"] is True

    wait_until(settled, "a status, and every waiting event is in the raw table", alive=sampler.process)
    assert (seen["committed_offset"], seen["end_offset"], seen["lag"]) == (COMMITTED, EVENTS, EVENTS - COMMITTED)
    waited_ms = seen["occurred_at"].timestamp() * 1_000 - written[COMMITTED]
    assert abs(seen["lag_seconds"] * 1_000 - waited_ms) <= tolerance_ms(int(waited_ms)) + 1
    # One amount a key, that of its last waiting event: the last twenty events are the last of each.
    assert (seen["waiting_keys"], seen["waiting_cents"]) == (KEYS, sum(100 * (EVENTS - n) for n in range(KEYS)))
    assert (seen["members"], seen["member"], seen["consumed_per_second"]) == (0, None, 0.0)
    assert seen["catch_up_seconds"] is None


def test_the_metrics_agree(sampler: Worker) -> None:
    partition = '{consumergroup="fulfilment",partition="0",topic="orders"}'
    group_topic = '{consumergroup="fulfilment",topic="orders"}'
    expected = {
        f"kafka_consumergroup_lag{partition}": 45,
        f"kafka_consumergroup_lag_sum{group_topic}": 45,
        f"kafka_consumergroup_status{partition}": 4,
        f"streamgauge_consumergroup_waiting_keys{group_topic}": KEYS,
        f"streamgauge_consumergroup_waiting_cents{group_topic}": 101_000,
        'streamgauge_consumergroup_inactive_behind_events{consumergroup="fulfilment"}': 45,
    }
    seen: dict[str, float] = {}

    def complete() -> bool:
        # A scrape shows one sample; a figure that a slow machine leaves out of it is in the next.
        seen.clear()
        seen.update(sampler.metrics())
        return expected.keys() <= seen.keys() and not any(name.startswith(FAILED) for name in seen)

    wait_until(complete, "all figures, and no failure", alive=sampler.process)
    assert {name: seen[name] for name in expected} == expected
    assert seen[f"kafka_consumergroup_lag_seconds{partition}"] > 30


def test_the_command_names_it_first(rig: Rig, sampler: Worker) -> None:
    environ = commands.environment(commands.variables(rig.settings))
    line_one = re.compile(rf"fulfilment on orders: STOP, .* behind: {KEYS} orders, €1,010\.00 waiting\n")

    def reported() -> bool:
        done = commands.run(environ, "lag")
        assert done.returncode == 1, done.stderr
        return line_one.match(done.stdout) is not None

    wait_until(reported, "the command reports the group first", alive=sampler.process)
    done = commands.run(environ, "lag", "--group", "fulfilment", "--format", "json")
    assert done.returncode == 1
    (line,) = json.loads(done.stdout)["groups"]
    assert (line["group"], line["status"], line["lag"]) == ("fulfilment", "STOP", 45)
    assert line["since"] is not None
    assert "no such group" in commands.run(environ, "lag", "--group", "nobody").stdout


@pytest.fixture(scope="module")
def situations(rig: Rig, sampler: Worker, admin: AdminClient) -> Iterator[None]:
    """Groups that a difference of offsets calls caught up, or behind, and that are not.

    `stuck` holds two partitions, has committed on one and stands at the first event of the other; what `late` had not
    read was deleted; `hung` waits for an open transaction; `analytics` stands before an aborted one.
    """
    bootstrap = rig.kafka.bootstrap
    topics = [NewTopic("bookings", 2, 1), NewTopic("seasonal", 1, 1), NewTopic("hanging", 1, 1)]
    for future in admin.create_topics(topics).values():
        future.result(30)
    with publishing(bootstrap) as send:
        for topic, partition, events in (("bookings", 0, 10), ("bookings", 1, 50), ("seasonal", 0, 80)):
            for _ in range(events):
                send(topic, None, b"x", partition=partition)
        send("hanging", None, b"x", partition=0)
        send("attribution", None, b"{}", partition=1)
    commit(admin, 10, "stuck", "bookings")
    commit(admin, 10, "late", "seasonal")
    commit(admin, 1, "hung", "hanging")
    for deleted in admin.delete_records([TopicPartition("seasonal", 0, 80)]).values():
        deleted.result(30)
    wait_until(lambda: lag(sampler, "analytics", "attribution", 1) is not None, "analytics has committed there")
    # Longer than any test: the coordinator would abort it.
    hanging = transaction(bootstrap, "hanging", 0, 5)
    transaction(bootstrap, "attribution", 1, 60).abort_transaction()
    with contextlib.ExitStack() as members:
        for group, topic in (("stuck", "bookings"), ("late", "seasonal")):
            member = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False})
            members.callback(member.close)
            member.subscribe([topic])
            wait_until(partial(has_joined, member), f"{group} has joined")
        yield
        hanging.abort_transaction()


def has_joined(member: Consumer) -> bool:
    member.poll(0.1)
    return bool(member.assignment())


def transaction(bootstrap: str, topic: str, partition: int, events: int) -> Producer:
    """A producer with that many events in an open transaction."""
    producer = Producer(
        {"bootstrap.servers": bootstrap, "transactional.id": f"to-{topic}", "transaction.timeout.ms": 600_000}
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    for _ in range(events):
        producer.produce(topic, b"{}", partition=partition)
    producer.flush(30)
    return producer


def lag(sampler: Worker, group: str, topic: str, partition: int) -> float | None:
    return sampler.metrics().get(
        f'kafka_consumergroup_lag{{consumergroup="{group}",partition="{partition}",topic="{topic}"}}'
    )


@pytest.mark.usefixtures("situations")
def test_waiting_lost_and_unknown_are_three_things(sampler: Worker) -> None:
    def of(metric: str, group: str, topic: str, partition: int | None = None) -> str:
        where = "" if partition is None else f'partition="{partition}",'
        return f'{metric}{{consumergroup="{group}",{where}topic="{topic}"}}'

    expected: dict[str, float | None] = {
        of("kafka_consumergroup_status", "stuck", "bookings", 0): 0,
        of("kafka_consumergroup_status", "stuck", "bookings", 1): 3,
        of("kafka_consumergroup_lag", "stuck", "bookings", 1): None,
        of("kafka_consumergroup_lag_sum", "stuck", "bookings"): None,
        of("kafka_consumergroup_current_offset_sum", "stuck", "bookings"): None,
        of("streamgauge_consumergroup_catch_up_seconds", "stuck", "bookings"): None,
        of("streamgauge_consumergroup_lag_least_events", "stuck", "bookings"): 0,
        of("streamgauge_consumergroup_lag_unknown_events", "stuck", "bookings"): 50,
        of("kafka_consumergroup_status", "late", "seasonal", 0): 0,
        of("kafka_consumergroup_lag_sum", "late", "seasonal"): 0,
        of("streamgauge_consumergroup_retention_used_ratio", "late", "seasonal", 0): 0,
        of("streamgauge_consumergroup_lost_events_total", "late", "seasonal", 0): 70,
        of("kafka_consumergroup_status", "hung", "hanging", 0): 0,
        of("kafka_consumergroup_lag_sum", "hung", "hanging"): 0,
        of("streamgauge_consumergroup_undecided_events", "hung", "hanging"): 5,
        of("kafka_consumergroup_status", "analytics", "attribution", 1): 0,
        of("kafka_consumergroup_lag", "analytics", "attribution", 1): 0,
    }
    seen: dict[str, float | None] = {}

    def told() -> bool:
        metrics = sampler.metrics()
        seen.update({name: metrics.get(name) for name in expected})
        return seen == expected

    try:
        wait_until(told, "the figures are right", alive=sampler.process)
    finally:
        assert seen == expected


@pytest.mark.usefixtures("situations")
def test_both_commands_say_so(rig: Rig, sampler: Worker, admin: AdminClient) -> None:
    environ = commands.environment(commands.variables(rig.settings))

    def of(group: str) -> dict[str, Any]:
        done = commands.run(environ, "lag", "--group", group, "--format", "json")
        (line,) = [one for one in json.loads(done.stdout)["groups"] if one["topic"] != "analytics"][:1] or [{}]
        return {**line, "exit": done.returncode}

    def told() -> bool:
        stuck, late = of("stuck"), of("late")
        return (stuck["status"], stuck["lag"], stuck["lag_least"], stuck["lag_most"], stuck["exit"]) == (
            ("STALL", None, 0, 50, 1)
        ) and (late["status"], late["lag"], late["lost"], late["exit"]) == ("OK", 0, 70, 0)

    wait_until(told, "`lag` says so", alive=sampler.process)
    text = commands.run(environ, "lag", "--group", "stuck").stdout
    assert "stuck on bookings: STALL, at least 0, at most 50 events behind" in text
    # Nothing can be read where the transaction was aborted: `lag` calls it well, and `status` counts nothing there.
    assert commands.run(environ, "lag", "--group", "analytics").returncode == 0
    with contextlib.closing(Reader(rig.settings)) as reader:
        assert offsets.waiting(admin, "analytics", ["attribution"], reader=reader) == 0


def test_a_group_that_is_deleted_leaves_nothing(admin: AdminClient, sampler: Worker) -> None:
    label = 'consumergroup="fulfilment"'
    wait_until(lambda: any(label in name for name in sampler.metrics()), "the group's metrics", alive=sampler.process)
    for future in admin.delete_consumer_groups(["fulfilment"]).values():
        future.result(30)
    wait_until(
        lambda: (seen := sampler.metrics()) != {} and not any(label in name for name in seen),
        "no series of the deleted group",
        alive=sampler.process,
    )
    assert sampler.healthy()


def test_what_retention_takes_before_analytics_reads_it_is_named(
    rig: Rig, sampler: Worker, admin: AdminClient, warehouse: Warehouse
) -> None:
    """While analytics is away, and while it runs and is too slow: every event is counted or named as lost."""
    analytics = next(one for one in rig.workers if one.command == ("process", "analytics"))

    def publish(first: int, count: int, *, keep: int) -> None:
        with publishing(rig.kafka.bootstrap) as send:
            for number in range(first, first + count):
                send("shipments", f"O-{number}", shipment(number), partition=1)
        if keep < count:
            (deleted,) = admin.delete_records([TopicPartition("shipments", 1, first + count - keep)]).values()
            deleted.result(30)

    def told(counted: int, *lost: tuple[int, int]) -> None:
        def seen() -> bool:
            try:
                events = warehouse.query("SELECT sum(events) AS n FROM stream_windows WHERE stream = 'shipments'")
                ranges = warehouse.query("SELECT * FROM lost_events ORDER BY first_offset").to_pylist()
            except (WarehouseUnavailable, QueryError):
                return False
            assert {(one["stream"], one["partition"]) for one in ranges} <= {("shipments", 1)}
            named = [(one["first_offset"], one["last_offset"]) for one in ranges]
            return (events["n"][0].as_py(), named) == (counted, list(lost))

        wait_until(seen, f"{counted} events are counted, {lost} are named", alive=sampler.process)

    publish(0, 10, keep=10)
    told(10)
    analytics.stop()
    publish(10, 100, keep=40)
    analytics = rig.start("process", "analytics")
    told(50, (10, 69))
    analytics.process.send_signal(signal.SIGSTOP)
    time.sleep(1.5)  # a fetch that is under way would still bring them
    publish(110, 30, keep=0)
    analytics.process.send_signal(signal.SIGCONT)
    # Nothing follows, and it is named all the same.
    told(50, (10, 69), (110, 139))
    done = commands.run(commands.environment(commands.variables(rig.settings)), "status")
    assert done.returncode == 1
    assert "shipments[1]: offsets 10 to 69 were deleted before analytics read them" in done.stdout
    assert analytics.metrics()['streamgauge_events_lost_total{partition="1",stream="shipments"}'] == 60 + 30


@pytest.mark.long
def test_the_broker_goes_away_and_comes_back(rig: Rig, sampler: Worker) -> None:
    """Last in this module. Without a broker the figures are withdrawn; with it they come back."""
    rig.kafka.kill()
    wait_until(
        lambda: (
            (seen := sampler.metrics()).get(FAILED + 'kind="cluster",name="metadata"}') == 1
            and not any(name.startswith("kafka_") for name in seen)
        ),
        "old figures are withdrawn",
        alive=sampler.process,
    )
    assert not sampler.healthy()
    rig.kafka.start()
    rig.kafka.wait_ready()
    wait_until(sampler.healthy, "ready again", alive=sampler.process)

    def as_before() -> bool:
        seen = sampler.metrics()
        figures = any(name.startswith("kafka_consumergroup_lag{") for name in seen)
        return figures and not any(name.startswith(FAILED) for name in seen)

    wait_until(as_before, "figures again, and no failure", alive=sampler.process)
