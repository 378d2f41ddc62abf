"""The page in each of its states, by Streamlit's AppTest; no warehouse, no socket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import server, source
from dashboard.results import Overview, Slice
from runtime import broker_marker, settings
from runtime.broker_marker import BrokerMarker
from tests.unit.dashboard import overviews
from warehouse.client import QueryError, WarehouseUnavailable


class Answers:
    """What the page gets: an overview, or an error to raise. `asked` keeps the ranges it was asked for."""

    def __init__(self) -> None:
        self.answer: Overview | Exception = overviews.busy()
        self.asked: list[str] = []

    def __call__(self, range_key: str) -> Overview:
        self.asked.append(range_key)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Answers:
    found = Answers()
    monkeypatch.setattr(source, "overview", found)
    monkeypatch.setattr(source, "settings", lambda: settings.load({"STREAMGAUGE_DATA_DIR": str(tmp_path)}))
    return found


def run(**query: str) -> AppTest:
    app = AppTest.from_file(str(server.SCRIPT), default_timeout=30)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    """Everything that the page says."""
    kinds = (app.title, app.markdown, app.caption, app.info, app.error, app.warning, app.text, app.subheader)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def test_busy(answers: Answers) -> None:
    app = run()
    shown = {metric.label: (metric.value, metric.delta) for metric in app.metric}
    assert shown == {
        "Events/s": ("20.0", "12,000 in 15 min"),
        "Orders/min": ("6.0", "80 in 15 min"),
        "Revenue": ("€12,346", "+20.0 %"),
        "Failures": ("60", "0.50 % of events"),
        "Late events": ("240", "2.0 % of events"),
    }
    assert "Data up to" in words(app)
    assert [head.value for head in app.subheader] == ["Throughput by stream", "Top regions", "Top channels"]


def test_no_comparison_where_data_does_not_reach_back(answers: Answers) -> None:
    answers.answer = overviews.busy(previous_cents=None)
    (revenue,) = (metric for metric in run().metric if metric.label == "Revenue")
    assert revenue.delta == "no earlier data"


def test_stale(answers: Answers) -> None:
    answers.answer = overviews.busy(datetime.now(UTC) - timedelta(minutes=2))
    assert "No new events" in words(run())


def test_fresh_has_no_warning(answers: Answers) -> None:
    assert "No new events" not in words(run())


def test_empty(answers: Answers) -> None:
    answers.answer = overviews.empty()
    app = run()
    assert "No events yet" in words(app)
    assert "streamgauge generate --rate 200" in words(app)
    assert not app.metric


def test_empty_in_this_range(answers: Answers) -> None:
    answers.answer = overviews.empty(datetime(2026, 1, 1, 13, 4, 7, tzinfo=UTC))
    assert "No events in the last 15 min" in words(run())
    assert "2026-01-01 13:04:07 UTC" in words(run())


def test_no_warehouse(answers: Answers) -> None:
    answers.answer = WarehouseUnavailable("nobody there")
    said = words(run())
    assert "The warehouse does not answer" in said
    assert "http://127.0.0.1:8600" in said
    assert "streamgauge warehouse" in said


def test_a_refused_question(answers: Answers) -> None:
    answers.answer = QueryError("timeout", "cut after 10 s")
    assert "cut after 10 s" in words(run())


def test_a_catalog_without_orders_shows_traffic_alone(answers: Answers) -> None:
    busy = overviews.busy()
    answers.answer = Overview(busy.period, busy.traffic, None)
    assert [metric.label for metric in run().metric] == ["Events/s", "Failures", "Late events"]


@pytest.mark.parametrize(("asked", "used"), [("6h", "6h"), ("nonsense", "15m"), ("<script>", "15m")])
def test_the_range_comes_from_the_address(answers: Answers, asked: str, used: str) -> None:
    app = run(range=asked)
    assert answers.asked == [used]
    assert app.query_params["range"] in (used, [used])


def test_the_default_range_leaves_the_address_alone(answers: Answers) -> None:
    assert "range" not in run().query_params
    assert answers.asked == ["15m"]


def test_a_stand_in_broker_is_named(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = BrokerMarker("Tansu", 9092, 1, exactly_once=False, install="install Java 17")
    monkeypatch.setattr(broker_marker, "read", lambda _data_dir: marker)
    said = words(run())
    assert "Stand-in broker" in said
    assert "install Java 17" in said


def test_hostile_names_are_never_markup(answers: Answers) -> None:
    hostile = "<script>alert(1)</script>![x](http://example.invalid/x.png)"
    answers.answer = overviews.busy(regions=(Slice(hostile, 1, 1),))
    assert hostile not in words(run())
