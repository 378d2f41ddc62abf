"""Event classes: past-tense facts. Unknown fields are ignored; events with missing or invalid ones are dead-lettered.

`gc=False` tells msgspec that no event can be part of a reference cycle, which halves the cost of decoding.
"""

from typing import Literal

import msgspec

from streamgauge.catalog.commerce.values import MarketingChannel, OrderChannel, PaymentMethod, Segment
from streamgauge.catalog.envelope import Envelope
from streamgauge.catalog.types import Cents, Count, Id, Millis, Quantity, Share, SignedCents, Text


class OrderItem(msgspec.Struct, gc=False):
    """One line of an order."""

    sku: Id
    quantity: Quantity
    unit_price_cents: Cents


class OrderEvent(Envelope, gc=False, kw_only=True):
    """Topic `orders`, key `order_id`."""

    event_type: Literal["order.placed", "order.confirmed", "order.cancelled", "order.completed"]
    order_id: Id
    customer_id: Id
    region: Id
    channel: OrderChannel
    payment_method: PaymentMethod
    currency: Id
    amount_cents: Cents
    items: list[OrderItem]
    campaign_id: Id | None = None
    reason: Text | None = None
    card: Id | None = None


class InventoryEvent(Envelope, gc=False, kw_only=True):
    """Topic `inventory`, key `sku`. `on_hand` and `reserved` are the levels after the event."""

    event_type: Literal["stock.received", "stock.reserved", "stock.released", "stock.shipped", "stock.rejected"]
    sku: Id
    location: Id
    quantity: Quantity
    on_hand: Count
    reserved: Count
    order_id: Id | None = None


class MarketingEvent(Envelope, gc=False, kw_only=True):
    """Topic `marketing`, key `customer_id`."""

    event_type: Literal["ad.impression", "ad.click", "email.sent", "email.opened", "promotion.redeemed"]
    campaign_id: Id
    channel: MarketingChannel
    customer_id: Id
    cost_cents: Cents
    order_id: Id | None = None


class PaymentEvent(Envelope, gc=False, kw_only=True):
    """Topic `payments`, key `order_id`."""

    event_type: Literal[
        "payment.requested",
        "payment.authorised",
        "payment.declined",
        "payment.refund_requested",
        "payment.refunded",
    ]
    payment_id: Id
    order_id: Id
    customer_id: Id
    method: PaymentMethod
    amount_cents: Cents
    currency: Id
    reason: Text | None = None
    card: Id | None = None
    region: Id | None = None


class ShipmentEvent(Envelope, gc=False, kw_only=True):
    """Topic `shipments`, key `order_id`."""

    event_type: Literal["shipment.requested", "shipment.dispatched", "shipment.delivered", "shipment.failed"]
    shipment_id: Id
    order_id: Id
    carrier: Id
    region: Id
    reason: Text | None = None


class FulfilmentEvent(Envelope, gc=False, kw_only=True):
    """Topic `fulfilment`, key `order_id`: a saga entered `state`. The stock and shipping services take it as a command
    where `state` is one of theirs (ADR 7); `attempt` counts from 1, `deadline_at` is when the step is timed out."""

    event_type: Literal[
        "saga.started", "saga.advanced", "saga.completed", "saga.compensating", "saga.compensated", "saga.failed"
    ]
    order_id: Id
    state: Id
    started_at: Millis
    amount_cents: Cents
    previous_state: Id | None = None
    reason: Text | None = None
    attempt: Count | None = None
    deadline_at: Millis | None = None
    items: list[OrderItem] | None = None


class FraudEvent(Envelope, gc=False, kw_only=True):
    """Topic `fraud`, key `customer_id`: a rule fired (`fraud.flagged`, one each), and then the verdict on the payment.

    `rule` of a verdict is the strongest rule that fired, or `none`; `detail` is the evidence in words.
    """

    event_type: Literal["fraud.flagged", "fraud.declined", "fraud.cleared"]
    customer_id: Id
    order_id: Id
    payment_method: PaymentMethod
    amount_cents: Cents
    rule: Id
    score: Share
    detail: Text


class AttributionEvent(Envelope, gc=False, kw_only=True):
    """Topic `attribution`, key `order_id`. `occurred_at` is when the order was placed; a click that came too late takes
    the credit from another campaign by `attribution.reversed`, then `attribution.credited`."""

    event_type: Literal["attribution.credited", "attribution.reversed"]
    order_id: Id
    customer_id: Id
    campaign_id: Id
    channel: MarketingChannel
    amount_cents: Cents
    clicked_at: Millis
    segment: Segment | None = None
    campaign_name: Text | None = None
    category: Id | None = None
    margin_cents: SignedCents | None = None


class CampaignEvent(Envelope, gc=False, kw_only=True):
    """Topic `campaigns`, key `campaign_id`, compacted: reference data, in force from `occurred_at` on."""

    event_type: Literal["campaign.updated"]
    campaign_id: Id
    name: Text
    channel: MarketingChannel
    category: Id
    starts_at: Millis
    ends_at: Millis | None = None


class ProductEvent(Envelope, gc=False, kw_only=True):
    """Topic `products`, key `sku`, compacted: reference data, in force from `occurred_at` on."""

    event_type: Literal["product.updated"]
    sku: Id
    name: Text
    category: Id
    price_cents: Cents
    cost_cents: Cents
