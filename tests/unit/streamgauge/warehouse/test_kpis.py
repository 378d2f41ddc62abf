"""KPI counters: what is counted, under which labels, and what is not."""

from __future__ import annotations

import logging

import pyarrow as pa
import pytest
from prometheus_client import CollectorRegistry

from streamgauge.catalog import loader
from streamgauge.warehouse.kpis import MAX_AGE_MS, Kpis

COMMERCE = loader.load("streamgauge.catalog.commerce")
NOW_S = 1_800_000_000.0
NOW_MS = int(NOW_S * 1_000)


class Counters:
    """The counters of the commerce catalog, in a registry of their own."""

    def __init__(self, max_series: int = 200) -> None:
        self._registry = CollectorRegistry()
        self._kpis = Kpis(COMMERCE, max_series, self._registry)

    def count(self, model: str, *deltas: pa.Table, written_ms: int = NOW_MS) -> None:
        self._kpis.count({model: list(deltas)}, {model: [written_ms] * len(deltas)}, NOW_S)

    def has(self, name: str) -> dict[tuple[str, ...], float]:
        """Values by label values, of `streamgauge_kpi_<name>_total`."""
        (family,) = (found for found in self._registry.collect() if found.name == f"streamgauge_kpi_{name}")
        return {tuple(s.labels.values()): s.value for s in family.samples if s.name.endswith("_total")}


def orders(*rows: tuple[str | None, str, str, int, int]) -> pa.Table:
    """A delta of `order_windows`: region, channel, payment method, orders, revenue."""
    names = ["region", "channel", "payment_method", "orders", "revenue_cents"]
    columns = list(zip(*rows, strict=True))
    return pa.table({"window_start": [0] * len(rows), **dict(zip(names, columns, strict=True))})


def test_rows_of_a_delta_are_summed_by_the_dimensions() -> None:
    """Two windows of one region, and two deltas, are one series."""
    counters = Counters()
    counters.count("order_windows", orders(("eu", "web", "card", 2, 500), ("eu", "web", "card", 1, 250)))
    counters.count("order_windows", orders(("eu", "web", "card", 4, 1)), orders(("us", "web", "card", 8, 2)))
    assert counters.has("order_windows_orders") == {("eu", "web", "card"): 7, ("us", "web", "card"): 8}
    assert counters.has("order_windows_revenue_cents") == {("eu", "web", "card"): 751, ("us", "web", "card"): 2}


def test_dimensions_that_are_not_labels_are_summed() -> None:
    """`marketing_windows` has campaigns too, and there may be any number of them."""
    counters = Counters()
    rows = {"campaign_id": ["a", "b", "c"], "channel": ["social", "social", "email"], "clicks": [1, 2, 3]}
    counters.count("marketing_windows", pa.table(rows))
    assert counters.has("marketing_windows_clicks") == {("social",): 3, ("email",): 3}


@pytest.mark.parametrize(
    ("written_ms", "counted"),
    [
        pytest.param(NOW_MS, 1, id="now"),
        pytest.param(NOW_MS + 5_000, 1, id="clocks-differ"),
        pytest.param(NOW_MS - MAX_AGE_MS, 1, id="ten-minutes"),
        pytest.param(NOW_MS - MAX_AGE_MS - 1, 0, id="older"),
        pytest.param(0, 1, id="not-known"),
    ],
)
def test_old_deltas_are_not_counted(written_ms: int, counted: int) -> None:
    counters = Counters()
    counters.count("order_windows", orders(("eu", "web", "card", 1, 1)), written_ms=written_ms)
    assert sum(counters.has("order_windows_orders").values()) == counted


def test_series_are_bounded_and_nothing_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    """A bad producer that puts an id in `region` makes one series, and one line in the log."""
    counters = Counters(max_series=3)
    with caplog.at_level(logging.WARNING, "streamgauge"):
        for number in range(0, 1_000, 100):
            ids = range(number, number + 100)
            counters.count("order_windows", orders(*((f"id-{n}", "web", "card", 1, 1) for n in ids)))
        counters.count("order_windows", orders(("id-0", "web", "card", 5, 1)))
    found = counters.has("order_windows_orders")
    assert len(found) == 4
    assert found["other", "other", "other"] == 997
    assert found["id-0", "web", "card"] == 6
    assert sum("STREAMGAUGE_KPI_MAX_SERIES" in line for line in caplog.messages) == 1


def test_a_null_dimension_is_an_empty_label() -> None:
    """And so is a column that a replica of another version does not send; a measure it lacks is not counted."""
    counters = Counters()
    counters.count("order_windows", orders((None, "web", "card", 1, 1)))
    counters.count("order_windows", pa.table({"channel": ["web"], "payment_method": ["card"], "orders": [2]}))
    assert counters.has("order_windows_orders") == {("", "web", "card"): 3}


def test_a_null_measure_adds_nothing() -> None:
    """Sums of nothing are null in a delta."""
    counters = Counters()
    rows = {"method": ["card"], "requested": [1], "refunded_cents": pa.array([None], pa.int64())}
    counters.count("payment_windows", pa.table(rows))
    assert counters.has("payment_windows_refunded_cents") == {("card",): 0}


def test_a_decrease_is_logged_and_not_counted(caplog: pytest.LogCaptureFixture) -> None:
    counters = Counters()
    counters.count("order_windows", orders(("eu", "web", "card", 1, 100)))
    counters.count("order_windows", orders(("eu", "web", "card", 1, -30)))
    assert counters.has("order_windows_revenue_cents") == {("eu", "web", "card"): 100}
    assert counters.has("order_windows_orders") == {("eu", "web", "card"): 2}
    assert "measure `revenue_cents` of `order_windows` decreased" in caplog.text


def test_tables_without_the_header_are_not_counted() -> None:
    counters = Counters()
    counters.count("stream_windows", pa.table({"events": [1]}))
