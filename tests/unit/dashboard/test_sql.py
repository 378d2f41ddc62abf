"""The page SQL over a real DuckDB: what a link opens, what a query gives, and how it ends."""

from __future__ import annotations

import threading
import time
from typing import Any

import pyarrow as pa
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.pages.sql import editor, query_run, schema_browser
from streamgauge.warehouse.client import AsOf, Busy, QueryError, WarehouseUnavailable
from tests.unit.dashboard.conftest import House, Open, words


class Client:
    """Takes the place of the analysts' client; `hold` keeps answers back until it is set, `cancelled` are the names."""

    def __init__(self, house: House) -> None:
        self.house, self.hold = house, threading.Event()
        self.hold.set()
        self.cancelled: list[str] = []
        self.pasts: list[AsOf | None] = []

    def query(self, sql: str, params: object = (), as_of: AsOf | None = None, name: str | None = None) -> pa.Table:
        self.pasts.append(as_of)
        self.hold.wait(20)
        if name in self.cancelled:
            raise QueryError("cancelled", "cancelled")
        if as_of:
            as_of.notes = ["windows before yesterday are left out"]
        return self.house.query(sql)

    def cancel(self, name: str) -> bool:
        self.cancelled.append(name)
        self.hold.set()
        return True

    def tables(self) -> list[dict[str, Any]]:
        columns = {"window_start": "TIMESTAMP WITH TIME ZONE", "orders": "BIGINT"}
        windows = {"merge": "window", "key": ["window_start"], "about": "Orders, *counted*", "select": "SELECT 1"}
        return [{"table": "order_windows", "columns": columns, **windows}]


@pytest.fixture
def client(house: House, monkeypatch: pytest.MonkeyPatch) -> Client:
    found = Client(house)
    monkeypatch.setattr(query_run, "client", lambda: found)
    schema_browser.tables.clear()
    return found


def settled(app: AppTest) -> AppTest:
    """The page once no query runs."""
    deadline = time.monotonic() + 20
    while any(button.label == "Cancel" for button in app.button):
        assert time.monotonic() < deadline
        app.run()
    assert not app.exception, app.exception[0].message
    return app


def text(app: AppTest) -> str:
    """What stands in the editor."""
    return str(app.text_area(key=editor.TEXT).value)


def typed(app: AppTest, sql: str) -> AppTest:
    """The page after somebody typed and ran this."""
    app.text_area(key=editor.TEXT).set_value(sql)
    next(button for button in app.button if button.label == "Run").click()
    return settled(app.run())


def test_a_statement_gives_rows_and_a_link(house: House, client: Client, open_page: Open) -> None:
    house.stream("orders", 20, 200)
    app = open_page("sql")
    assert "stream_windows" in text(app)
    assert house.asked == []
    typed(app, "SELECT stream, sum(events)::BIGINT AS events FROM stream_windows GROUP BY ALL")
    assert app.dataframe[0].value.to_dict("records") == [{"stream": "orders", "events": 200}]
    assert "1 row · 2 columns" in words(app)
    assert app.query_params["q"] == "SELECT stream, sum(events)::BIGINT AS events FROM stream_windows GROUP BY ALL"


def test_a_link_reproduces_it(client: Client, open_page: Open) -> None:
    app = settled(open_page("sql", q="SELECT 41 + 1 AS n"))
    assert text(app) == "SELECT 41 + 1 AS n"
    assert app.dataframe[0].value["n"].to_list() == [42]
    asked = len(client.house.asked)
    app.run()
    assert len(client.house.asked) == asked


def test_a_pages_question_opens_for_the_range(house: House, client: Client, open_page: Open) -> None:
    app = settled(open_page("sql", question="overview.orders", range="1h"))
    assert "INTERVAL" not in text(app)
    assert "$since" not in text(app)
    assert "Orders placed and their amount" in words(app)
    assert app.dataframe[0].value["orders"].to_list() == [0]
    assert "q" not in app.query_params
    typed(app, "SELECT 1 AS changed")
    assert "question" not in app.query_params
    assert app.query_params["q"] == "SELECT 1 AS changed"


@pytest.mark.parametrize(
    ("params", "says"),
    [({"question": "no.such"}, "No page has a query"), ({"q": "x" * 20_001}, "longer than 20,000")],
)
def test_a_link_that_cannot_be_opened_says_so(
    client: Client, open_page: Open, params: dict[str, str], says: str
) -> None:
    app = open_page("sql", **params)
    assert says in words(app)
    assert client.house.asked == []


