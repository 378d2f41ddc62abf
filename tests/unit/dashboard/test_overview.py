"""The Overview in each of its states."""

from __future__ import annotations

import os

import pytest

from streamgauge.runtime.data_dir import broker_marker
from streamgauge.runtime.data_dir.broker_marker import BrokerMarker
from streamgauge.warehouse.client import QueryError, WarehouseUnavailable
from tests.unit.dashboard.conftest import House, Open, tiles, words


def sold(house: House, seconds: float, orders: int, cents: int, region: str = "eu", channel: str = "web") -> None:
    start = house.window(seconds)
    more = {"region": region, "channel": channel, "payment_method": "card"}
    house.add("order_windows", window_start=start, orders=orders, revenue_cents=cents, **more)


def test_figures(house: House, open_page: Open) -> None:
    for seconds in (20, 40, 60):
        house.stream("orders", seconds, 200, dead_letters=3, late=2)
        house.stream("lag", seconds, 1_000)
        sold(house, seconds, 12, 1_200_50)
    house.stream("orders", 1_800, 10)
    sold(house, 900 + 40, 12, 1_200_50)
    shown = tiles(open_page())
    assert shown["Revenue"] == ("€3,601.50", "+200.0 %")
    assert shown["Failures"] == ("9", "1.5 % of events")
    assert shown["Late events"] == ("6", "1.0 % of events")
    assert shown["Events/s"][1] == "600 in 15 min"
    assert shown["Orders/min"][1] == "36 in 15 min"


def test_without_earlier_data_nothing_is_compared(house: House, open_page: Open) -> None:
    house.stream("orders", 20, 200)
    sold(house, 20, 12, 1_200_50)
    assert tiles(open_page())["Revenue"] == ("€1,200.50", "no earlier data")


def test_each_figure_says_how_complete_it_is(house: House, open_page: Open) -> None:
    house.stream("orders", 20, 200, dead_letters=2)
    lag = {"topic": "orders", "partition": 0, "lag": 50, "lag_seconds": 1.5, "status": "OK"}
    house.add("consumer_lag", group="analytics", occurred_at=house.ago(3), kafka_offset=1, **lag)
    said = words(open_page())
    assert "79.2 % complete as of" in said
    assert "/sql?range=15m&question=overview.streams" in said


def test_empty(house: House, open_page: Open) -> None:
    assert "No events yet" in words(open_page())


def test_empty_range(house: House, open_page: Open) -> None:
    house.stream("orders", 7_200, 5)
    said = words(open_page())
    assert "No events in the last 15 min" in said


def test_stale(house: House, open_page: Open) -> None:
    house.stream("orders", 120, 5)
    assert "No new events" in words(open_page())


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (WarehouseUnavailable("nobody there"), "The warehouse does not answer"),
        (QueryError("timeout", "cut after 10 s"), "could not answer"),
    ],
)
def test_broken(house: House, open_page: Open, error: Exception, says: str) -> None:
    house.error = error
    said = words(open_page())
    assert says in said
    assert str(error) in said


def test_a_stand_in_broker_is_named(house: House, open_page: Open) -> None:
    broker_marker.write(
        house.settings.data_dir, BrokerMarker("Tansu", 9092, os.getpid(), exactly_once=False, install="install Java 17")
    )
    assert "Stand-in broker" in words(open_page())
