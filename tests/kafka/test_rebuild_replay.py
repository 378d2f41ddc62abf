"""Story, as-of, rebuild, swap and replay on one real pipeline, with bad and late events."""

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
from streamgauge.warehouse import swap
from streamgauge.warehouse.client import AsOf, QueryError, Warehouse
from tests.conftest import require_kafka
from tests.support.rig import Rig, Worker, new_rig, ordered_producer
from tests.support.waiting import wait_until
from tests.unit.streamgauge.warehouse import invented
from tests.unit.streamgauge.warehouse.invented import PARTITIONS, SPAN_MS

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


# Records of work on the pipeline are no traffic, only those that fail are.
WITHOUT = f" WHERE stream NOT IN {(*sorted(UNCOUNTED),)}"


class Shop:
    """Publishes invented events, and knows how many the tables must have."""

    def __init__(self, rig: Rig) -> None:
        self.catalog: Catalog = loader.load(rig.settings.catalog)
        self.warehouse = Warehouse(rig.settings)
        self._producer = ordered_producer(rig.kafka.bootstrap, linger_ms=5)
        self.counted = 0
        self._seed = 0

    def publish(self, count: int, bad: float = 0.02) -> None:
        """`count` events of each stream, of the last minutes."""
        self._seed += 1
        now_ms = int(time.time() * 1_000)
        for event in invented.events(self.catalog, count, self._seed, bad, start_ms=now_ms - SPAN_MS):
            self._producer.produce(event.topic, event.value, b"key", event.partition)
            self.counted += event.topic not in UNCOUNTED
        self._producer.flush(30)

    def visible(self) -> int:
        """Messages that the tables count; 0 while nobody answers."""
        try:
            rows = self.warehouse.query(f"SELECT coalesce(sum(events), 0)::BIGINT AS n FROM stream_windows{WITHOUT}")
        except Exception:  # noqa: BLE001 - killed, or starting
            return 0
        return int(rows.to_pylist()[0]["n"])

    def settle(self) -> None:
        """Wait until every event is counted."""
        wait_until(lambda: self.visible() == self.counted, f"{self.counted} events counted", 180.0)


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    require_kafka()
    with new_rig(PARTITIONS, commit_interval_ms=50, flush_interval_ms=50, dead_letter_stop_events=0) as rig:
        for worker in (rig.start("warehouse", ready=False), rig.start("process", "analytics", ready=False)):
            wait_until(worker.healthy, f"ready: {worker.log}", alive=worker.process)
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
    """Commands run here as they would in a terminal."""
    for name, value in rig.settings.model_dump(exclude_unset=True).items():
        monkeypatch.setenv(f"STREAMGAUGE_{name.upper()}", str(value))


