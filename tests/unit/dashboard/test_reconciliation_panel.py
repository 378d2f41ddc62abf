"""The reconciliation panel in each state, and the worker that it kills."""

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
from tests.unit.dashboard.conftest import OpenPage, page_text, tile_values
from tests.unit.dashboard.fakes import FakeWarehouse


def write_log_count(warehouse: FakeWarehouse, logged: int, due: int, *, seconds: float = 0.0, **more: Any) -> None:
    """Write the count of the log by `up`, which is this process, so many seconds ago."""
    at_ms = int((time.time() - seconds) * 1_000)
    known = {"clean": True, "before": {}, "counted_ms": at_ms, **more}
    counts: dict[str, Any] = {"logged": {"orders": logged}, "processed": {"orders": due}, "due": {"orders": due}}
    totals.write_log(warehouse.settings.data_dir, Log(os.getpid(), 0, 0, at_ms, **known, **counts))


@pytest.fixture(autouse=True)
def no_shared_state() -> Iterator[None]:
    """Clear the state of other tests."""
    panel.shared_state.clear()
    yield
    panel.shared_state.clear()


def test_all_produced_events_are_visible(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("orders", 20, 200, dead_letters=3)
    totals.write_published(
        warehouse.settings.data_dir, Published("generate", 7, 0, 1, complete=False, streams={"orders": 150})
    )
    write_log_count(warehouse, 200, 200)
    app = open_page()
    shown = tile_values(app)
    assert shown["Produced"] == ("200", "150 by the traffic")
    assert shown["Visible in SQL"] == ("200", "0 in flight")
    assert shown["Missing"] == ("0", "none")
    # Duplicates are known once the log was counted after the query.
    assert shown["Counted twice"][0] == "–"
    write_log_count(warehouse, 200, 200, seconds=-1)
    app.run()
    assert tile_values(app)["Counted twice"] == ("0", "none")


@pytest.mark.parametrize("page", ["overview", "pipeline"])
def test_the_panel_is_shown_before_the_first_visible_event(
    warehouse: FakeWarehouse, open_page: OpenPage, page: str
) -> None:
    write_log_count(warehouse, 200, 0)
    app = open_page(page)
    assert "No events yet" in page_text(app)
    assert tile_values(app)["Visible in SQL"] == ("0", "200 in flight")


@pytest.mark.parametrize("page", ["overview", "pipeline"])
def test_the_panel_is_shown_in_an_empty_range(warehouse: FakeWarehouse, open_page: OpenPage, page: str) -> None:
    warehouse.stream("orders", 7_200, 200)
    write_log_count(warehouse, 200, 200)
    app = open_page(page)
    assert "No events in the last 15 min" in page_text(app)
    assert tile_values(app)["Visible in SQL"] == ("200", "0 in flight")


def test_missing_events_are_shown(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("orders", 20, 190)
    write_log_count(warehouse, 200, 195)
    shown = tile_values(open_page())
    assert shown["Visible in SQL"] == ("190", "5 in flight")
    assert shown["Missing"] == ("5", "see the streams")


def test_without_a_log_count_the_totals_of_producers_are_used(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("orders", 20, 200)
    long_ago = int((time.time() - 60) * 1_000)
    ours = Published("generate", 7, 0, long_ago, complete=True, streams={"orders": 205})
    totals.write_published(warehouse.settings.data_dir, ours)
    app = open_page()
    assert tile_values(app)["Missing"][0] == "–"
    assert "The log is not counted here" in page_text(app)
    assert "Kill a worker" not in [button.label for button in app.button]


def test_without_traffic_only_pipeline_health_explains_why(
    warehouse: FakeWarehouse, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse.stream("orders", 20, 200)
    monkeypatch.setattr(health, "read_all", lambda _: [])
    processes.watch.clear()
    assert "Produced" not in tile_values(open_page())
    assert "Nothing to compare with" in page_text(open_page("pipeline"))


def test_the_count_of_an_ended_up_is_ignored(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("orders", 20, 200)
    write_log_count(warehouse, 200, 200)
    path = warehouse.settings.data_dir / "traffic" / "log.json"
    path.write_text(path.read_text().replace(f'"pid": {os.getpid()}', '"pid": 999999999'))
    assert "Produced" not in tile_values(open_page())


def test_duplicate_positions_are_shown(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    fields = {"region": "eu", "channel": "web", "payment_method": "card", "currency": "EUR", "amount_cents": 1}
    for order in ("o1", "o2"):
        warehouse.publish("order.placed", warehouse.ago(5), order_id=order, customer_id="c", items=[], **fields)
    warehouse.flush()
    warehouse.add("order_events", kafka_partition=0, kafka_offset=777, arrived_at=warehouse.ago(4))
    warehouse.add("order_events", kafka_partition=0, kafka_offset=777, arrived_at=warehouse.ago(4))
    warehouse.stream("orders", 20, 4)
    write_log_count(warehouse, 4, 4)
    assert "have 4 rows of 3 distinct positions" in page_text(open_page())


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process like the worker of the demo: a child of this one, with a run file."""
    code = "import time; print('here', flush=True); time.sleep(60)"
    child = subprocess.Popen([sys.executable, "-c", code, "analytics"], stdout=subprocess.PIPE)
    # Its command line is empty just after the start, for longer on a busy machine.
    assert child.stdout is not None
    assert child.stdout.readline() == b"here\n"
    (tmp_path / "run").mkdir()
    labels = {"process": "analytics", "__meta_pid": str(child.pid)}
    entry = json.dumps([{"targets": ["127.0.0.1:1"], "labels": labels}])
    (tmp_path / "run" / f"analytics-{child.pid}.json").write_text(entry)
    yield child
    child.kill()
    child.communicate()


def test_only_the_worker_of_the_demo_is_killed(tmp_path: Path, worker: subprocess.Popen[bytes]) -> None:
    kills: list[Kill] = []
    # Processes of other parents are left alone, and so is any pid but the one shown to the reader.
    assert kill_demo.target(tmp_path, os.getppid()) is None
    assert "nothing was killed" in kill_demo.kill(tmp_path, os.getpid(), worker.pid + 1, kills)
    assert "was killed with SIGKILL" in kill_demo.kill(tmp_path, os.getpid(), worker.pid, kills)
    assert worker.wait(10) == -signal.SIGKILL
    assert [one.pid for one in kills] == [worker.pid]
    assert kill_demo.target(tmp_path, os.getpid()) is None


def test_a_killed_worker_is_replaced_and_all_events_become_visible(monkeypatch: pytest.MonkeyPatch) -> None:
    killed = Kill(7, time.time())
    ready = iter(["starting", ""])
    monkeypatch.setattr(health, "reason", lambda _address: next(ready))
    monkeypatch.setattr(kill_demo, "_LOOK_EVERY_S", 0.0)
    run_files = iter([RunFile("analytics", 7, "h:1"), None, *[RunFile("analytics", 8, "h:1")] * 2])
    killed.update({"orders": 10}, {"orders": 10}, exact=True, now=1.0)
    assert killed.complete_at is None, "not replaced yet"
    kill_demo.watch(killed, lambda: next(run_files))
    assert killed.back_pid == 8
    killed.update({"orders": 10}, {"orders": 9}, exact=True, now=2.0)
    killed.update({"orders": 15}, {"orders": 10}, exact=False, now=3.0)
    assert killed.complete_at is None
    killed.update({"orders": 15}, {"orders": 12}, exact=True, now=4.0)
    assert killed.complete_at == 4.0


def test_a_run_file_with_a_reused_pid_is_removed(tmp_path: Path) -> None:
    run_file.write(tmp_path, "analytics", "127.0.0.1", 1)
    path = next((tmp_path / "run").glob("*.json"))
    os.utime(path, (1, 1))
    assert run_file.living(tmp_path) == []
    assert not path.exists()


def test_a_total_of_no_streams_is_not_exact() -> None:
    assert compare.total([]).exact is False
