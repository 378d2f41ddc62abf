"""Story, as-of queries, rebuild, swap and replay on one real pipeline, with bad and late events."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from processors.analytics.batch import UNCOUNTED
from streamgauge.catalog import loader
from streamgauge.catalog.loader import Catalog
from streamgauge.cli.query import sql, story
from streamgauge.cli.rebuild import rebuild
from streamgauge.cli.replay import replay
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.kafka.topic_identity import stored
from streamgauge.warehouse import swap
from streamgauge.warehouse.client import AsOf, QueryError, Warehouse
from tests.kafka.recreation import topic_id
from tests.support import commands, invented_events
from tests.support.commerce_events import now_ms
from tests.support.figures import figure
from tests.support.invented_events import PARTITIONS, SPAN_MS
from tests.support.publishing import publishing
from tests.support.requirements import require_kafka
from tests.support.rig import Rig, Worker, new_rig
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


# Records of operations on the pipeline are not counted as traffic, unless they are invalid.
WITHOUT = f" WHERE stream NOT IN {(*sorted(UNCOUNTED),)}"


class Shop:
    """Publishes invented events, and counts how many the tables must hold."""

    def __init__(self, rig: Rig) -> None:
        self.catalog: Catalog = loader.load(rig.settings.catalog)
        self.warehouse = Warehouse(rig.settings)
        self._bootstrap = rig.kafka.bootstrap
        self.counted = 0
        self._seed = 0

    def publish(self, count: int, bad: float = 0.02) -> None:
        """`count` events of each stream, of the last minutes."""
        self._seed += 1
        with publishing(self._bootstrap, linger_ms=5) as send:
            for event in invented_events.events(self.catalog, count, self._seed, bad, start_ms=now_ms() - SPAN_MS):
                send(event.topic, b"key", event.value, partition=event.partition)
                self.counted += event.topic not in UNCOUNTED

    def settle(self) -> None:
        """Wait until every event is counted."""
        counted = f"SELECT sum(events)::BIGINT FROM stream_windows{WITHOUT}"
        wait_until(lambda: figure(self.warehouse, counted) == self.counted, f"{self.counted} events counted", 180.0)


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    require_kafka()
    with new_rig(PARTITIONS, commit_interval_ms=50, flush_interval_ms=50, dead_letter_stop_events=0) as rig:
        rig.start_together(("warehouse",), ("process", "analytics"))
        yield rig


@pytest.fixture(scope="module")
def shop(rig: Rig) -> Iterator[Shop]:
    shop = Shop(rig)
    shop.publish(60)
    shop.settle()
    yield shop
    shop.warehouse.close()


@pytest.fixture(autouse=True)
def environment(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a terminal in which the tests' commands run."""
    for name, value in commands.variables(rig.settings).items():
        monkeypatch.setenv(name, value)