def test_a_story(shop: Shop, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """Every topic that names the order; an unknown one is exit code 1."""
    assert story.main("O-2", "order", as_json=True) == 0
    told = json.loads(capsysbinary.readouterr().out)
    assert {"orders", "payments", "shipments", "fulfilment", "fraud", "attribution", "inventory"} <= {
        row["stream"] for row in told
    }
    assert [row["seq"] for row in told] == list(range(1, len(told) + 1))
    assert story.main("O-2", None, as_json=False) == 0
    assert b"order." in capsysbinary.readouterr().out
    assert story.main("O-none", None, as_json=False) == 1
    assert b"nothing is known of O-none" in capsysbinary.readouterr().err


def test_as_of_now_is_now_and_an_hour_ago_is_empty(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    now, before = AsOf("2999-01-01"), AsOf(datetime.fromtimestamp(time.time() - 3_600, UTC).isoformat())
    for table in ("orders", "order_windows", "order_events", "dead_letters", "stock"):
        asked = f"SELECT count(*) AS n FROM {table}"
        count = shop.warehouse.query(asked)
        assert count == shop.warehouse.query(asked, as_of=now)
        assert count.to_pylist()[0]["n"] > 0
        assert shop.warehouse.query(asked, as_of=before).to_pylist() == [{"n": 0}]
    sql.sql("SELECT count(*) AS n FROM stream_windows", "table", None, before)
    assert "single events are not kept" in capsys.readouterr().err
    with pytest.raises(QueryError, match="is no time"):
        shop.warehouse.query("FROM orders", as_of=AsOf("yesterday"))


def test_a_rebuild_without_changes_is_identical(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    code = rebuild.main(swapping=False, lose_older=False)
    said = capsys.readouterr().out
    assert code == 0, said
    assert said.count(": identical, ") == len(shop.catalog.models)
    assert "dead_letters: identical, 0 rows" not in said
    late = shop.warehouse.query("SELECT sum(late)::BIGINT AS n FROM stream_windows" + WITHOUT).to_pylist()
    assert late[0]["n"] > 0


def test_a_rebuild_finds_what_differs(
    shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a smaller limit, larger events are dead letters: they leave their tables, and by how much is told."""
    monkeypatch.setenv("STREAMGAUGE_MAX_EVENT_BYTES", "360")
    assert rebuild.main(swapping=False, lose_older=False) == 1
    said = capsys.readouterr().out
    assert "! order_events: " in said
    assert "only in the running file" in said
    assert "! order_windows: " in said
    assert "orders differs in " in said
    assert "! dead_letters: " in said
    assert "  payment_windows: identical" in said


@pytest.mark.long
def test_a_swap_under_traffic_whatever_is_killed(rig: Rig, shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Events flow, the file is rebuilt and swapped, the warehouse dies again and again: every event counts once."""
    (warehouse,) = [worker for worker in rig.workers if "warehouse" in worker.log.name]
    prepared = swap.prepared(rig.settings, shop.catalog.digest)
    with traffic(shop):
        # The test before left a file of other settings.
        for kept in (rig.settings.data_dir / "rebuild").glob("warehouse.*.duckdb"):
            kept.unlink()
        done: list[int] = []
        swapping = threading.Thread(target=lambda: done.append(rebuild.main(swapping=True, lose_older=False)))
        swapping.start()
        wait_until(lambda: prepared.exists() or bool(done), "the file is offered")
        for _ in range(2):
            warehouse.kill()
            assert rig.settings.warehouse_file.exists()
            warehouse = rig.start("warehouse", ready=False)
            _die_young(warehouse)
        warehouse = rig.start("warehouse")
        swapping.join(120)
        assert done == [0]
    assert not prepared.exists()
    assert swap.before(rig.settings).exists()
    shop.settle()
    assert rebuild.main(swapping=False, lose_older=False) == 0, capsys.readouterr().out


def _die_young(worker: Worker) -> None:
    """Kill it while it starts: as soon as it has said anything."""
    wait_until(lambda: worker.log.stat().st_size > 0, "the warehouse begins")
    time.sleep(0.3)
    worker.kill()


class traffic:  # noqa: N801 - used as a context
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
def read(rig: Rig, shop: Shop) -> Callable[[], Any]:
    """The group `attribution`, as if it had read all orders; returns its member."""
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


def test_replay_rehearses_and_rewinds_an_empty_group_only(
    rig: Rig, shop: Shop, read: Callable[[], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert replay.main("attribution", "2020-01-01", [], yes=False, re_emit=False) == 0
    said = capsys.readouterr().out
    assert "orders: " in said
    assert "order.placed" in said
    assert "this is a rehearsal" in said
    with pytest.raises(UsageError, match="--re-emit"):
        replay.main("attribution", "2020-01-01", [], yes=True, re_emit=False)
    member = read()
    wait_until(lambda: member.poll(0.1) is None and len(member.assignment()) == PARTITIONS, "joined")
    with pytest.raises(UsageError, match="streamgauge process attribution"):
        replay.main("attribution", None, ["orders:0:1"], yes=True, re_emit=True)
    member.close()
    assert replay.main("attribution", None, ["orders:0:1"], yes=True, re_emit=True) == 0
    (line,) = Path(rig.settings.data_dir / "replays.jsonl").read_text().splitlines()
    assert json.loads(line)["offsets"]["orders:0"][0] == 1
    member = read()
    committed = member.committed([TopicPartition("orders", n) for n in range(PARTITIONS)], timeout=15)
    member.close()
    assert committed[0].offset == 1
    assert committed[1].offset > 1
