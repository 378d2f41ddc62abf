"""State machine of the fulfilment saga, pure: `step(saga, event, now, limits) -> (saga, events to publish)`.

Its table is in streamgauge/domain/saga.py. An event without a transition in the saga's state changes nothing: a
duplicate, a late answer or one out of order, an answer after the end. What was done, or may have been done, is undone
in reverse order (`_undo`), whichever way the saga came.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from processors.fulfilment import messages
from processors.fulfilment.saga import Limits, Line, Saga
from processors.streaming.output import Output
from streamgauge.catalog.commerce.events import FraudEvent, InventoryEvent, OrderEvent, PaymentEvent, ShipmentEvent
from streamgauge.domain.saga import BACK, ENDED, FRAUD_DECLINED, TIMEOUT, TRANSITIONS, State

Event = OrderEvent | InventoryEvent | PaymentEvent | ShipmentEvent | FraudEvent
# The ids of an order's events are longer than its own, and an id has at most 200 characters.
MAX_ORDER_ID_CHARS, MAX_UNITS = 150, 10**12
# Notes the event in the saga and returns the state to enter, or None to stay.
_Apply = Callable[[Saga, Any, Limits], State | None]


class UnfitOrder(ValueError):
    """An order that is a valid event but cannot have a saga."""


def start(order: OrderEvent, now_ms: int, limits: Limits) -> tuple[Saga, list[Output]]:
    """An order was placed. One without items has nothing to fulfil and is cancelled at once.

    Raises `UnfitOrder`.
    """
    if len(order.order_id) > MAX_ORDER_ID_CHARS:
        raise UnfitOrder(f"an order_id of more than {MAX_ORDER_ID_CHARS} characters leaves no room for its events' ids")
    lines: dict[str, Line] = {}
    for item in order.items:
        line = lines.setdefault(item.sku, Line(item.sku, 0, item.unit_price_cents))
        line.quantity += item.quantity
    if any(line.quantity > MAX_UNITS for line in lines.values()):
        raise UnfitOrder(f"more than {MAX_UNITS} units of one article")
    saga = Saga(order.order_id, State.RESERVING_STOCK, now_ms, order.amount_cents, order=order)
    saga.lines = list(lines.values())
    if not lines:
        saga.reason = "no_items"
        saga.state = State.COMPENSATED
    return _entered(saga, now_ms, limits)


def step(saga: Saga | None, event: Event | None, now_ms: int, limits: Limits) -> tuple[Saga | None, list[Output]]:
    """Apply an event, or the time alone (`event` None). `saga` itself is never changed.

    Returns the same object when nothing changes, and None when there is nothing to keep.
    """
    if event is None:
        if saga is None or now_ms < saga.deadline_at:
            return saga, []
        if saga.state in ENDED:
            return None, []
    if saga is None:
        if isinstance(event, OrderEvent) and event.event_type == "order.placed":
            return start(event, now_ms, limits)
        return None, []
    on = TIMEOUT if event is None else event.event_type
    if (saga.state, on) not in _KNOWN:
        return saga, []
    after = msgspec.structs.replace(saga, lines=[msgspec.structs.replace(line) for line in saga.lines])
    target = _APPLY[on](after, event, limits)
    if target is None:
        return (saga if after == saga else after), []
    if target is saga.state:
        after.attempt += 1
    else:
        after.previous_state, after.state, after.attempt = saga.state, target, 1
    return _entered(after, now_ms, limits)


def _entered(saga: Saga, now_ms: int, limits: Limits) -> tuple[Saga, list[Output]]:
    """The saga with the deadline of its new state or attempt, and the events to publish."""
    if saga.state in ENDED:
        outputs = messages.of(saga, now_ms)
        # Only what is needed to recognise a late duplicate.
        return Saga(
            saga.order_id, saga.state, saga.started_at, saga.amount_cents, deadline_at=now_ms + limits.memory_ms
        ), outputs
    if saga.state is State.REQUESTING_PAYMENT:
        saga.payment = "asked"
    elif saga.state is State.REQUESTING_SHIPMENT:
        saga.shipment = "asked"
    saga.deadline_at = now_ms + limits.wait_ms(saga.state, saga.attempt)
    return saga, messages.of(saga, now_ms)


def _undo(saga: Saga) -> State:
    """The state that undoes the last thing that was done, or may have been done, and is not undone yet."""
    if saga.shipment in ("asked", "dispatched"):
        return State.CANCELLING_SHIPMENT
    if saga.payment in ("asked", "authorised"):
        return State.REFUNDING_PAYMENT
    if any(line.stock in ("asked", "reserved") for line in saga.lines):
        return State.RELEASING_STOCK
    return State.COMPENSATED


def _line(saga: Saga, event: InventoryEvent) -> Line | None:
    return next((line for line in saga.lines if line.sku == event.sku), None)


def _reserved(saga: Saga, event: InventoryEvent, _limits: Limits) -> State | None:
    line = _line(saga, event)
    if line is not None:
        line.stock = "reserved"
    return State.REQUESTING_PAYMENT if all(line.stock == "reserved" for line in saga.lines) else None


def _rejected(saga: Saga, event: InventoryEvent, _limits: Limits) -> State | None:
    line = _line(saga, event)
    if line is None:
        return None
    line.stock = "rejected"
    saga.reason = f"out_of_stock: {event.sku}"
    return _undo(saga)


def _stock_rejected(saga: Saga, event: InventoryEvent, limits: Limits) -> State | None:
    return (_given_back if saga.state is State.RELEASING_STOCK else _rejected)(saga, event, limits)


def _given_back(saga: Saga, event: InventoryEvent, _limits: Limits) -> State | None:
    # A rejection says that nothing is held: that of the release, or that of a reservation that comes late.
    line = _line(saga, event)
    if line is not None:
        line.stock = "released" if event.event_type == "stock.released" else "rejected"
    target = _undo(saga)
    return None if target is saga.state else target


def _authorised(saga: Saga, _event: PaymentEvent, _limits: Limits) -> State:
    saga.payment = "authorised"
    return State.REQUESTING_SHIPMENT


def _declined(saga: Saga, event: PaymentEvent, _limits: Limits) -> State:
    saga.payment, saga.reason = "declined", f"payment_declined: {event.reason or 'no reason given'}"
    return _undo(saga)


def _refunded(saga: Saga, _event: PaymentEvent, _limits: Limits) -> State:
    saga.payment = "refunded"
    return _undo(saga)


def _dispatched(saga: Saga, _event: ShipmentEvent, _limits: Limits) -> State:
    saga.shipment = "dispatched"
    return State.SHIPPING


def _delivered(saga: Saga, _event: ShipmentEvent, _limits: Limits) -> State:
    saga.shipment = "delivered"
    return State.COMPLETED


def _shipment_failed(saga: Saga, event: ShipmentEvent, _limits: Limits) -> State:
    saga.shipment = "failed"
    saga.reason = saga.reason or f"shipment_failed: {event.reason or 'no reason given'}"
    return _undo(saga)


def _fraudulent(saga: Saga, event: FraudEvent, _limits: Limits) -> State:
    saga.reason = f"fraud: {event.rule}"
    return _undo(saga)


def _timed_out(saga: Saga, _event: None, limits: Limits) -> State:
    if saga.attempt < limits.max_attempts(saga.state):
        return saga.state
    if saga.state in BACK:
        saga.reason = f"{saga.reason}; no answer while {saga.state}"
        return State.FAILED
    saga.reason = f"no_answer: {saga.state}"
    return _undo(saga)


# How a saga applies each event that its table has.
_APPLY: dict[str, _Apply] = {
    "stock.reserved": _reserved,
    "stock.rejected": _stock_rejected,
    "stock.released": _given_back,
    "payment.authorised": _authorised,
    "payment.declined": _declined,
    "payment.refunded": _refunded,
    "shipment.dispatched": _dispatched,
    "shipment.delivered": _delivered,
    "shipment.failed": _shipment_failed,
    FRAUD_DECLINED: _fraudulent,
    TIMEOUT: _timed_out,
}
_KNOWN = frozenset((one.state, one.on) for one in TRANSITIONS)
# Event types that a saga handles; all others are dropped before its state is read.
KINDS = frozenset({"order.placed", *(one.on for one in TRANSITIONS)} - {TIMEOUT})
