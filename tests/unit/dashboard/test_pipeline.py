"""Pipeline health in each of its states."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.data import processes as process_data
from dashboard.data.processes import Watch
from dashboard.pages.pipeline import lag, latency
from streamgauge.domain import partition_balance
from streamgauge.runtime import health
from streamgauge.runtime.health import ProcessHealth
from streamgauge.warehouse.client import QueryError, WarehouseUnavailable
from tests.unit.dashboard.conftest import House, Open, tiles, words


@pytest.fixture(autouse=True)
def processes(monkeypatch: pytest.MonkeyPatch) -> list[ProcessHealth]:
    """What runs here."""
    found = [ProcessHealth("dashboard", 1, "127.0.0.1:9101", 5.0)]
    monkeypatch.setattr(health, "read_all", lambda _: list(found))
    process_data.watch.clear()
    return found


def sampled(house: House, group: str, status: str, behind: int | None, partition: int = 0, **more: Any) -> None:
    """A partition in the newest sample, and in the history."""
    end = {} if behind is None else {"committed_offset": 500, "end_offset": 500 + behind}
    row = {
        "group": group,
        "topic": "orders",
        "partition": partition,
        "status": status,
        "lag": behind,
        "occurred_at": house.ago(3),
        **end,
        **more,
    }
    house.add("consumer_lag", kafka_offset=1, **row)
    house.add("lag_events", **row)


def frame(app: AppTest, column: str) -> list[dict[str, Any]]:
    """The rows of the table that has this column."""
    return next(one.value.to_dict("records") for one in app.dataframe if column in one.value.columns)


def test_the_worst_group_comes_first_and_the_headline_says_how_bad_it_is(house: House, open_page: Open) -> None:
    house.stream("orders", 20, 200, latency_le_1s=0, latency_le_5s=200, latency_le_60s=200)
    rates: dict[str, Any] = {"produced_per_second": 10.0, "consumed_per_second": 0.0}
    sampled(house, "fine", "OK", 40, lag_seconds=90.0, catch_up_seconds=4.0)
    money: dict[str, Any] = {"waiting_keys": 3, "waiting_cents": 70_00, "waiting_complete": True}
    sampled(house, "stuck", "STALL", 30, lag_seconds=42.0, **rates, **money)
    sampled(house, "stuck", "OK", 12, 1, lag_seconds=2.0, **rates, **{**money, "waiting_cents": 5_50})
    app = open_page("pipeline")
    shown = tiles(app)
    assert shown["Groups behind"] == ("1 of 2", "worst: STALL")
    assert shown["Events waiting"][0] == "42"
    assert shown["Behind"] == ("1 min 30 s", "not catching up")
    assert shown["Money waiting"] == ("€75.50", "in one topic")
    assert shown["Latency p95"][0] == "4.8 s"
    first, second = frame(app, "catch_up")
    assert first["status"] == ["STALL"]
    assert (first["lag"], first["lag_seconds"], first["catch_up"]) == (42, 42.0, "never at this rate")
    assert (second["status"], second["catch_up"]) == (["OK"], "4.0 s")


def test_the_marker_of_a_transaction_is_nothing_that_waits(house: House, open_page: Open) -> None:
    house.stream("orders", 20, 200)
    sampled(house, "idle", "OK", 1)
    sampled(house, "idle", "OK", 0, 1, lag_seconds=0.0)
    app = open_page("pipeline")
    assert tiles(app)["Events waiting"][0] == "0"
    assert frame(app, "catch_up")[0]["catch_up"] == "now"


def test_unknown_is_no_zero(house: House, open_page: Open) -> None:
    house.stream("orders", 20, 200)
    sampled(house, "behind", "WARN", 40, waiting_cents=0, waiting_complete=False)
    shown = tiles(open_page("pipeline"))
    assert shown["Behind"][0] == shown["Money waiting"][0] == "–"


def test_a_group_that_is_gone_is_not_shown(house: House, open_page: Open) -> None:
    house.stream("orders", 20, 200)
    sampled(house, "here", "OK", 0, lag_seconds=0.0)
    sampled(house, "gone", "STOP", 900, occurred_at=house.ago(600))
    assert tiles(open_page("pipeline"))["Groups behind"] == ("0 of 1", "none is behind")


def test_old_samples_are_said_to_be_old(house: House, open_page: Open) -> None:
    house.stream("orders", 20, 200)
    sampled(house, "here", "OK", 0, occurred_at=house.ago(120))
    assert "The newest sample is 2 min" in words(open_page("pipeline"))


def test_a_link_shows_the_partitions_of_a_group(house: House, open_page: Open) -> None:
    house.stream("orders", 20, 200)
    sampled(house, "<b>*it*</b>", "OK", 0, lag_seconds=0.0)
    sampled(house, "<b>*it*</b>", "STALL", 7, 1, lag_seconds=3.0, member="me on 10.0.0.1", retention_used=0.5)
    sampled(house, "other", "OK", 0, 2)
    app = open_page("pipeline", group="<b>*it*</b>")
    rows = frame(app, "member")
    assert [(row["partition"], row["status"], row["lag"]) for row in rows] == [(1, ["STALL"], 7), (0, ["OK"], 0)]
    assert rows[0]["retention_used"] == 50.0
    # Nobody's name is Markdown.
    assert "<b>*it*</b>" in [text.value for text in app.text]
    assert not any("*it*" in str(one.value) for one in (*app.markdown, *app.caption, *app.subheader))


def test_a_group_that_nobody_knows_is_no_error(house: House, open_page: Open) -> None:
    house.stream("orders", 20, 200)
    sampled(house, "here", "OK", 0)
    assert "no partition of this group" in words(open_page("pipeline", group="gone"))


def test_hot_keys_are_those_of_the_busiest_partition(house: House, open_page: Open) -> None:
    placed = {"region": "eu", "channel": "web", "payment_method": "card", "currency": "EUR", "amount_cents": 1}
    for order in ("o1", "o1", "o1", "o2"):
        house.publish("order.placed", house.ago(5), order_id=order, customer_id="c", items=[], **placed)
    house.flush()
    for partition, events in ((0, 6_000), (2, 1_000)):
        window = {"window_start": house.window(20), "max_occurred_at": house.ago(15)}
        house.add("stream_windows", stream="orders", partition=partition, events=events, bytes=events, **window)
    app = open_page("pipeline", range="5m")
    (row,) = frame(app, "skew")
    assert (row["state"], row["busiest"], row["worth"], row["events"]) == (["hot"], 0, "1.2 of 3", 7_000)
    assert [(key["key"], key["events"], key["share"]) for key in frame(app, "key")] == [
        ("o1", 3, 75.0),
        ("o2", 1, 25.0),
    ]


def test_processes(house: House, open_page: Open, processes: list[ProcessHealth]) -> None:
    house.stream("orders", 20, 200)
    assert "No other process runs on this machine" in words(open_page("pipeline"))
    process_data.watch.clear()
    processes += [ProcessHealth("analytics", 7, "h:2", 3.0), ProcessHealth("warehouse", 8, "h:3", 60.0, "starting")]
    first, *_ = frame(open_page("pipeline"), "pid")
    assert (first["name"], first["state"], first["why"]) == ("warehouse", ["not ready"], "starting")


def test_processes_are_asked_once_for_all_sessions() -> None:
    asked: list[int] = []
    now = [0.0]

    def find() -> Sequence[ProcessHealth]:
        asked.append(1)
        return [ProcessHealth("analytics", 7, "h:1")]

    watch = Watch(find, lambda: now[0])
    assert watch.find() == watch.find() == [ProcessHealth("analytics", 7, "h:1")]
    assert len(asked) == 1


def test_empty(house: House, open_page: Open) -> None:
    said = words(open_page("pipeline"))
    assert "No events yet" in said
    assert "No other process" in said


def test_without_a_sampler_the_rest_is_there(house: House, open_page: Open) -> None:
    house.stream("orders", 20, 200)
    app = open_page("pipeline")
    assert "The lag is not sampled" in words(app)
    assert tiles(app)["Groups behind"][0] == "–"
    assert frame(app, "age")[0]["stream"].startswith("/events?")


def test_broken(house: House, open_page: Open) -> None:
    house.error = WarehouseUnavailable("nobody there")
    assert "The warehouse does not answer" in words(open_page("pipeline"))
    house.error = QueryError("table", "no such table: consumer_lag")
    assert "could not answer" in words(open_page("pipeline", group="g"))


@pytest.mark.parametrize(
    ("share", "ms"),
    [(0.5, 175.0), (0.75, 250.0), (0.9, 800.0), (1.0, 1_000.0)],
)
def test_percentiles_are_between_the_bounds_that_hold_them(share: float, ms: float) -> None:
    row = {"events": 100, "le_100": 25, "le_250": 75, "le_500": 75, "le_1000": 100, "le_5000": 100, "le_60000": 100}
    assert latency.percentile(row, share) == pytest.approx(ms)


def test_percentiles_beyond_the_last_bound_and_of_nothing() -> None:
    slow = {"events": 10, **dict.fromkeys(latency.BOUNDS_MS, 0)}
    assert latency.shown(latency.percentile(slow, 0.5)) == "> 60 s"
    assert latency.shown(latency.percentile({**slow, "events": 0}, 0.5)) == "–"


def test_skew_counts_the_partitions_that_got_nothing() -> None:
    (found,) = partition_balance.by_stream(
        [{"stream": "orders", "partition": number, "events": 10, "bytes": 1} for number in (0, 3)]
    )
    assert (found.partitions, found.skew, found.worth) == (4, 2.0, 2.0)


def test_one_topic_that_nobody_judged_hides_nothing() -> None:
    common: dict[str, Any] = dict.fromkeys(
        ("lag", "lag_seconds", "waiting_keys", "waiting_cents", "produced_per_second", "consumed_per_second")
    )
    common |= {"catch_up_seconds": None, "retention_used": None, "members": None, "waiting_complete": True}
    rows = [
        {**common, "group": "g", "topic": topic, "status": status, "partitions": 1, "never": False}
        for topic, status in (("a", "UNKNOWN"), ("b", "WARN"), ("c", "OK"))
    ]
    (group,) = lag.groups(rows)
    assert (group.status, group.topics) == ("WARN", 3)


def test_a_process_that_does_not_answer_in_time_leaves_what_was_known() -> None:
    now, hangs, answers = [0.0], threading.Event(), iter([[ProcessHealth("analytics", 7, "h:1")], []])

    def find() -> Sequence[ProcessHealth]:
        found = next(answers)
        if not found:
            hangs.wait(10)
        return found

    watch = Watch(find, lambda: now[0])
    known = watch.find()
    now[0] = 1.0
    assert watch.find() == known
    now[0] = 5.0
    began = time.monotonic()
    assert watch.find() == known
    assert time.monotonic() - began < 0.5
    hangs.set()


def test_a_stream_that_fell_silent_before_the_range_is_still_told_of(house: House, open_page: Open) -> None:
    house.stream("orders", 7_200, 5)
    lag = {"topic": "orders", "partition": 0, "lag": 50, "lag_seconds": 7_100.0, "status": "STOP"}
    house.add("consumer_lag", group="analytics", occurred_at=house.ago(3), kafka_offset=1, committed_offset=5, **lag)
    app = open_page("pipeline")
    assert "No events in the last 15 min" in words(app)
    (row,) = frame(app, "age")
    assert (row["stream"], row["state"], row["events"], row["waiting"]) == (
        "/events?range=15m&stream=orders",
        ["quiet"],
        0,
        50,
    )
    assert row["age"].startswith(("1 h 59 min", "2 h"))
