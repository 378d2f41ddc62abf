"""Event classes: past-tense facts. Unknown fields are ignored, missing or wrong ones are dead-lettered.

`gc=False` tells msgspec that no event can be part of a reference cycle; it halves the cost of decoding.
"""

from typing import Literal

import msgspec

from catalog.types import Cents, Count, Id, Millis, Quantity, Text


class OrderItem(msgspec.Struct, gc=False):
    """One line of an order."""

    sku: Id
    quantity: Quantity
    unit_price_cents: Cents


class OrderEvent(msgspec.Struct, gc=False, kw_only=True):
    """Topic `orders`, key `order_id`."""

    event_id: Id
    event_type: Literal["order.placed", "order.confirmed", "order.cancelled", "order.completed"]
    occurred_at: Millis
    source: Id
    schema_version: Literal[1]
    order_id: Id
    customer_id: Id
    region: Id
    channel: Literal["web", "mobile", "store", "marketplace"]
    payment_method: Literal["card", "wallet", "bank_transfer", "bnpl"]
    currency: Id
    amount_cents: Cents
    items: list[OrderItem]
    campaign_id: Id | None = None
    reason: Text | None = None


class InventoryEvent(msgspec.Struct, gc=False, kw_only=True):
    """Topic `inventory`, key `sku`. `on_hand` and `reserved` are the levels after the event."""

    event_id: Id
    event_type: Literal["stock.received", "stock.reserved", "stock.released", "stock.shipped", "stock.rejected"]
    occurred_at: Millis
    source: Id
    schema_version: Literal[1]
    sku: Id
    location: Id
    quantity: Quantity
    on_hand: Count
    reserved: Count
    order_id: Id | None = None


class MarketingEvent(msgspec.Struct, gc=False, kw_only=True):
    """Topic `marketing`, key `customer_id`."""

    event_id: Id
    event_type: Literal["ad.impression", "ad.click", "email.sent", "email.opened", "promotion.redeemed"]
    occurred_at: Millis
    source: Id
    schema_version: Literal[1]
    campaign_id: Id
    channel: Literal["search", "social", "email", "display"]
    customer_id: Id
    cost_cents: Cents
    order_id: Id | None = None


class PaymentEvent(msgspec.Struct, gc=False, kw_only=True):
    """Topic `payments`, key `order_id`."""

    event_id: Id
    event_type: Literal[
        "payment.requested",
        "payment.authorised",
        "payment.declined",
        "payment.refund_requested",
        "payment.refunded",
    ]
    occurred_at: Millis
    source: Id
    schema_version: Literal[1]
    payment_id: Id
    order_id: Id
    customer_id: Id
    method: Literal["card", "wallet", "bank_transfer", "bnpl"]
    amount_cents: Cents
    currency: Id
    reason: Text | None = None


class ShipmentEvent(msgspec.Struct, gc=False, kw_only=True):
    """Topic `shipments`, key `order_id`."""

    event_id: Id
    event_type: Literal["shipment.requested", "shipment.dispatched", "shipment.delivered", "shipment.failed"]
    occurred_at: Millis
    source: Id
    schema_version: Literal[1]
    shipment_id: Id
    order_id: Id
    carrier: Id
    region: Id
    reason: Text | None = None
