"""The links SQL below what pages show: each opens the very statement that the page asked, in any process."""

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
from tests.unit.dashboard.conftest import House, Open, words
from tests.unit.dashboard.test_fulfilment import entered, moved
from tests.unit.dashboard.test_orders import sold
from tests.unit.dashboard.test_sql import Client, client, settled, text, typed

__all__ = ["client"]
_TIME = re.compile(r"'\d{4}-\d\d-\d\dT[^']*'")
HOSTILE = "x'; \"](javascript:alert(1)) é\n"
CHANGED = Query(
    "test.filtered",
    "Something chosen.",
    "SELECT $since::TIMESTAMPTZ AS since, $word::VARCHAR AS word, $words AS words, $at::TIMESTAMPTZ AS at",
    defaults={"word": None, "words": ["a"], "at": None},
)


def links(app: AppTest) -> list[dict[str, str]]:
    """Where the links SQL of a page lead, as parameters."""
    found = re.findall(r"\[SQL\]\(/sql\?([^)\s]*)\)", words(app))
    return [dict(parse_qsl(one, strict_parsing=True)) for one in dict.fromkeys(found)]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Result]:
    """What pages asked, with what came."""
    found: list[Result] = []
    ask: Callable[..., Result] = query_cache.fetch

    def noted(*args: Any, **filters: Any) -> Result:
        found.append(ask(*args, **filters))
        return found[-1]

    monkeypatch.setattr(query_cache, "fetch", noted)
    return found


@pytest.fixture
def shop(house: House) -> House:
    house.stream("orders", 30, 40)
    house.stream("fulfilment", 40, 20)
    sold(house, 30, 30, 300_001)
    sold(house, 60, 10, 200_000, region="us")
    for step, state in enumerate(("reserving_stock", "requesting_payment", "releasing_stock", "compensated")):
        entered(house, "O-1", state, 185 - step, 185, reason="payment_declined" if step > 1 else None)
    moved(house, "O-1", "payment.authorised", 183)
    fields = {"region": "eu", "channel": "web", "payment_method": "card", "currency": "EUR", "amount_cents": 1_998}
    item = {"sku": "S-1", "quantity": 2, "unit_price_cents": 999}
    house.publish("order.placed", house.ago(190), order_id="O-1", customer_id="C-1", items=[item], **fields)
    return house


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
def test_a_link_opens_what_the_page_asked(
    shop: House, open_page: Open, asked: list[Result], path: str, query: dict[str, str], holds: str
) -> None:
    app = open_page(path, **{"range": "1h", **query})
    found = links(app)
    assert found
    statements = []
    for link in found:
        assert link.get("compare") == query.get("compare")
        linked = page_queries.known()[link["question"]]
        statements.append(editor.filled(linked, ViewState.read(link), link.get("given", "")))
    whole = {_TIME.sub("'time'", result.sql) for result in asked}
    assert {_TIME.sub("'time'", one) for one in statements} <= whole
    assert any(holds in one for one in statements)


def test_a_filtered_question_opens_on_the_page(shop: House, client: Client, open_page: Open) -> None:
    (link,) = [one for one in links(open_page("orders", region="us", range="1h")) if one["question"] == "orders.totals"]
    app = settled(open_page("sql", **link))
    assert "'us'" in text(app)
    assert "filtered as there" in words(app)
    assert app.dataframe[0].value["orders"].max() == 10
    assert app.query_params["given"] == link["given"]
    typed(app, "SELECT 1 AS changed")
    assert "given" not in app.query_params


def test_any_value_travels() -> None:
    filters = {"word": HOSTILE, "words": ["b", HOSTILE], "at": datetime(2026, 11, 23, tzinfo=UTC), "other": 1}
    chosen = CHANGED.chosen(filters)
    view = ViewState()
    told = editor.filled(CHANGED, view, chosen)
    assert _TIME.sub("", told) == _TIME.sub(
        "", CHANGED.filled({**filters, "since": view.period(datetime.now(UTC)).since})
    )
    assert "2026-11-23T00:00:00+00:00" in told
    assert CHANGED.chosen({"word": None, "words": ["a"]}) == ""


@pytest.mark.parametrize(
    "given", ["{", "[1]", '"x"', '{"no":1}', '{"word":"\\ud800"}', "[" * 15_000, '{"word":' + "9" * 5_000 + "}"]
)
def test_other_filters_are_none_of_the_question(given: str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        CHANGED.given(given)


def test_a_link_with_other_filters_says_so(client: Client, open_page: Open) -> None:
    app = open_page("sql", question="test.filtered", given="[" * 15_000)
    assert "are not those of this query" in words(app)
    assert client.house.asked == []


MADE = (
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


@pytest.mark.parametrize("name", MADE)
def test_a_link_is_older_than_the_process(house: House, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delitem(query_module._KNOWN, name, raising=False)
    query = page_queries.named(name)
    assert query is not None
    house.query(editor.filled(query, ViewState()))


@pytest.mark.parametrize("name", ["events.search.orders.no_such", "events.search.no_such.region", "events.search.all."])
def test_a_field_that_no_stream_has_opens_nothing(house: House, name: str) -> None:
    assert queries.called(query_cache.catalog(), name) is None


def test_every_search_is_found_by_its_name(house: House) -> None:
    """Whatever streams a type leads to."""
    catalog = query_cache.catalog()
    kinds = {one for topic in queries.kept(catalog) for one in queries.types_of(catalog.streams[topic])}
    for asked in (Criteria(ALL, type=kind, field="event_id", value="x") for kind in sorted(kinds)):
        query = queries.search(catalog, asked.streams(catalog), asked.by)
        assert query is not None
        assert queries.called(catalog, query.name) == query


def test_a_question_that_is_made_later_is_known(client: Client, open_page: Open) -> None:
    """The page SQL was shown first, then another page made a question for what was chosen there."""
    assert "No page has a query" in words(open_page("sql", question="test.later"))
    Query("test.later", "Later.", "SELECT 42 AS n")
    try:
        assert text(settled(open_page("sql", question="test.later"))) == "SELECT 42 AS n"
    finally:
        del query_module._KNOWN["test.later"]
