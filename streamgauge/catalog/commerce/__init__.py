"""Commerce catalog: the events that the shop's services publish, and reference data (docs/commerce.md)."""

from streamgauge.catalog.commerce.causes import CAUSES
from streamgauge.catalog.commerce.events import (
    AttributionEvent,
    CampaignEvent,
    FraudEvent,
    FulfilmentEvent,
    InventoryEvent,
    MarketingEvent,
    OrderEvent,
    PaymentEvent,
    ProductEvent,
    ShipmentEvent,
)
from streamgauge.catalog.stream import Stream

__all__ = ["CAUSES", "INTERNAL_TOPICS", "STREAMS"]
STREAMS = (
    Stream("orders", OrderEvent, key="order_id", amount="amount_cents", belongs_to="customer_id"),
    Stream("inventory", InventoryEvent, key="sku"),
    Stream("marketing", MarketingEvent, key="customer_id"),
    Stream("payments", PaymentEvent, key="order_id", amount="amount_cents"),
    Stream("shipments", ShipmentEvent, key="order_id"),
    Stream("fulfilment", FulfilmentEvent, key="order_id", amount="amount_cents"),
    Stream("fraud", FraudEvent, key="customer_id", amount="amount_cents"),
    Stream("attribution", AttributionEvent, key="order_id", amount="amount_cents"),
    Stream("campaigns", CampaignEvent, key="campaign_id", compacted=True),
    Stream("products", ProductEvent, key="sku", compacted=True),
)
# The fulfilment saga's clock: a tick a second for each partition, so that a step is timed out without a new event.
INTERNAL_TOPICS = ("fulfilment-ticks",)
