"""The `metrics` header of a window model: the metrics it defines, and the error of each wrong one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from streamgauge.catalog import kpi, loader, model
from streamgauge.catalog.kpi import Kpis
from streamgauge.runtime.errors import UsageError
from tests.unit.streamgauge.catalog.test_model import HEADER, load

KEY = ("window_start", "region", "channel", "process")
COLUMNS = dict.fromkeys((*KEY, "orders", "revenue_cents", "max_age"), "BIGINT")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("orders", Kpis(("orders",), ())),
        ("orders by region", Kpis(("orders",), ("region",))),
        ("orders, revenue_cents  by  region,channel", Kpis(("orders", "revenue_cents"), ("region", "channel"))),
    ],
)
def test_a_header_names_measures_and_dimensions(text: str, expected: Kpis) -> None:
    assert kpi.parse(text, KEY, COLUMNS) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "write `measure, … by dimension, …`"),
        ("orders,", "write `measure, … by dimension, …`"),
        ("orders by", "write `measure, … by dimension, …`"),
        ("by region", "write `measure, … by dimension, …`"),
        ("orders revenue_cents", "write `measure, … by dimension, …`"),
        ("orders by region by channel", "write `measure, … by dimension, …`"),
        ("orders, orders", "given twice"),
        ("orders by region, region", "given twice"),
        ("oders", "`oders` is not a measure; there are: orders, revenue_cents, max_age"),
        ("region by channel", "`region` is not a measure"),
        ("max_age", "`max_age` is not additive"),
        ("orders by order_id", "`order_id` is not a dimension; there are: region, channel"),
        ("orders by window_start", "`window_start` is not a dimension"),
        ("orders by revenue_cents", "`revenue_cents` is not a dimension"),
        ("orders by process", "label that Prometheus reserves"),
    ],
)
def test_a_wrong_header_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match="`|twice") as refused:
        kpi.parse(text, KEY, COLUMNS)
    assert said in str(refused.value)


WINDOW = (
    HEADER
    + "-- metrics: {}\nSELECT sensor, count(*) AS readings, max(celsius) AS max_celsius\nFROM events GROUP BY ALL"
)


def test_a_model_has_its_counters(tmp_path: Path) -> None:
    made = load(tmp_path, WINDOW.format("readings by sensor"))
    (metric,) = model.metrics([made])
    assert (metric.name, metric.kind, metric.labels) == ("streamgauge_kpi_m_readings_total", "counter", ("sensor",))


@pytest.mark.parametrize("header", ["max_celsius by sensor", "readings by sensr", "reading"])
def test_it_is_refused_with_file_and_line(tmp_path: Path, header: str) -> None:
    with pytest.raises(UsageError, match=r"m\.sql:5: `"):
        load(tmp_path, WINDOW.format(header))


@pytest.mark.parametrize("merge", ["append", "latest"])
def test_only_windows_add_up(tmp_path: Path, merge: str) -> None:
    text = f"-- model: m\n-- stream: readings\n-- merge: {merge}\n-- key: sensor\n-- metrics: n\nSELECT * FROM events"
    with pytest.raises(UsageError, match=r"m\.sql:5: only `merge: window` takes `metrics`"):
        load(tmp_path, text)


def test_two_models_cannot_make_one_metric() -> None:
    """`a_b` with `c` and `a` with `b_c` are the same name."""
    first, second = loader.load("streamgauge.catalog.commerce").models[:2]
    with pytest.raises(ValueError, match="streamgauge_kpi_a_b_c_total too"):
        model.metrics(
            [replace(first, name="a_b", kpis=Kpis(("c",), ())), replace(second, name="a", kpis=Kpis(("b_c",), ()))]
        )


def test_the_counters_of_commerce_are_few() -> None:
    """Dashboards and alerts use these names; together they are a few hundred series."""
    made = {metric.name: metric.labels for metric in model.metrics(loader.load("streamgauge.catalog.commerce").models)}
    assert made["streamgauge_kpi_order_windows_revenue_cents_total"] == ("region", "channel", "payment_method")
    assert made["streamgauge_kpi_payment_windows_declined_total"] == ("method",)
    assert len(made) < 50
