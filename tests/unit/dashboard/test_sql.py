"""The page SQL over a real DuckDB: links, results, and how queries end."""

from __future__ import annotations

import pytest

from dashboard.pages.sql import query_run
from streamgauge.warehouse.client import Busy, QueryError, WarehouseUnavailable
from tests.unit.dashboard.conftest import OpenPage, page_text, sent_charts
from tests.unit.dashboard.fakes import FakeClient, FakeWarehouse
from tests.unit.dashboard.sql_page import editor_text, run_statement, wait_for_query


def test_a_statement_gives_rows_and_a_link(
    warehouse: FakeWarehouse, sql_client: FakeClient, open_page: OpenPage
) -> None:
    warehouse.stream("orders", 20, 200)
    app = open_page("sql")
    assert "stream_windows" in editor_text(app)
    assert warehouse.statements == []
    run_statement(app, "SELECT stream, sum(events)::BIGINT AS events FROM stream_windows GROUP BY ALL")
    assert app.dataframe[0].value.to_dict("records") == [{"stream": "orders", "events": 200}]
    assert "1 row · 2 columns" in page_text(app)
    assert app.query_params["q"] == "SELECT stream, sum(events)::BIGINT AS events FROM stream_windows GROUP BY ALL"


def test_a_link_opens_and_runs_its_statement_once(sql_client: FakeClient, open_page: OpenPage) -> None:
    app = wait_for_query(open_page("sql", q="SELECT 41 + 1 AS n"))
    assert editor_text(app) == "SELECT 41 + 1 AS n"
    assert app.dataframe[0].value["n"].to_list() == [42]
    sent = len(sql_client.warehouse.statements)
    app.run()
    assert len(sql_client.warehouse.statements) == sent


def test_a_query_of_a_page_opens_for_the_range(
    warehouse: FakeWarehouse, sql_client: FakeClient, open_page: OpenPage
) -> None:
    app = wait_for_query(open_page("sql", question="overview.orders", range="1h"))
    assert "INTERVAL" not in editor_text(app)
    assert "$since" not in editor_text(app)
    assert "Orders placed and their amount" in page_text(app)
    assert app.dataframe[0].value["orders"].to_list() == [0]
    assert "q" not in app.query_params
    run_statement(app, "SELECT 1 AS changed")
    assert "question" not in app.query_params
    assert app.query_params["q"] == "SELECT 1 AS changed"


@pytest.mark.parametrize(
    ("params", "message"),
    [({"question": "no.such"}, "No page has a query"), ({"q": "x" * 20_001}, "longer than 20,000")],
)
def test_an_invalid_link_is_reported(
    sql_client: FakeClient, open_page: OpenPage, params: dict[str, str], message: str
) -> None:
    app = open_page("sql", **params)
    assert message in page_text(app)
    assert sql_client.warehouse.statements == []


def test_an_error_is_marked_in_the_statement(sql_client: FakeClient, open_page: OpenPage) -> None:
    app = wait_for_query(open_page("sql", q="SELECT region,\n  revenu\nFROM order_windows"))
    assert "DuckDB cannot run this**, line 2" in page_text(app)
    assert "2 │   revenu\n  │   ↑" in app.code[0].value
    assert "revenue_cents" in page_text(app)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (QueryError("timeout", "cut after 10 s"), "Use a shorter time range"),
        (Busy("4 queries are running; try again"), "Run it again"),
        (WarehouseUnavailable("nobody there"), "The warehouse does not answer"),
    ],
)
def test_errors_have_advice(sql_client: FakeClient, open_page: OpenPage, error: Exception, message: str) -> None:
    sql_client.warehouse.error = error
    assert message in page_text(wait_for_query(open_page("sql", q="SELECT 1")))


def test_cancel_ends_the_query_in_the_warehouse(sql_client: FakeClient, open_page: OpenPage) -> None:
    sql_client.may_answer.clear()
    app = open_page("sql", q="SELECT 1 AS n")
    assert "Running …" in page_text(app)
    next(button for button in app.button if button.label == "Cancel").click().run()
    assert "Cancelled" in page_text(wait_for_query(app))
    assert len(sql_client.cancelled) == 1


