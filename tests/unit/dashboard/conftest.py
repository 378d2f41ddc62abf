"""Fixtures that run pages over the real tables: a DuckDB file with the commerce catalog, filled by the tests."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from streamlit import config
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest, app_test
from streamlit.util import calc_hash

from dashboard import server, theme
from dashboard.components import charts
from dashboard.data import query_cache
from dashboard.pages.sql import query_run, schema_browser
from dashboard.session import audit
from tests.unit.dashboard.fakes import FakeClient, FakeWarehouse


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeWarehouse:
    """An empty warehouse, which the pages query."""
    fake = FakeWarehouse(tmp_path)
    cache = query_cache.QueryCache()
    monkeypatch.setattr(query_cache, "settings", lambda: fake.settings)
    monkeypatch.setattr(query_cache, "warehouse", lambda: fake)
    monkeypatch.setattr(query_cache, "cache", lambda: cache)
    monkeypatch.setattr(audit, "writer", lambda _: fake)
    return fake


@pytest.fixture
def sql_client(warehouse: FakeWarehouse, monkeypatch: pytest.MonkeyPatch) -> FakeClient:
    """The client of the SQL page, over the same warehouse."""
    fake = FakeClient(warehouse)
    monkeypatch.setattr(query_run, "client", lambda: fake)
    schema_browser.tables.clear()
    return fake


OpenPage = Callable[..., AppTest]


class FunctionPagesManager(PagesManager):
    """For `AppTest`, which resets before each run that `pages/` is no folder of scripts (`server.serve`)."""


@pytest.fixture
def open_page(warehouse: FakeWarehouse, monkeypatch: pytest.MonkeyPatch) -> OpenPage:
    """`open_page("orders", range="1h")` runs the app at that address; an exception fails the test."""

    monkeypatch.setattr(PagesManager, "uses_pages_directory", False)
    monkeypatch.setattr(app_test, "PagesManager", FunctionPagesManager)
    monkeypatch.setattr(charts.Chart, "__init__", validated)
    config.set_option("runner.postScriptGC", theme.OPTIONS["runner.postScriptGC"])

    def open_at(path: str = "overview", **query: str) -> AppTest:
        app = AppTest.from_file(str(server.SCRIPT), default_timeout=30)
        for name, value in query.items():
            app.query_params[name] = value
        if path != "overview":
            # Our pages are functions, and `switch_page` takes files: the hash by which Streamlit knows the page.
            app._page_hash = calc_hash(path)
        app.run()
        assert not app.exception, app.exception[0].message
        return app

    return open_at


def page_text(app: AppTest) -> str:
    """All text of the page."""
    kinds = (app.title, app.markdown, app.caption, app.info, app.error, app.warning, app.text, app.subheader)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def tile_values(app: AppTest) -> dict[str, tuple[str, str]]:
    """The tiles: label → value and the remark below it."""
    return {metric.label: (metric.value, metric.delta) for metric in app.metric}


def sent_charts(app: AppTest) -> list[dict[str, Any]]:
    """The charts of the page, as sent."""
    return [
        json.loads(element.proto.bytes)
        for element in app.get("bidi_component")
        if element.proto.component_name == "streamgauge-chart"
    ]


def chart_totals(app: AppTest) -> list[dict[str, float]]:
    """The charts over time, each as its series: name → sum of the drawn values."""
    charts = []
    for figure in sent_charts(app):
        traces = figure["data"]
        if all("name" in trace for trace in traces):
            charts.append({trace["name"]: round(sum(_numbers(trace["y"])), 6) for trace in traces})
    return charts


_init = charts.Chart.__init__


def validated(chart: charts.Chart, *args: Any, **layout: Any) -> None:
    """As `Chart`; raises what plotly raises for an invalid chart."""
    _init(chart, *args, **layout)
    as_plotly(chart)


def as_plotly(chart: charts.Chart) -> go.Figure:
    """The chart as plotly parses it; raises for an invalid one."""
    return go.Figure(chart.figure)


def unpack(values: Any) -> list[Any]:
    """An array of numbers that plotly may have packed."""
    if isinstance(values, dict):
        return list(np.frombuffer(b64decode(values["bdata"]), values["dtype"]).tolist())
    return list(values)


def _numbers(values: Any) -> list[float]:
    return [value for value in unpack(values) if value is not None and value == value]
