"""The Overview in each of its states."""

from __future__ import annotations

import os

import pytest

from streamgauge.runtime.data_dir import broker_marker
from streamgauge.runtime.data_dir.broker_marker import BrokerMarker
from streamgauge.warehouse.client import QueryError, WarehouseUnavailable
from tests.unit.dashboard.commerce_rows import add_order_window
from tests.unit.dashboard.conftest import OpenPage, page_text, tile_values
from tests.unit.dashboard.fakes import FakeWarehouse


def test_figures(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    for seconds in (20, 40, 60):
        warehouse.stream("orders", seconds, 200, dead_letters=3, late=2)
        warehouse.stream("lag", seconds, 1_000)
        add_order_window(warehouse, seconds, 12, 1_200_50)
    warehouse.stream("orders", 1_800, 10)
    add_order_window(warehouse, 900 + 40, 12, 1_200_50)
    shown = tile_values(open_page())
    assert shown["Revenue"] == ("€3,601.50", "+200.0 %")
    assert shown["Failures"] == ("9", "1.5 % of events")
    assert shown["Late events"] == ("6", "1.0 % of events")
    assert shown["Events/s"][1] == "600 in 15 min"
    assert shown["Orders/min"][1] == "36 in 15 min"


def test_without_earlier_data_there_is_no_comparison(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("orders", 20, 200)
    add_order_window(warehouse, 20, 12, 1_200_50)
    assert tile_values(open_page())["Revenue"] == ("€1,200.50", "no earlier data")


def test_figures_have_their_completeness_and_sql(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("orders", 20, 200, dead_letters=2)
    lag = {"topic": "orders", "partition": 0, "lag": 50, "lag_seconds": 1.5, "status": "OK"}
    warehouse.add("consumer_lag", group="analytics", occurred_at=warehouse.ago(3), kafka_offset=1, **lag)
    text = page_text(open_page())
    assert "79.2 % complete as of" in text
    assert "/sql?range=15m&question=overview.streams" in text


def test_empty(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    assert "No events yet" in page_text(open_page())


def test_empty_range(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("orders", 7_200, 5)
    text = page_text(open_page())
    assert "No events in the last 15 min" in text


def test_stale(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("orders", 120, 5)
    assert "No new events" in page_text(open_page())


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (WarehouseUnavailable("nobody there"), "The warehouse does not answer"),
        (QueryError("timeout", "cut after 10 s"), "could not answer"),
    ],
)
def test_errors_of_the_warehouse_are_shown(
    warehouse: FakeWarehouse, open_page: OpenPage, error: Exception, message: str
) -> None:
    warehouse.error = error
    text = page_text(open_page())
    assert message in text
    assert str(error) in text


def test_a_stand_in_broker_is_shown(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    broker_marker.write(
        warehouse.settings.data_dir,
        BrokerMarker("Tansu", 9092, os.getpid(), exactly_once=False, install="install Java 17"),
    )
    assert "Stand-in broker" in page_text(open_page())
