"""Messages of a saga that enters a state: its own event, and the requests and order events that go with it.

Event ids derive from the order, the state and the attempt; a state is entered once, so they are unique.
"""

from __future__ import annotations

import zlib
from typing import Literal

from processors.fulfilment.saga import Saga
from processors.streaming.output import Output
from streamgauge.catalog.commerce.events import FulfilmentEvent, OrderEvent, OrderItem, PaymentEvent, ShipmentEvent
from streamgauge.domain.saga import BACK, State

SOURCE = "fulfilment"
CARRIERS = ("parcelo", "swiftpost", "northline")

_Type = Literal[
    "saga.started", "saga.advanced", "saga.completed", "saga.compensating", "saga.compensated", "saga.failed"
]
_TYPES: dict[State, _Type] = {
    State.COMPLETED: "saga.completed",
    State.COMPENSATED: "saga.compensated",
    State.FAILED: "saga.failed",
}


def of(saga: Saga, now_ms: int) -> list[Output]:
    """Everything to publish for the state and the attempt the saga is in."""
    outputs = [_saga_event(saga, now_ms)]
    state, first = saga.state, saga.attempt == 1
    if state is State.REQUESTING_PAYMENT:
        outputs.append(_payment(saga, "payment.requested", now_ms))
    elif state is State.REFUNDING_PAYMENT:
        outputs.append(_payment(saga, "payment.refund_requested", now_ms))
    elif state is State.REQUESTING_SHIPMENT:
        if first:
            outputs.append(_order(saga, "order.confirmed", now_ms))
        outputs.append(_shipment(saga, now_ms))
    elif state is State.COMPLETED:
        outputs.append(_order(saga, "order.completed", now_ms))
    elif state is State.COMPENSATED:
        outputs.append(_order(saga, "order.cancelled", now_ms))
    return outputs


def _items(saga: Saga) -> list[OrderItem] | None:
    """What is requested of the stock service: lines it has not answered, or may hold."""
    if saga.state is State.RESERVING_STOCK:
        lines = [line for line in saga.lines if line.stock == "asked"]
    elif saga.state is State.RELEASING_STOCK:
        lines = [line for line in saga.lines if line.stock in ("asked", "reserved")]
    elif saga.state is State.COMPLETED:
        lines = saga.lines
    else:
        return None
    return [OrderItem(line.sku, line.quantity, line.unit_price_cents) for line in lines]


def _saga_event(saga: Saga, now_ms: int) -> Output:
    state = saga.state
    event_type: _Type = _TYPES.get(state) or ("saga.compensating" if state in BACK else "saga.advanced")
    if state is State.RESERVING_STOCK and saga.attempt == 1:
        event_type = "saga.started"
    ended = state in _TYPES
    event = FulfilmentEvent(
        event_id=f"{saga.order_id}-{state}-{saga.attempt}",
        event_type=event_type,
        occurred_at=now_ms,
        source=SOURCE,
        schema_version=1,
        order_id=saga.order_id,
        state=state,
        started_at=saga.started_at,
        amount_cents=saga.amount_cents,
        previous_state=saga.previous_state,
        reason=saga.reason,
        attempt=saga.attempt,
        deadline_at=None if ended else saga.deadline_at,
        items=_items(saga),
    )
    return Output("fulfilment", saga.order_id, event)


def _placed(saga: Saga) -> OrderEvent:
    if saga.order is None:
        raise ValueError(f"the order of saga {saga.order_id} is missing, though it has not ended")
    return saga.order


def _order(saga: Saga, kind: Literal["order.confirmed", "order.completed", "order.cancelled"], now_ms: int) -> Output:
    order = _placed(saga)
    event = OrderEvent(
        event_id=f"{saga.order_id}-{kind}",
        event_type=kind,
        occurred_at=now_ms,
        source=SOURCE,
        schema_version=1,
        order_id=order.order_id,
        customer_id=order.customer_id,
        region=order.region,
        channel=order.channel,
        payment_method=order.payment_method,
        currency=order.currency,
        amount_cents=order.amount_cents,
        items=order.items,
        campaign_id=order.campaign_id,
        reason=saga.reason,
        card=order.card,
    )
    return Output("orders", saga.order_id, event)


def _payment(saga: Saga, kind: Literal["payment.requested", "payment.refund_requested"], now_ms: int) -> Output:
    order = _placed(saga)
    event = PaymentEvent(
        event_id=f"{saga.order_id}-{kind}-{saga.attempt}",
        event_type=kind,
        occurred_at=now_ms,
        source=SOURCE,
        schema_version=1,
        payment_id=f"P-{saga.order_id}",
        order_id=order.order_id,
        customer_id=order.customer_id,
        method=order.payment_method,
        amount_cents=order.amount_cents,
        currency=order.currency,
        reason=saga.reason,
        card=order.card,
        region=order.region,
    )
    return Output("payments", saga.order_id, event)


def _shipment(saga: Saga, now_ms: int) -> Output:
    order = _placed(saga)
    event = ShipmentEvent(
        event_id=f"{saga.order_id}-shipment.requested-{saga.attempt}",
        event_type="shipment.requested",
        occurred_at=now_ms,
        source=SOURCE,
        schema_version=1,
        shipment_id=f"S-{saga.order_id}",
        order_id=order.order_id,
        # One carrier an order, the same at each attempt.
        carrier=CARRIERS[zlib.crc32(saga.order_id.encode()) % len(CARRIERS)],
        region=order.region,
    )
    return Output("shipments", saga.order_id, event)
