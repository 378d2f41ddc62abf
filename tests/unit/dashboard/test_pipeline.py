"""Pipeline health in each of its states."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.data import processes as process_data
from dashboard.data.processes import Watch
from dashboard.pages.pipeline import lag, latency
from streamgauge.deltas.provenance import Lost
from streamgauge.domain import partition_balance
from streamgauge.runtime import health
from streamgauge.runtime.health import ProcessHealth
from streamgauge.warehouse.client import QueryError, WarehouseUnavailable
from tests.unit.dashboard.conftest import OpenPage, page_text, tile_values
from tests.unit.dashboard.fakes import FakeWarehouse


@pytest.fixture(autouse=True)
def processes(monkeypatch: pytest.MonkeyPatch) -> list[ProcessHealth]:
    """The processes that run on this machine; a test can add some."""
    running = [ProcessHealth("dashboard", 1, "127.0.0.1:9101", 5.0)]
    monkeypatch.setattr(health, "read_all", lambda _: list(running))
    process_data.watch.clear()
    return running


def add_lag_sample(
    warehouse: FakeWarehouse, group: str, status: str, behind: int | None, partition: int = 0, **more: Any
) -> None:
    """Add a partition to the newest sample and to the history."""
    end = {} if behind is None else {"committed_offset": 500, "end_offset": 500 + behind}
    row = {
        "group": group,
        "topic": "orders",
        "partition": partition,
        "status": status,
        "lag": behind,
        "occurred_at": warehouse.ago(3),
        **end,
        **more,
    }
    warehouse.add("consumer_lag", kafka_offset=1, **row)
    warehouse.add("lag_events", **row)


def table_rows(app: AppTest, column: str) -> list[dict[str, Any]]:
    """The rows of the table with this column."""
    return next(one.value.to_dict("records") for one in app.dataframe if column in one.value.columns)


def test_the_worst_group_is_first_and_in_the_headline(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("orders", 20, 200, latency_le_1s=0, latency_le_5s=200, latency_le_60s=200)
    rates: dict[str, Any] = {"produced_per_second": 10.0, "consumed_per_second": 0.0}
    add_lag_sample(warehouse, "fine", "OK", 40, lag_seconds=90.0, catch_up_seconds=4.0)
    money: dict[str, Any] = {"waiting_keys": 3, "waiting_cents": 70_00, "waiting_complete": True}
    add_lag_sample(warehouse, "stuck", "STALL", 30, lag_seconds=42.0, **rates, **money)
    add_lag_sample(warehouse, "stuck", "OK", 12, 1, lag_seconds=2.0, **rates, **{**money, "waiting_cents": 5_50})
    app = open_page("pipeline")
    shown = tile_values(app)
    assert shown["Groups behind"] == ("1 of 2", "worst: STALL")
    assert shown["Events waiting"][0] == "42"
    assert shown["Behind"] == ("1 min 30 s", "not catching up")
    assert shown["Money waiting"] == ("€75.50", "in one topic")
    assert shown["Latency p95"][0] == "4.8 s"
    first, second = table_rows(app, "catch_up")
    assert first["status"] == ["STALL"]
    assert (first["lag"], first["lag_seconds"], first["catch_up"]) == (42, 42.0, "never at this rate")
    assert (second["status"], second["catch_up"]) == (["OK"], "4.0 s")


def test_a_transaction_marker_is_not_a_waiting_event(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("orders", 20, 200)
    add_lag_sample(warehouse, "idle", "OK", 1)
    add_lag_sample(warehouse, "idle", "OK", 0, 1, lag_seconds=0.0)
    app = open_page("pipeline")
    assert tile_values(app)["Events waiting"][0] == "0"
    assert table_rows(app, "catch_up")[0]["catch_up"] == "now"


def test_unknown_is_not_zero(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("orders", 20, 200)
    add_lag_sample(warehouse, "behind", "WARN", 40, waiting_cents=0, waiting_complete=False)
    shown = tile_values(open_page("pipeline"))
    assert shown["Behind"][0] == shown["Money waiting"][0] == "–"


def test_what_came_since_a_member_is_there_counts_in_at_least(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("orders", 20, 200)
    add_lag_sample(warehouse, "stuck", "WARN", 7, lag_seconds=1.0)
    add_lag_sample(warehouse, "stuck", "STALL", None, 1, end_offset=50, lag_least=30, lag_most=50, member="m")
    app = open_page("pipeline", group="stuck")
    assert tile_values(app)["Events waiting"] == ("37", "at least")
    assert [row["between"] for row in table_rows(app, "catch_up")] == ["37 to 57"]
    assert table_rows(app, "member")[0]["between"] == "30 to 50"


def test_a_partition_without_a_commit_is_neither_zero_nor_hidden(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("orders", 20, 200)
    add_lag_sample(warehouse, "stuck", "OK", 0, lag_seconds=0.0, lost=0, catch_up_seconds=0.0)
    add_lag_sample(warehouse, "stuck", "STALL", None, 1, end_offset=5_000, oldest_offset=0, lag_most=5_000, member="m")
    add_lag_sample(warehouse, "new", "UNKNOWN", None, end_offset=40, oldest_offset=0, lag_most=40)
    app = open_page("pipeline", group="stuck")
    assert tile_values(app)["Events waiting"] == ("0", "at least")
    assert tile_values(app)["Behind"][0] == "–"
    stuck, new = table_rows(app, "catch_up")
    assert (stuck["status"], stuck["between"], stuck["catch_up"]) == (["STALL"], "0 to 5,000", "–")
    assert (new["status"], new["between"]) == (["UNKNOWN"], "0 to 40")
    assert stuck["lag"] is None or math.isnan(stuck["lag"])
    first, second = table_rows(app, "member")
    assert (first["status"], first["partition"], first["between"]) == (["STALL"], 1, "0 to 5,000")
    assert (second["status"], second["lag"]) == (["OK"], 0)
    assert any("stuck: 0 to 5,000 events to read: a partition has no commit." in one.value for one in app.text)


def test_lost_and_undecided_events_do_not_wait(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("orders", 20, 200)
    add_lag_sample(warehouse, "late", "OK", 0, lag_seconds=0.0, lost=7_000, undecided=5)
    app = open_page("pipeline")
    assert tile_values(app)["Events waiting"][0] == "0"
    (row,) = table_rows(app, "catch_up")
    assert (row["status"], row["lag"], row["lost"], row["catch_up"]) == (["OK"], 0, 7_000, "now")
    (said,) = [one.value for one in app.text if "late" in one.value]
    assert said == (
        "late: 7,000 events were deleted by retention before it read them; 5 events wait for the end of an open "
        "transaction."
    )


def test_groups_without_recent_samples_are_not_shown(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("orders", 20, 200)
    add_lag_sample(warehouse, "here", "OK", 0, lag_seconds=0.0)
    add_lag_sample(warehouse, "gone", "STOP", 900, occurred_at=warehouse.ago(600))
    assert tile_values(open_page("pipeline"))["Groups behind"] == ("0 of 1", "none is behind")


def test_the_age_of_old_samples_is_shown(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("orders", 20, 200)
    add_lag_sample(warehouse, "here", "OK", 0, occurred_at=warehouse.ago(120))
    assert "The newest sample is 2 min" in page_text(open_page("pipeline"))


def test_a_link_shows_the_partitions_of_a_group(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("orders", 20, 200)
    add_lag_sample(warehouse, "<b>*it*</b>", "OK", 0, lag_seconds=0.0)
    add_lag_sample(
        warehouse, "<b>*it*</b>", "STALL", 7, 1, lag_seconds=3.0, member="me on 10.0.0.1", retention_used=0.5
    )
    add_lag_sample(warehouse, "other", "OK", 0, 2)
    app = open_page("pipeline", group="<b>*it*</b>")
    rows = table_rows(app, "member")
    assert [(row["partition"], row["status"], row["lag"]) for row in rows] == [(1, ["STALL"], 7), (0, ["OK"], 0)]
    assert rows[0]["retention_used"] == 50.0
    # Names are not rendered as Markdown.
    assert "<b>*it*</b>" in [text.value for text in app.text]
    assert not any("*it*" in str(one.value) for one in (*app.markdown, *app.caption, *app.subheader))


def test_an_unknown_group_is_no_error(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("orders", 20, 200)
    add_lag_sample(warehouse, "here", "OK", 0)
    assert "no partition of this group" in page_text(open_page("pipeline", group="gone"))


def test_hot_keys_are_those_of_the_busiest_partition(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    placed = {"region": "eu", "channel": "web", "payment_method": "card", "currency": "EUR", "amount_cents": 1}
    for order in ("o1", "o1", "o1", "o2"):
        warehouse.publish("order.placed", warehouse.ago(5), order_id=order, customer_id="c", items=[], **placed)
    warehouse.flush()
    for partition, events in ((0, 6_000), (2, 1_000)):
        window = {"window_start": warehouse.window(20), "max_occurred_at": warehouse.ago(15)}
        warehouse.add("stream_windows", stream="orders", partition=partition, events=events, bytes=events, **window)
    app = open_page("pipeline", range="5m")
    (row,) = table_rows(app, "skew")
    assert (row["state"], row["busiest"], row["worth"], row["events"]) == (["hot"], 0, "1.2 of 3", 7_000)
    assert [(key["key"], key["events"], key["share"]) for key in table_rows(app, "key")] == [
        ("o1", 3, 75.0),
        ("o2", 1, 25.0),
    ]


def test_processes(warehouse: FakeWarehouse, open_page: OpenPage, processes: list[ProcessHealth]) -> None:
    warehouse.stream("orders", 20, 200)
    assert "No other process runs on this machine" in page_text(open_page("pipeline"))
    process_data.watch.clear()
    processes += [ProcessHealth("analytics", 7, "h:2", 3.0), ProcessHealth("warehouse", 8, "h:3", 60.0, "starting")]
    first, *_ = table_rows(open_page("pipeline"), "pid")
    assert (first["name"], first["state"], first["why"]) == ("warehouse", ["not ready"], "starting")


def test_process_health_is_read_once_for_all_sessions() -> None:
    calls: list[int] = []
    now = [0.0]

    def find() -> Sequence[ProcessHealth]:
        calls.append(1)
        return [ProcessHealth("analytics", 7, "h:1")]

    watch = Watch(find, lambda: now[0])
    assert watch.find() == watch.find() == [ProcessHealth("analytics", 7, "h:1")]
    assert len(calls) == 1


def test_empty(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    text = page_text(open_page("pipeline"))
    assert "No events yet" in text
    assert "No other process" in text


def test_without_a_sampler_only_lag_is_missing(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("orders", 20, 200)
    app = open_page("pipeline")
    assert "The lag is not sampled" in page_text(app)
    assert tile_values(app)["Groups behind"][0] == "–"
    assert table_rows(app, "age")[0]["stream"].startswith("/events?")
    assert not any("first_offset" in one.value.columns for one in app.dataframe)  # nothing was lost


def test_errors_of_the_warehouse_are_shown(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.error = WarehouseUnavailable("nobody there")
    assert "The warehouse does not answer" in page_text(open_page("pipeline"))
    warehouse.error = QueryError("table", "no such table: consumer_lag")
    assert "could not answer" in page_text(open_page("pipeline", group="g"))


@pytest.mark.parametrize(
    ("share", "ms"),
    [(0.5, 175.0), (0.75, 250.0), (0.9, 800.0), (1.0, 1_000.0)],
)
def test_percentiles_are_interpolated_between_bounds(share: float, ms: float) -> None:
    row = {"events": 100, "le_100": 25, "le_250": 75, "le_500": 75, "le_1000": 100, "le_5000": 100, "le_60000": 100}
    assert latency.percentile(row, share) == pytest.approx(ms)


def test_percentiles_beyond_the_last_bound_and_without_events() -> None:
    slow = {"events": 10, **dict.fromkeys(latency.BOUNDS_MS, 0)}
    assert latency.shown(latency.percentile(slow, 0.5)) == "> 60 s"
    assert latency.shown(latency.percentile({**slow, "events": 0}, 0.5)) == "–"


def test_skew_includes_empty_partitions() -> None:
    (balance,) = partition_balance.by_stream(
        [{"stream": "orders", "partition": number, "events": 10, "bytes": 1} for number in (0, 3)]
    )
    assert (balance.partitions, balance.skew, balance.worth) == (4, 2.0, 2.0)


def test_a_topic_of_unknown_status_does_not_hide_a_warning() -> None:
    common: dict[str, Any] = dict.fromkeys(
        (
            "lag",
            "lag_most",
            "lag_seconds",
            "waiting_keys",
            "waiting_cents",
            "produced_per_second",
            "consumed_per_second",
        )
    )
    common |= {"catch_up_seconds": None, "retention_used": None, "members": None, "waiting_complete": True}
    common |= {"lag_least": 0, "lost": 0, "undecided": 0}
    rows = [
        {**common, "group": "g", "topic": topic, "status": status, "partitions": 1, "never": False}
        for topic, status in (("a", "UNKNOWN"), ("b", "WARN"), ("c", "OK"))
    ]
    (group,) = lag.groups(rows)
    assert (group.status, group.topics) == ("WARN", 3)


def test_a_slow_health_check_keeps_the_last_result() -> None:
    now, hangs, answers = [0.0], threading.Event(), iter([[ProcessHealth("analytics", 7, "h:1")], []])

    def find() -> Sequence[ProcessHealth]:
        answer = next(answers)
        if not answer:
            hangs.wait(10)
        return answer

    watch = Watch(find, lambda: now[0])
    known = watch.find()
    now[0] = 1.0
    assert watch.find() == known
    now[0] = 5.0
    began = time.monotonic()
    assert watch.find() == known
    assert time.monotonic() - began < 0.5
    hangs.set()


def test_what_retention_took_from_analytics_is_named(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("shipments", 20, 40)
    lag = {"topic": "shipments", "partition": 1, "lag": 0, "lag_seconds": 0.0, "status": "OK"}
    warehouse.add("consumer_lag", group="analytics", occurred_at=warehouse.ago(3), kafka_offset=1, **lag)
    warehouse.lose(Lost("shipments", "id", 1, 50, 110, int(warehouse.ago(30).timestamp() * 1_000)))
    app = open_page("pipeline")
    (row,) = table_rows(app, "first_offset")
    assert (row["partition"], row["first_offset"], row["last_offset"], row["events"]) == (1, 50, 109, 60)
    (stream,) = table_rows(app, "age")
    assert (stream["lost"], stream["events"]) == (60, 40)


def test_streams_without_events_in_the_range_are_listed(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("orders", 7_200, 5)
    lag = {"topic": "orders", "partition": 0, "lag": 50, "lag_seconds": 7_100.0, "status": "STOP"}
    warehouse.add(
        "consumer_lag", group="analytics", occurred_at=warehouse.ago(3), kafka_offset=1, committed_offset=5, **lag
    )
    app = open_page("pipeline")
    assert "No events in the last 15 min" in page_text(app)
    (row,) = table_rows(app, "age")
    assert (row["stream"], row["state"], row["events"], row["waiting"]) == (
        "/events?range=15m&stream=orders",
        ["quiet"],
        0,
        50,
    )
    assert row["age"].startswith(("1 h 59 min", "2 h"))
