"""Pages over the real tables: a DuckDB file with the commerce catalog, filled by hand, asked as the warehouse is."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pyarrow as pa
import pytest
from streamlit import config
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest, app_test
from streamlit.util import calc_hash

from dashboard import server, theme
from dashboard.components import charts
from dashboard.data import query_cache
from dashboard.session import audit
from streamgauge.catalog.builtin.audit import OperatorActed
from streamgauge.warehouse.client import Params, QueryError, _param
from streamgauge.warehouse.sql.query_service import QueryRefused, QueryRequest
from tests.unit.streamgauge.warehouse.commerce import Commerce


class House(Commerce):
    """In the place of the warehouse's client; `error` is raised instead of any answer, `asked` are the statements.

    `audited` are the records of actions; `audit_error` is raised where one would be written.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.error: Exception | None = None
        self.asked: list[str] = []
        self.audited: list[OperatorActed] = []
        self.audit_error: Exception | None = None
        self.now = datetime.now(UTC)

    def ago(self, seconds: float) -> datetime:
        """A time before the test's."""
        return self.now - timedelta(seconds=seconds)

    def window(self, seconds: float) -> datetime:
        """The start of the window that was running so long ago."""
        at = self.ago(seconds)
        return at - timedelta(seconds=at.second % 10, microseconds=at.microsecond)

    def query(self, sql: str, params: Params = (), *_: object) -> pa.Table:
        """As `Warehouse.query`; parameters travel as they do over HTTP."""
        self.asked.append(sql)
        if self.error:
            raise self.error
        given = {name: _param(value) for name, value in dict(params).items()} if params else {}
        try:
            return self.query_service().query(QueryRequest(sql, given, lane="pages"))[0]
        except QueryRefused as error:
            raise QueryError(error.rule, str(error)) from None

    def write(self, record: OperatorActed) -> None:
        """As `audit.Writer.write`."""
        if self.audit_error:
            raise self.audit_error
        self.audited.append(record)

    def stream(self, name: str, seconds: float, events: int, **more: Any) -> None:
        """A window of `stream_windows`, so long ago."""
        start = self.window(seconds)
        times = {"min_occurred_at": start, "max_occurred_at": start + timedelta(seconds=4)}
        self.add("stream_windows", window_start=start, stream=name, partition=0, events=events, **{**times, **more})


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """An empty house that the pages ask."""
    found = House(tmp_path)
    kept = query_cache.QueryCache()
    monkeypatch.setattr(query_cache, "settings", lambda: found.settings)
    monkeypatch.setattr(query_cache, "warehouse", lambda: found)
    monkeypatch.setattr(query_cache, "cache", lambda: kept)
    monkeypatch.setattr(audit, "writer", lambda _: found)
    return found


Open = Callable[..., AppTest]


class Pages(PagesManager):
    """`AppTest` forgets before each run that our `pages/` is no folder of scripts (`server.serve`): here, of this."""


@pytest.fixture
def open_page(house: House, monkeypatch: pytest.MonkeyPatch) -> Open:
    """`open_page("orders", range="1h")` runs the app at that address; an exception fails the test."""

    monkeypatch.setattr(PagesManager, "uses_pages_directory", False)
    monkeypatch.setattr(app_test, "PagesManager", Pages)
    monkeypatch.setattr(charts, "HEAD_START_S", 0.0)
    monkeypatch.setattr(charts.Chart, "to_dict", checked)
    config.set_option("runner.postScriptGC", theme.OPTIONS["runner.postScriptGC"])

    def opened(path: str = "overview", **query: str) -> AppTest:
        app = AppTest.from_file(str(server.SCRIPT), default_timeout=30)
        for name, value in query.items():
            app.query_params[name] = value
        if path != "overview":
            # Our pages are functions, and `switch_page` wants files: what Streamlit itself calls the page.
            app._page_hash = calc_hash(path)
        app.run()
        assert not app.exception, app.exception[0].message
        return app

    return opened


def words(app: AppTest) -> str:
    """Everything that the page says."""
    kinds = (app.title, app.markdown, app.caption, app.info, app.error, app.warning, app.text, app.subheader)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def tiles(app: AppTest) -> dict[str, tuple[str, str]]:
    """The figures: label → value and what stands below."""
    return {metric.label: (metric.value, metric.delta) for metric in app.metric}


def lines(app: AppTest) -> list[dict[str, float]]:
    """The charts over time, each as its layers: name → the sum of what is drawn."""
    charts = []
    for element in app.get("plotly_chart"):
        traces = json.loads(element.proto.spec)["data"]
        if all("name" in trace for trace in traces):
            charts.append({trace["name"]: round(sum(_numbers(trace["y"])), 6) for trace in traces})
    return charts


def checked(chart: charts.Chart) -> dict[str, Any]:
    """As `Chart.to_dict`; raises where plotly knows no such thing."""
    go.Figure(chart._spec)
    return chart._spec


def read(chart: charts.Chart) -> go.Figure:
    """As plotly understands it; raises where it would not."""
    return go.Figure(chart.to_dict())


def unpacked(values: Any) -> list[Any]:
    """Long arrays of numbers, as plotly packs them."""
    if isinstance(values, dict):
        return list(np.frombuffer(b64decode(values["bdata"]), values["dtype"]).tolist())
    return list(values)


def _numbers(values: Any) -> list[float]:
    return [value for value in unpacked(values) if value is not None and value == value]
