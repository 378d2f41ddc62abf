"""Events in, events out: enrichment, and ids that follow from what caused the event."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from processors.attribution import service
from processors.attribution.reference import Versions
from processors.attribution.rules import CustomerState
from processors.attribution.service import CLICKS, HOUR_MS, Reference, build, customer_of, policy_of, step
from streamgauge.catalog import loader
from streamgauge.catalog.commerce.events import (
    AttributionEvent,
    CampaignEvent,
    MarketingEvent,
    OrderEvent,
    ProductEvent,
)
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.settings import Settings
from tests.support.attribution import campaign, click, order, product

POLICY = policy_of(Settings(attribution_window_hours=1))


def reference(*events: dict[str, Any]) -> Reference:
    campaigns: Versions[CampaignEvent] = Versions()
    products: Versions[ProductEvent] = Versions()
    for event in events:
        if "sku" in event:
            products.put(event["sku"], msgspec.convert(event, ProductEvent))
        else:
            campaigns.put(event["campaign_id"], msgspec.convert(event, CampaignEvent))
    return Reference(campaigns, products)


def run(known: Reference, *events: dict[str, Any]) -> list[AttributionEvent]:
    customer, published = CustomerState(), list[AttributionEvent]()
    for event in events:
        kind: Any = OrderEvent if event["event_type"].startswith("order.") else MarketingEvent
        customer, out = step(POLICY, known, customer, msgspec.convert(event, kind))
        for one in out:
            assert isinstance(one.event, AttributionEvent)
            assert (one.topic, one.key) == ("attribution", one.event.order_id)
            published.append(one.event)
    return published


TOYS = product("A", 0, 300)
BOOKS = product("B", 0, 900, "books")
SPRING = campaign("spring", 0, "Spring")
CLICK = click("k1", 10, "C", "spring")


@pytest.mark.parametrize(
    ("known", "lines", "category", "margin"),
    [
        ((TOYS, BOOKS), [("A", 2, 1_000), ("B", 1, 1_500)], "books", 2 * 700 + 600),
        ((TOYS, BOOKS), [("B", 1, 500)], "books", -400),
        ((TOYS,), [("A", 1, 1_000), ("B", 1, 900)], "toys", None),
        ((TOYS,), [("A", 1, 1_000), ("B", 1, 1_100)], None, None),
        ((TOYS,), [], None, 0),
    ],
)
def test_category_and_margin(known: Any, lines: Any, category: str | None, margin: int | None) -> None:
    (event,) = run(reference(SPRING, *known), CLICK, order("O", 20, "C", lines))
    assert (event.category, event.margin_cents, event.campaign_name) == (category, margin, "Spring")


def test_a_change_takes_effect_at_its_event_time() -> None:
    known = reference(SPRING, TOYS, product("A", 15, 800), campaign("spring", 15, "May"))
    orders = [order(f"O{at}", at, "C", [("A", 1, 1_000)]) for at in (20, 12)]
    events = run(known, CLICK, *orders)
    assert [(e.order_id, e.margin_cents, e.campaign_name) for e in events if e.event_type.endswith("credited")] == [
        ("O20", 200, "May"),
        ("O12", 700, "Spring"),
        ("O20", 200, "May"),  # the customer was not new any more
    ]


def test_unknown_fields_are_left_out_of_the_json() -> None:
    (event,) = run(reference(), CLICK, order("O", 20, "C", [("A", 1, 1)]))
    assert (event.campaign_name, event.category, event.margin_cents) == (None, None, None)
    # It is a valid event of its stream all the same.
    assert msgspec.json.decode(msgspec.json.encode(event), type=AttributionEvent) == event


def test_ids_follow_from_the_cause() -> None:
    story = [CLICK, order("O", 20, "C", []), click("k2", 15, "C", "summer")]
    first, again = run(reference(), *story), run(reference(), *story)
    assert [event.event_type.split(".")[1] for event in first] == ["credited", "reversed", "credited"]
    assert first == again
    assert len({event.event_id for event in first}) == 3
    assert {event.occurred_at for event in first} == {20}


def test_customer_of_an_event() -> None:
    clicks = customer_of(CLICKS)
    assert clicks(None) is None
    assert clicks(json.dumps(CLICK).encode()) == "C"
    assert clicks(json.dumps({**CLICK, "event_type": "ad.impression"}).encode()) is None
    assert clicks(b"not json") is None
    assert clicks(b"") is None


def test_a_catalog_without_its_streams_is_refused() -> None:
    other: Any = SimpleNamespace(catalog=loader.load("examples.sensors"))
    with pytest.raises(UsageError, match=r"catalog `examples.sensors` has no stream `attribution`"):
        build(other)


def test_the_settings_are_the_policy() -> None:
    policy = policy_of(Settings(attribution_model="first-touch", attribution_lapsed_days=2))
    assert (policy.touch, policy.lapsed_ms, policy.grace_ms) == ("first-touch", 48 * HOUR_MS, 24 * HOUR_MS)
    assert service.NAME == "attribution"
