"""The frozen link and the summary of an incident."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import pytest

from dashboard.data.periods import BY_KEY
from dashboard.data.view_state import ViewState
from dashboard.session import incident
from dashboard.session.incident import FigureSnapshot

NOW = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)


def test_the_link_has_a_fixed_range_and_the_filters() -> None:
    params = incident.frozen(ViewState("5m", zone="local"), NOW, {"region": "eu"})
    assert params == {
        "region": "eu",
        "range": "custom",
        "from": "2026-03-01T11:55:10Z",
        "to": "2026-03-01T12:00:05Z",
        "bar": "10",
        "zone": "local",
        "refresh": "off",
    }
    again = ViewState.read(params)
    assert again.refresh_s is None
    assert again.period(NOW.replace(hour=18)).since == ViewState("5m").period(NOW).since


@pytest.mark.parametrize("choice", list(BY_KEY))
def test_a_frozen_range_stays_the_same(choice: str) -> None:
    now = datetime(2026, 3, 1, 14, 3, 7, tzinfo=UTC)
    period = ViewState(choice).period(now)
    later = ViewState.read(incident.frozen(ViewState(choice), now, {})).period(now + timedelta(days=1))
    assert (later.since, later.bucket_s) == (period.since, period.bucket_s)
    assert later.until == datetime(2026, 3, 1, 14, 3, 10, tzinfo=UTC)
    assert later.buckets() == [one for one in period.buckets() if one <= now]
    assert not any(map(later.running, later.buckets()))


def test_a_statement_is_frozen_as_of_the_time_of_the_link() -> None:
    assert incident.frozen(ViewState(), NOW, {"q": "SELECT now()"})["as_of"] == "2026-03-01T12:00:05Z"
    before = {"q": "SELECT now()", "as_of": "2026-03-01T11:00:00Z"}
    assert incident.frozen(ViewState(), NOW, before)["as_of"] == before["as_of"]


def test_the_summary_has_figures_completeness_and_each_statement_once() -> None:
    figures = [
        FigureSnapshot(
            "Revenue", "€1,234.50", "+3.0 % vs 5 min before", "99.2 % complete as of 12:00:03 UTC", "SELECT 1"
        ),
        FigureSnapshot("Orders", "12", "", "99.2 % complete as of 12:00:03 UTC", "SELECT 1"),
    ]
    text = incident.summary("Overview", "http://here/?range=custom", ViewState("5m"), NOW, figures)
    assert "# Overview: 2026-03-01T11:55:10Z to 2026-03-01T12:00:05Z" in text
    assert "| Revenue | €1,234.50 | +3.0 % vs 5 min before | 99.2 % complete as of 12:00:03 UTC |" in text
    assert text.count("SELECT 1") == 1


def test_text_of_a_figure_is_escaped() -> None:
    hostile = "![x](http://evil/x) <b>|\n# heading"
    text = incident.summary("Overview", "http://here/", ViewState(), NOW, [FigureSnapshot("A", "1", hostile, "", "")])
    assert r"\!\[x\](http://evil/x) \<b\>\| \# heading" in text


def test_sql_cannot_close_its_code_fence() -> None:
    sql = "SELECT '\n```\n![p](http://evil/)\n````\n'"
    text = incident.summary("Story", "http://here/", ViewState(), NOW, [FigureSnapshot("A", "1", "", "", sql)])
    assert f"`````sql\n{sql}\n`````" in text


class Interrupted(BaseException):
    """As Streamlit ends a run when a click starts the next."""


def test_before_the_first_complete_refresh_partial_figures_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamlit.session_state", {})
    with contextlib.suppress(Interrupted), incident.drawing(NOW):
        incident.record(FigureSnapshot("Orders", "2", "", "", ""))
        raise Interrupted
    at, figures = incident.displayed()
    assert (at, [one.value for one in figures]) == (NOW, ["2"])


def test_an_interrupted_refresh_keeps_the_previous_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamlit.session_state", {})
    with incident.drawing(NOW):
        incident.record(FigureSnapshot("Orders", "1", "", "", ""))
    with contextlib.suppress(Interrupted), incident.drawing():
        incident.record(FigureSnapshot("Orders", "2", "", "", ""))
        raise Interrupted
    at, figures = incident.displayed()
    assert (at, [one.value for one in figures]) == (NOW, ["1"])
    with contextlib.suppress(RuntimeError), incident.drawing():
        raise RuntimeError
    assert incident.displayed()[1] == []