def test_a_session_runs_one_query_at_a_time(sql_client: FakeClient, open_page: OpenPage) -> None:
    sql_client.may_answer.clear()
    app = open_page("sql", q="SELECT 1 AS n")
    run_statement(app, "SELECT 2 AS n")
    assert len(sql_client.cancelled) == 1
    assert app.dataframe[0].value["n"].to_list() == [2]


def test_as_of_a_time(sql_client: FakeClient, open_page: OpenPage) -> None:
    app = wait_for_query(open_page("sql", q="SELECT 1 AS n", as_of="2026-11-23T04:00:00Z", known="1"))
    (as_of,) = sql_client.as_ofs
    assert as_of is not None
    assert (as_of.at, as_of.known_only) == ("2026-11-23T04:00:00Z", True)
    assert "windows before yesterday are left out" in page_text(app)
    assert "as of 2026-11-23T04:00:00Z" in page_text(app)


def test_no_more_rows_than_a_browser_holds(sql_client: FakeClient, open_page: OpenPage) -> None:
    app = wait_for_query(open_page("sql", q="FROM range(10001)"))
    assert len(app.dataframe[0].value) == 10_000
    assert "The first 10,000 of 10,001 rows" in page_text(app)


def test_examples_and_history_open(sql_client: FakeClient, open_page: OpenPage) -> None:
    app = wait_for_query(open_page("sql", q="SELECT 1 AS n"))
    title = "Revenue by region and hour"
    wait_for_query(next(button for button in app.button if button.label == title).click().run())
    assert "date_trunc('hour', window_start)" in editor_text(app)
    assert "date_trunc" in app.query_params["q"]
    again = [button for button in app.button if button.label == "Run again"]
    wait_for_query(again[1].click().run())
    assert editor_text(app) == "SELECT 1 AS n"


def test_text_stays_text(sql_client: FakeClient, open_page: OpenPage) -> None:
    """Names and cells may be text of events: none is in an element that renders Markdown."""
    evil = "![x](https://evil.example/x.png)"
    app = wait_for_query(open_page("sql", q=f"SELECT '{evil}' AS \"{evil}\", 1 AS n UNION ALL SELECT 'b', 2"))
    assert app.dataframe[0].value[evil].to_list() == [evil, "b"]
    rendered = (*app.markdown, *app.caption, *app.subheader, *app.error, *app.info, *app.warning)
    assert not [element for element in rendered if "evil" in str(element.value)]
    run_statement(app, f'SELECT "{evil}" FROM order_windows')
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
def test_results_of_every_type_are_shown_and_drawn(sql_client: FakeClient, open_page: OpenPage, columns: str) -> None:
    app = wait_for_query(open_page("sql", q=f"SELECT {columns} FROM (VALUES ('a', 1), ('b', 2)) AS v(e, n)"))
    assert app.dataframe[0].value["n"].to_list() == [1, 2]
    assert len(sent_charts(app)) == 1
    across = next(box for box in app.selectbox if box.label == "X axis")
    for kind in ("lines", "points", "bars"):
        next(box for box in app.selectbox if box.label == "Kind").set_value(kind)
        for name in across.options:
            next(box for box in app.selectbox if box.label == "X axis").set_value(name)
            wait_for_query(app.run())


def test_the_size_of_all_kept_results_is_bounded(sql_client: FakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_run, "MOST_BYTES", 1_000_000)
    held = []
    for _ in range(3):
        held.append(query_run.QueryRun(query_run.Statement("FROM range(60_000)"), sql_client))  # type: ignore[arg-type]
        held[-1].wait(20)
    assert [run.released for run in held] == [True, False, False]


def test_without_a_warehouse_the_list_of_tables_is_empty(
    sql_client: FakeClient, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dead() -> None:
        raise WarehouseUnavailable("nobody there")

    monkeypatch.setattr(sql_client, "tables", dead)
    assert "once the warehouse answers" in page_text(open_page("sql"))