def test_a_story(shop: Shop, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """The story covers every topic with the order; for an unknown order the exit code is 1."""
    assert story.main("O-2", "order", as_json=True) == 0
    rows = json.loads(capsysbinary.readouterr().out)
    assert {"orders", "payments", "shipments", "fulfilment", "fraud", "attribution", "inventory"} <= {
        row["stream"] for row in rows
    }
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert story.main("O-2", None, as_json=False) == 0
    assert b"order." in capsysbinary.readouterr().out
    assert story.main("O-none", None, as_json=False) == 1
    assert b"nothing is known of O-none" in capsysbinary.readouterr().err


def test_as_of_now_is_now_and_an_hour_ago_is_empty(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    now, before = AsOf("2999-01-01"), AsOf(datetime.fromtimestamp(time.time() - 3_600, UTC).isoformat())
    for table in ("orders", "order_windows", "order_events", "dead_letters", "stock"):
        sql_count = f"SELECT count(*) AS n FROM {table}"
        count = shop.warehouse.query(sql_count)
        assert count == shop.warehouse.query(sql_count, as_of=now)
        assert count.to_pylist()[0]["n"] > 0
        assert shop.warehouse.query(sql_count, as_of=before).to_pylist() == [{"n": 0}]
    sql.sql("SELECT count(*) AS n FROM stream_windows", "table", None, before)
    assert "single events are not kept" in capsys.readouterr().err
    with pytest.raises(QueryError, match="is not a time"):
        shop.warehouse.query("FROM orders", as_of=AsOf("yesterday"))


def test_a_rebuild_without_changes_is_identical(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    code = rebuild.main(swapping=False, lose_older=False)
    output = capsys.readouterr().out
    assert code == 0, output
    assert output.count(": identical, ") == len(shop.catalog.models)
    assert "dead_letters: identical, 0 rows" not in output
    late = shop.warehouse.query("SELECT sum(late)::BIGINT AS n FROM stream_windows" + WITHOUT).to_pylist()
    assert late[0]["n"] > 0


def test_a_rebuild_reports_differences(
    shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a smaller limit, larger events become dead letters: they leave their tables, and the report counts them."""
    monkeypatch.setenv("STREAMGAUGE_MAX_EVENT_BYTES", "360")
    assert rebuild.main(swapping=False, lose_older=False) == 1
    output = capsys.readouterr().out
    assert "! order_events: " in output
    assert "only in the running file" in output
    assert "! order_windows: " in output
    assert "orders differs in " in output
    assert "! dead_letters: " in output
    assert "  payment_windows: identical" in output


@pytest.mark.long
def test_a_swap_under_traffic_whatever_is_killed(rig: Rig, shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Under traffic the file is rebuilt and swapped, and the warehouse killed repeatedly: every event counts once."""
    (warehouse,) = [worker for worker in rig.workers if "warehouse" in worker.log.name]
    prepared = swap.prepared(rig.settings, shop.catalog.digest)
    with traffic(shop):
        # The previous test left a file built with other settings.
        for kept in (rig.settings.data_dir / "rebuild").glob("warehouse.*.duckdb"):
            kept.unlink()
        done: list[int] = []
        swapping = threading.Thread(target=lambda: done.append(rebuild.main(swapping=True, lose_older=False)))
        swapping.start()
        wait_until(lambda: prepared.exists() or bool(done), "the rebuilt file is ready to swap")
        for _ in range(2):
            warehouse.kill()
            assert rig.settings.warehouse_file.exists()
            warehouse = rig.start("warehouse", ready=False)
            _kill_while_starting(warehouse)
        warehouse = rig.start("warehouse")
        swapping.join(120)
        assert done == [0]
    assert not prepared.exists()
    assert swap.before(rig.settings).exists()
    shop.settle()
    assert rebuild.main(swapping=False, lose_older=False) == 0, capsys.readouterr().out


def _kill_while_starting(worker: Worker) -> None:
    """Kill it soon after its first line of log."""
    wait_until(lambda: worker.log.stat().st_size > 0, "the warehouse starts")
    time.sleep(0.3)
    worker.kill()


class traffic:  # noqa: N801 - a context manager
    """Publishes until the block ends."""

    def __init__(self, shop: Shop) -> None:
        self._shop, self._stop = shop, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.wait(0.2):
            self._shop.publish(2)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture(scope="module")
def join_group(rig: Rig, shop: Shop) -> Callable[[], Any]:
    """The group `attribution`, with all orders committed as read. Returns a function that makes a new member of it."""
    ends = {}

    def member() -> Any:
        consumer = Consumer({"bootstrap.servers": rig.kafka.bootstrap, "group.id": "attribution"})
        consumer.subscribe(["orders"])
        return consumer

    consumer = member()
    for number in range(PARTITIONS):
        ends[number] = consumer.get_watermark_offsets(TopicPartition("orders", number), timeout=15)[1]
    wait_until(lambda: consumer.poll(0.1) is None and len(consumer.assignment()) == PARTITIONS, "assigned")
    consumer.commit(offsets=[TopicPartition("orders", n, end) for n, end in ends.items()], asynchronous=False)
    consumer.close()
    return member


def test_replay_rehearses_and_rewinds_only_an_empty_group(
    rig: Rig, shop: Shop, join_group: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay.main("attribution", "2020-01-01", [], yes=False, re_emit=False) == 0
    output = capsys.readouterr().out
    assert "orders: " in output
    assert "order.placed" in output
    assert "this is a rehearsal" in output
    with pytest.raises(UsageError, match="--re-emit"):
        replay.main("attribution", "2020-01-01", [], yes=True, re_emit=False)
    member = join_group()
    wait_until(lambda: member.poll(0.1) is None and len(member.assignment()) == PARTITIONS, "joined")
    with pytest.raises(UsageError, match="streamgauge process attribution"):
        replay.main("attribution", None, ["orders:0:1"], yes=True, re_emit=True)
    member.close()
    assert replay.main("attribution", None, ["orders:0:1"], yes=True, re_emit=True) == 0
    (line,) = Path(rig.settings.data_dir / "replays.jsonl").read_text().splitlines()
    assert json.loads(line)["offsets"]["orders:0"][0] == 1
    member = join_group()
    committed = member.committed([TopicPartition("orders", n) for n in range(PARTITIONS)], timeout=15)
    member.close()
    assert committed[0].offset == 1
    assert stored(committed[0]) == topic_id(rig.kafka.bootstrap, "orders")
    assert committed[1].offset > 1
