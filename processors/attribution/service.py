"""Attribution: the campaign that an order is credited to, and its revenue and margin.

Input:     `orders` (order.placed) and `marketing` (ad.click, email.opened), re-keyed by customer; `campaigns` and
           `products`, read whole by every replica (reference.py).
Output:    `attribution`: `attribution.credited`, and `attribution.reversed` when a late click takes a credit over.
           `occurred_at` is the order's.
State:     a customer's recent clicks and orders (rules.Customer), bounded, in RocksDB with a changelog.
Guarantee: exactly once (processors/streaming). An order has at most one credit at a time: credits minus reversals are
           correct in whatever order the events came, within STREAMGAUGE_ATTRIBUTION_GRACE_HOURS.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from processors.attribution import rules
from processors.attribution.reference import Follower, Versions
from processors.attribution.rules import Change, Click, CustomerState, Order, Policy
from processors.streaming import runner
from processors.streaming.output import Output
from processors.streaming.service import Service
from streamgauge.catalog.commerce.events import (
    AttributionEvent,
    CampaignEvent,
    MarketingEvent,
    OrderEvent,
    OrderItem,
    ProductEvent,
)
from streamgauge.runtime import metrics
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.settings import Settings

NAME = "attribution"
STREAMS = frozenset({"orders", "marketing", "campaigns", "products", "attribution"})
CLICKS = frozenset({"ad.click", "email.opened"})
FOLLOW_EVERY_S = 0.1
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
_KNOWN = "customer"


class Reference:
    """Campaigns and products. Unknown ones are left out and counted."""

    def __init__(self, campaigns: Versions[CampaignEvent], products: Versions[ProductEvent]) -> None:
        self._campaigns, self._products = campaigns, products
        unknown = metrics.counter("streamgauge_attribution_unknown_total")
        self._unknown_campaign, self._unknown_product = unknown.labels("campaigns"), unknown.labels("products")

    def name(self, campaign_id: str, at: int) -> str | None:
        """Name of the campaign at time `at` (ms); None when unknown."""
        campaign = self._campaigns.at(campaign_id, at)
        if campaign is None:
            self._unknown_campaign.inc()
            return None
        return campaign.name

    def basket(self, items: Sequence[OrderItem], at: int) -> tuple[str | None, int | None]:
        """Category of the most expensive item, and the margin of all items (cents), at time `at`; None when unknown."""
        products = [self._products.at(item.sku, at) for item in items]
        if None in products:
            self._unknown_product.inc()
        known = [(item, product) for item, product in zip(items, products, strict=True) if product is not None]
        dearest = max(range(len(items)), key=lambda number: items[number].unit_price_cents, default=None)
        first = None if dearest is None else products[dearest]
        margin = sum(item.quantity * (item.unit_price_cents - product.cost_cents) for item, product in known)
        return (None if first is None else first.category), (margin if len(known) == len(items) else None)


class Routing(msgspec.Struct, gc=False):
    """The part of an event that decides its customer."""

    event_type: str
    customer_id: str


def customer_of(wanted: frozenset[str]) -> Callable[[bytes | None], str | None]:
    """A function that finds the customer of a wanted event. What cannot be parsed is dropped: analytics dead-letters
    it.
    """
    decode = msgspec.json.Decoder(Routing).decode

    def customer(value: bytes | None) -> str | None:
        try:
            # A message may have no value.
            routing = decode(value or b"")
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return None
        return routing.customer_id if routing.event_type in wanted else None

    return customer


def step(
    policy: Policy, reference: Reference, customer: CustomerState, event: OrderEvent | MarketingEvent
) -> tuple[CustomerState, list[Output]]:
    """Apply one event of a customer: the new state, and the events to publish."""
    if isinstance(event, OrderEvent):
        kind, at = "order", event.occurred_at
        category, margin = reference.basket(event.items, at)
        one: Click | Order = Order(
            at, event.event_id, event.customer_id, event.order_id, event.amount_cents, category, margin
        )
    else:
        kind = "click"
        one = Click(event.occurred_at, event.event_id, event.customer_id, event.campaign_id, event.channel)
    outcome = rules.apply(policy, customer, one)
    metrics.counter("streamgauge_attribution_events_total").labels(kind, outcome.arrival).inc()
    return outcome.customer, [published(change, event.event_id, reference) for change in outcome.changes]


def published(change: Change, cause: str, reference: Reference) -> Output:
    """The event of a change. Its id derives from the order and the cause, so a repetition has the same id."""
    order, click = change.order, change.credit.click
    metrics.counter("streamgauge_attribution_changes_total").labels(change.kind).inc()
    digest = blake2b(f"{change.kind} {order.order_id} {cause}".encode(), digest_size=16).hexdigest()
    event = AttributionEvent(
        event_id=f"attribution-{digest}",
        event_type=f"attribution.{change.kind}",  # type: ignore[arg-type]
        occurred_at=order.at,
        source=NAME,
        schema_version=1,
        order_id=order.order_id,
        customer_id=order.customer_id,
        campaign_id=click.campaign_id,
        channel=click.channel,  # type: ignore[arg-type]
        amount_cents=order.amount_cents,
        clicked_at=click.at,
        segment=change.credit.segment,
        campaign_name=reference.name(click.campaign_id, order.at),
        category=order.category,
        margin_cents=order.margin_cents,
    )
    return Output("attribution", order.order_id, event)


def policy_of(settings: Settings) -> Policy:
    """The settings as a `Policy`."""
    return Policy(
        touch=settings.attribution_model,
        window_ms=settings.attribution_window_hours * HOUR_MS,
        grace_ms=settings.attribution_grace_hours * HOUR_MS,
        lapsed_ms=settings.attribution_lapsed_days * DAY_MS,
        clicks_kept=settings.attribution_clicks_kept,
    )


def build(service: Service) -> None:
    """Wire the topics. Raises `UsageError` when the catalog lacks a stream of commerce."""
    if missing := STREAMS - service.catalog.streams.keys():
        raise UsageError(f"catalog `{service.catalog.name}` has no stream `{min(missing)}`, which attribution needs")
    reference = _reference(service)
    policy = policy_of(service.settings)
    encode, decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(CustomerState).decode

    def handle(event: OrderEvent | MarketingEvent, _key: Any, _time: int, _headers: Any, state: Any) -> list[Output]:
        stored = state.get_bytes(_KNOWN)
        before = decode(stored) if stored else CustomerState()
        after, out = step(policy, reference, before, event)
        if after is not before:
            state.set_bytes(_KNOWN, encode(after))
        return out

    orders = service.rekeyed("orders", "customer", customer_of(frozenset({"order.placed"})))
    clicks = service.rekeyed("marketing", "customer", customer_of(CLICKS))
    service.publish(service.concat(orders, clicks).apply(handle, metadata=True, stateful=True, expand=True))


def _reference(service: Service) -> Reference:
    followers: list[Follower[Any]] = []
    for topic in ("campaigns", "products"):
        skipped = metrics.counter("streamgauge_service_events_skipped_total").labels(topic)
        followers.append(Follower(service.settings, service.catalog.streams[topic], skipped.inc))
        followers[-1].read_whole(service.process.stop)

    def follow() -> None:
        for follower in followers:
            follower.follow()

    service.every(FOLLOW_EVERY_S, follow)
    campaigns, products = followers
    return Reference(campaigns.versions, products.versions)


def main() -> int:
    """Entry point of `streamgauge process attribution`; returns the exit code."""
    return runner.run(NAME, build)
