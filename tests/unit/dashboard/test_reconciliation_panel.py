"""The proof panel in each of its states, and the worker that it kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.data import processes
from dashboard.reconciliation import compare, kill_demo, panel
from dashboard.reconciliation.kill_demo import Kill
from streamgauge.runtime import health
from streamgauge.runtime.data_dir import run_file, totals
from streamgauge.runtime.data_dir.run_file import RunFile
from streamgauge.runtime.data_dir.totals import Log, Published
from tests.unit.dashboard.conftest import House, Open, tiles, words


def count(house: House, logged: int, due: int, *, seconds: float = 0.0, **more: Any) -> None:
    """What `up`, which is this very process, counted in the log so many seconds ago."""
    at_ms = int((time.time() - seconds) * 1_000)
    known = {"clean": True, "before": {}, "counted_ms": at_ms, **more}
    counts: dict[str, Any] = {"logged": {"orders": logged}, "processed": {"orders": due}, "due": {"orders": due}}
    totals.write_log(house.settings.data_dir, Log(os.getpid(), 0, 0, at_ms, **known, **counts))


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Nothing is remembered of other tests."""
    panel.shared_state.clear()
    yield
    panel.shared_state.clear()


def test_all_that_was_produced_is_visible(house: House, open_page: Open) -> None:
    house.stream("orders", 20, 200, dead_letters=3)
    totals.write_published(
        house.settings.data_dir, Published("generate", 7, 0, 1, complete=False, streams={"orders": 150})
    )
    count(house, 200, 200)
    app = open_page()
    shown = tiles(app)
    assert shown["Produced"] == ("200", "150 by the traffic")
    assert shown["Visible in SQL"] == ("200", "0 in flight")
    assert shown["Missing"] == ("0", "none")
    # Only what the log has, read after SQL was asked, tells doubles.
    assert shown["Counted twice"][0] == "–"
    count(house, 200, 200, seconds=-1)
    app.run()
    assert tiles(app)["Counted twice"] == ("0", "none")


@pytest.mark.parametrize("page", ["overview", "pipeline"])
def test_it_stands_where_nothing_is_visible_yet(house: House, open_page: Open, page: str) -> None:
    count(house, 200, 0)
    app = open_page(page)
    assert "No events yet" in words(app)
    assert tiles(app)["Visible in SQL"] == ("0", "200 in flight")


@pytest.mark.parametrize("page", ["overview", "pipeline"])
def test_it_stands_in_an_empty_range(house: House, open_page: Open, page: str) -> None:
    house.stream("orders", 7_200, 200)
    count(house, 200, 200)
    app = open_page(page)
    assert "No events in the last 15 min" in words(app)
    assert tiles(app)["Visible in SQL"] == ("200", "0 in flight")


def test_what_is_missing_is_said(house: House, open_page: Open) -> None:
    house.stream("orders", 20, 190)
    count(house, 200, 195)
    shown = tiles(open_page())
    assert shown["Visible in SQL"] == ("190", "5 in flight")
    assert shown["Missing"] == ("5", "see the streams")


def test_where_nobody_counts_the_producers_are_asked(house: House, open_page: Open) -> None:
    house.stream("orders", 20, 200)
    long_ago = int((time.time() - 60) * 1_000)
    ours = Published("generate", 7, 0, long_ago, complete=True, streams={"orders": 205})
    totals.write_published(house.settings.data_dir, ours)
    app = open_page()
    assert tiles(app)["Missing"][0] == "–"
    assert "The log is not counted here" in words(app)
    assert "Kill a worker" not in [button.label for button in app.button]


