"""The commerce catalog: orders, inventory, marketing, payments, shipments (docs/architecture.md has the table)."""

from catalog.commerce.events import InventoryEvent, MarketingEvent, OrderEvent, PaymentEvent, ShipmentEvent
from catalog.stream import Stream

STREAMS = (
    Stream("orders", OrderEvent, key="order_id", amount="amount_cents"),
    Stream("inventory", InventoryEvent, key="sku"),
    Stream("marketing", MarketingEvent, key="customer_id"),
    Stream("payments", PaymentEvent, key="order_id", amount="amount_cents"),
    Stream("shipments", ShipmentEvent, key="order_id"),
)
