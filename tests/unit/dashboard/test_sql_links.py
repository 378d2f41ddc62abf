"""The SQL links below figures: each opens the exact statement of the page, in any process."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.data import query as query_module
from dashboard.data import query_cache
from dashboard.data.query import Query
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.pages.events import queries
from dashboard.pages.events.search import ALL, Criteria
from dashboard.pages.sql import editor, page_queries
from tests.unit.dashboard.commerce_rows import add_order_window, publish_payment, publish_saga_state
from tests.unit.dashboard.conftest import OpenPage, page_text
from tests.unit.dashboard.fakes import FakeClient, FakeWarehouse
from tests.unit.dashboard.sql_page import editor_text, run_statement, wait_for_query

_TIME = re.compile(r"'\d{4}-\d\d-\d\dT[^']*'")
HOSTILE = "x'; \"](javascript:alert(1)) é\n"
FILTERED = Query(
    "test.filtered",
    "Something chosen.",
    "SELECT $since::TIMESTAMPTZ AS since, $word::VARCHAR AS word, $words AS words, $at::TIMESTAMPTZ AS at",
    defaults={"word": None, "words": ["a"], "at": None},
)


def links(app: AppTest) -> list[dict[str, str]]:
    """Parameters of the SQL links of a page."""
    hrefs = re.findall(r"\[SQL\]\(/sql\?([^)\s]*)\)", page_text(app))
    return [dict(parse_qsl(one, strict_parsing=True)) for one in dict.fromkeys(hrefs)]


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch) -> list[Result]:
    """The results of all queries of the pages."""
    results: list[Result] = []
    fetch: Callable[..., Result] = query_cache.fetch

    def recorded(*args: Any, **filters: Any) -> Result:
        results.append(fetch(*args, **filters))
        return results[-1]

    monkeypatch.setattr(query_cache, "fetch", recorded)
    return results


@pytest.fixture
def shop(warehouse: FakeWarehouse) -> FakeWarehouse:
    warehouse.stream("orders", 30, 40)
    warehouse.stream("fulfilment", 40, 20)
    add_order_window(warehouse, 30, 30, 300_001)
    add_order_window(warehouse, 60, 10, 200_000, region="us")
    for step, state in enumerate(("reserving_stock", "requesting_payment", "releasing_stock", "compensated")):
        publish_saga_state(warehouse, "O-1", state, 185 - step, 185, reason="payment_declined" if step > 1 else None)
    publish_payment(warehouse, "O-1", "payment.authorised", 183)
    fields = {"region": "eu", "channel": "web", "payment_method": "card", "currency": "EUR", "amount_cents": 1_998}
    item = {"sku": "S-1", "quantity": 2, "unit_price_cents": 999}
    warehouse.publish("order.placed", warehouse.ago(190), order_id="O-1", customer_id="C-1", items=[item], **fields)
    return warehouse


@pytest.mark.parametrize(
    ("path", "query", "holds"),
    [
        ("orders", {"region": "us", "compare": "yesterday"}, "'us'"),
        ("events", {"order": "O-1"}, "story('O-1', of_kind := 'order_id')"),
        ("events", {"customer": "C-1"}, "story('C-1', of_kind := 'customer_id'"),
        ("events", {"key": "O-1"}, "= 'O-1'"),
        ("events", {"field": "order_id", "match": "contains", "value": "o-1"}, "lower('o-1'::VARCHAR)"),
        ("fulfilment", {}, "O-1"),
        ("fulfilment", {"order": "O-1"}, "'O-1'"),
    ],
)
def test_a_link_opens_the_statement_of_the_page(
    shop: FakeWarehouse, open_page: OpenPage, results: list[Result], path: str, query: dict[str, str], holds: str
) -> None:
    app = open_page(path, **{"range": "1h", **query})
    opened = links(app)
    assert opened
    statements = []
    for link in opened:
        assert link.get("compare") == query.get("compare")
        linked = page_queries.known()[link["question"]]
        statements.append(editor.filled(linked, ViewState.read(link), link.get("given", "")))
    whole = {_TIME.sub("'time'", result.sql) for result in results}
    assert {_TIME.sub("'time'", one) for one in statements} <= whole
    assert any(holds in one for one in statements)


def test_a_filtered_query_opens_with_its_filters(
    shop: FakeWarehouse, sql_client: FakeClient, open_page: OpenPage
) -> None:
    (link,) = [one for one in links(open_page("orders", region="us", range="1h")) if one["question"] == "orders.totals"]
    app = wait_for_query(open_page("sql", **link))
    assert "'us'" in editor_text(app)
    assert "filtered as there" in page_text(app)
    assert app.dataframe[0].value["orders"].max() == 10
    assert app.query_params["given"] == link["given"]
    run_statement(app, "SELECT 1 AS changed")
    assert "given" not in app.query_params


def test_filters_of_any_value_survive_a_link() -> None:
    filters = {"word": HOSTILE, "words": ["b", HOSTILE], "at": datetime(2026, 11, 23, tzinfo=UTC), "other": 1}
    chosen = FILTERED.chosen(filters)
    view = ViewState()
    statement = editor.filled(FILTERED, view, chosen)
    assert _TIME.sub("", statement) == _TIME.sub(
        "", FILTERED.filled({**filters, "since": view.period(datetime.now(UTC)).since})
    )
    assert "2026-11-23T00:00:00+00:00" in statement
    assert FILTERED.chosen({"word": None, "words": ["a"]}) == ""


@pytest.mark.parametrize(
    "given", ["{", "[1]", '"x"', '{"no":1}', '{"word":"\\ud800"}', "[" * 15_000, '{"word":' + "9" * 5_000 + "}"]
)
def test_invalid_filters_are_rejected(given: str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        FILTERED.given(given)


def test_a_link_with_invalid_filters_is_reported(sql_client: FakeClient, open_page: OpenPage) -> None:
    app = open_page("sql", question="test.filtered", given="[" * 15_000)
    assert "are not those of this query" in page_text(app)
    assert sql_client.warehouse.statements == []


GENERATED = (
    "events.search.all",
    "events.search.orders",
    "events.one.orders",
    "events.types.orders",
    "events.search.orders.region",
    "events.search.all.order_id.contains",
    "events.search.orders.items.sku",
    "pipeline.hot_keys.orders",
    "proof.places",
)


@pytest.mark.parametrize("name", GENERATED)
def test_a_link_opens_in_a_process_that_has_not_shown_the_page(
    warehouse: FakeWarehouse, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delitem(query_module._KNOWN, name, raising=False)
    query = page_queries.named(name)
    assert query is not None
    warehouse.query(editor.filled(query, ViewState()))


@pytest.mark.parametrize("name", ["events.search.orders.no_such", "events.search.no_such.region", "events.search.all."])
def test_an_unknown_field_opens_nothing(warehouse: FakeWarehouse, name: str) -> None:
    assert queries.called(query_cache.catalog(), name) is None


def test_every_search_is_found_by_name(warehouse: FakeWarehouse) -> None:
    """For every event type, whatever its streams."""
    catalog = query_cache.catalog()
    kinds = {one for topic in queries.kept(catalog) for one in queries.types_of(catalog.streams[topic])}
    for criteria in (Criteria(ALL, type=kind, field="event_id", value="x") for kind in sorted(kinds)):
        query = queries.search(catalog, criteria.streams(catalog), criteria.by)
        assert query is not None
        assert queries.called(catalog, query.name) == query


def test_a_query_created_later_is_found(sql_client: FakeClient, open_page: OpenPage) -> None:
    """The page SQL was shown first, then another page created the query for a filter chosen there."""
    assert "No page has a query" in page_text(open_page("sql", question="test.later"))
    Query("test.later", "Later.", "SELECT 42 AS n")
    try:
        assert editor_text(wait_for_query(open_page("sql", question="test.later"))) == "SELECT 42 AS n"
    finally:
        del query_module._KNOWN["test.later"]