def test_without_traffic_only_pipeline_health_says_why(
    house: House, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.stream("orders", 20, 200)
    monkeypatch.setattr(health, "read_all", lambda _: [])
    processes.watch.clear()
    assert "Produced" not in tiles(open_page())
    assert "Nothing to compare with" in words(open_page("pipeline"))


def test_an_up_that_is_gone_counts_nothing(house: House, open_page: Open) -> None:
    house.stream("orders", 20, 200)
    count(house, 200, 200)
    path = house.settings.data_dir / "traffic" / "log.json"
    path.write_text(path.read_text().replace(f'"pid": {os.getpid()}', '"pid": 999999999'))
    assert "Produced" not in tiles(open_page())


def test_a_place_that_is_there_twice_is_said(house: House, open_page: Open) -> None:
    placed = {"region": "eu", "channel": "web", "payment_method": "card", "currency": "EUR", "amount_cents": 1}
    for order in ("o1", "o2"):
        house.publish("order.placed", house.ago(5), order_id=order, customer_id="c", items=[], **placed)
    house.flush()
    house.add("order_events", kafka_partition=0, kafka_offset=777, kafka_timestamp=house.ago(4))
    house.add("order_events", kafka_partition=0, kafka_offset=777, kafka_timestamp=house.ago(4))
    house.stream("orders", 20, 4)
    count(house, 4, 4)
    assert "have 4 rows of 3 distinct positions" in words(open_page())


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that looks like the demo's worker: our child, with a run file."""
    speaks = "import time; print('here', flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", speaks, "analytics"], stdout=subprocess.PIPE)
    # Its command line is empty for a moment after the start, longer than a moment on a laden machine.
    assert child.stdout is not None
    assert child.stdout.readline() == b"here\n"
    (tmp_path / "run").mkdir()
    labels = {"process": "analytics", "__meta_pid": str(child.pid)}
    entry = json.dumps([{"targets": ["127.0.0.1:1"], "labels": labels}])
    (tmp_path / "run" / f"analytics-{child.pid}.json").write_text(entry)
    yield child
    child.kill()
    child.communicate()


def test_the_worker_that_is_killed_is_the_demos(tmp_path: Path, demo: subprocess.Popen[bytes]) -> None:
    kills: list[Kill] = []
    # Somebody else's process is left alone, and so is another one than the reader was told of.
    assert kill_demo.target(tmp_path, os.getppid()) is None
    assert "nothing was killed" in kill_demo.kill(tmp_path, os.getpid(), demo.pid + 1, kills)
    assert "was killed with SIGKILL" in kill_demo.kill(tmp_path, os.getpid(), demo.pid, kills)
    assert demo.wait(10) == -signal.SIGKILL
    assert [one.pid for one in kills] == [demo.pid]
    assert kill_demo.target(tmp_path, os.getpid()) is None


def test_a_killed_worker_comes_back_and_then_all_is_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    killed = Kill(7, time.time())
    ready = iter(["starting", ""])
    monkeypatch.setattr(health, "reason", lambda _address: next(ready))
    monkeypatch.setattr(kill_demo, "_LOOK_EVERY_S", 0.0)
    found = iter([RunFile("analytics", 7, "h:1"), None, *[RunFile("analytics", 8, "h:1")] * 2])
    killed.update({"orders": 10}, {"orders": 10}, exact=True, now=1.0)
    assert killed.complete_at is None, "the successor is not there yet"
    kill_demo.watch(killed, lambda: next(found))
    assert killed.back_pid == 8
    killed.update({"orders": 10}, {"orders": 9}, exact=True, now=2.0)
    killed.update({"orders": 15}, {"orders": 10}, exact=False, now=3.0)
    assert killed.complete_at is None
    killed.update({"orders": 15}, {"orders": 12}, exact=True, now=4.0)
    assert killed.complete_at == 4.0


def test_a_number_that_another_process_got_is_not_ours(tmp_path: Path) -> None:
    run_file.write(tmp_path, "analytics", "127.0.0.1", 1)
    path = next((tmp_path / "run").glob("*.json"))
    os.utime(path, (1, 1))
    assert run_file.living(tmp_path) == []
    assert not path.exists()


def test_totals_of_nothing() -> None:
    assert compare.total([]).exact is False