def test_a_mistake_is_marked(client: Client, open_page: Open) -> None:
    app = settled(open_page("sql", q="SELECT region,\n  revenu\nFROM order_windows"))
    assert "DuckDB cannot run this**, line 2" in words(app)
    assert "2 │   revenu\n  │   ↑" in app.code[0].value
    assert "revenue_cents" in words(app)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (QueryError("timeout", "cut after 10 s"), "Use a shorter time range"),
        (Busy("4 queries are running; try again"), "Run it again"),
        (WarehouseUnavailable("nobody there"), "The warehouse does not answer"),
    ],
)
def test_what_ends_badly_says_what_to_do(client: Client, open_page: Open, error: Exception, says: str) -> None:
    client.house.error = error
    assert says in words(settled(open_page("sql", q="SELECT 1")))


def test_cancel_ends_it_in_the_warehouse(client: Client, open_page: Open) -> None:
    client.hold.clear()
    app = open_page("sql", q="SELECT 1 AS n")
    assert "Running …" in words(app)
    next(button for button in app.button if button.label == "Cancel").click().run()
    assert "Cancelled" in words(settled(app))
    assert len(client.cancelled) == 1


def test_one_query_a_session_runs_at_a_time(client: Client, open_page: Open) -> None:
    client.hold.clear()
    app = open_page("sql", q="SELECT 1 AS n")
    typed(app, "SELECT 2 AS n")
    assert len(client.cancelled) == 1
    assert app.dataframe[0].value["n"].to_list() == [2]


def test_as_of_a_time(client: Client, open_page: Open) -> None:
    app = settled(open_page("sql", q="SELECT 1 AS n", as_of="2026-11-23T04:00:00Z", known="1"))
    (as_of,) = client.pasts
    assert as_of is not None
    assert (as_of.at, as_of.known_only) == ("2026-11-23T04:00:00Z", True)
    assert "windows before yesterday are left out" in words(app)
    assert "as of 2026-11-23T04:00:00Z" in words(app)


def test_no_more_rows_than_a_browser_holds(client: Client, open_page: Open) -> None:
    app = settled(open_page("sql", q="FROM range(10001)"))
    assert len(app.dataframe[0].value) == 10_000
    assert "The first 10,000 of 10,001 rows" in words(app)


def test_examples_and_history_open(client: Client, open_page: Open) -> None:
    app = settled(open_page("sql", q="SELECT 1 AS n"))
    title = "Revenue by region and hour"
    settled(next(button for button in app.button if button.label == title).click().run())
    assert "date_trunc('hour', window_start)" in text(app)
    assert "date_trunc" in app.query_params["q"]
    again = [button for button in app.button if button.label == "Run again"]
    settled(again[1].click().run())
    assert text(app) == "SELECT 1 AS n"


def test_text_stays_text(client: Client, open_page: Open) -> None:
    """Names and cells may be an event's: nothing of them is in an element that reads Markdown."""
    evil = "![x](https://evil.example/x.png)"
    app = settled(open_page("sql", q=f"SELECT '{evil}' AS \"{evil}\", 1 AS n UNION ALL SELECT 'b', 2"))
    assert app.dataframe[0].value[evil].to_list() == [evil, "b"]
    rendered = (*app.markdown, *app.caption, *app.subheader, *app.error, *app.info, *app.warning)
    assert not [element for element in rendered if "evil" in str(element.value)]
    typed(app, f'SELECT "{evil}" FROM order_windows')
    assert not [element for element in (*app.error, *app.caption) if "evil" in str(element.value)]


@pytest.mark.parametrize(
    "columns",
    [
        "e::ENUM('a', 'b') AS e, n",
        "e::BLOB AS b, n",
        "{'a': e} AS s, n",
        "'infinity'::TIMESTAMPTZ + to_days(n) AS at, n",
        "DATE '10000-01-01' + n::INTEGER AS day, n",
    ],
)
def test_answers_of_every_type_are_shown_and_drawn(client: Client, open_page: Open, columns: str) -> None:
    app = settled(open_page("sql", q=f"SELECT {columns} FROM (VALUES ('a', 1), ('b', 2)) AS v(e, n)"))
    assert app.dataframe[0].value["n"].to_list() == [1, 2]
    assert len(app.get("plotly_chart")) == 1
    across = next(box for box in app.selectbox if box.label == "X axis")
    for kind in ("lines", "points", "bars"):
        next(box for box in app.selectbox if box.label == "Kind").set_value(kind)
        for name in across.options:
            next(box for box in app.selectbox if box.label == "X axis").set_value(name)
            settled(app.run())


def test_answers_of_all_sessions_are_bounded(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_run, "MOST_BYTES", 1_000_000)
    held = []
    for _ in range(3):
        held.append(query_run.QueryRun(query_run.Statement("FROM range(60_000)"), client))  # type: ignore[arg-type]
        held[-1].wait(20)
    assert [run.released for run in held] == [True, False, False]


def test_without_a_warehouse_the_tables_come_later(
    client: Client, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dead() -> None:
        raise WarehouseUnavailable("nobody there")

    monkeypatch.setattr(client, "tables", dead)
    assert "once the warehouse answers" in words(open_page("sql"))
