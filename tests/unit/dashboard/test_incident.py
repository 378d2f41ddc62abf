"""The frozen link and the summary."""

from __future__ import annotations

from datetime import UTC, datetime

from dashboard import incident
from dashboard.incident import Shown
from dashboard.view import View

NOW = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)


def test_the_link_shows_the_same_range_for_good_and_keeps_the_filters() -> None:
    said = incident.frozen(View("5m", zone="local"), NOW, {"region": "eu"})
    assert said == {
        "region": "eu",
        "range": "custom",
        "from": "2026-03-01T11:55:10Z",
        "to": "2026-03-01T12:00:05Z",
        "zone": "local",
        "refresh": "off",
    }
    again = View.read(said)
    assert again.every_s is None
    assert again.period(NOW.replace(hour=18)).since == View("5m").period(NOW).since


def test_the_summary_has_figures_their_trust_and_their_sql_once() -> None:
    figures = [
        Shown("Revenue", "€1,234.50", "+3.0 % vs 5 min before", "99.2 % complete as of 12:00:03 UTC", "SELECT 1"),
        Shown("Orders", "12", "", "99.2 % complete as of 12:00:03 UTC", "SELECT 1"),
    ]
    text = incident.summary("Overview", "http://here/?range=custom", View("5m"), NOW, figures)
    assert "# Overview: 2026-03-01T11:55:10Z to 2026-03-01T12:00:05Z" in text
    assert "| Revenue | €1,234.50 | +3.0 % vs 5 min before | 99.2 % complete as of 12:00:03 UTC |" in text
    assert text.count("SELECT 1") == 1


def test_text_in_a_figure_cannot_begin_markdown() -> None:
    hostile = "![x](http://evil/x) <b>|\n# heading"
    text = incident.summary("Overview", "http://here/", View(), NOW, [Shown("A", "1", hostile, "", "")])
    assert r"\!\[x\](http://evil/x) \<b\>\| \# heading" in text
