"""The fulfilment saga as a pure function: `step(saga, event, now, limits) -> (saga, events to publish)`.

`TABLE` is all there is: state and event → what is done, and where that may lead; docs/fulfilment.md is drawn from it.
What the table does not have changes nothing: a duplicate, an answer that comes late or out of order, an answer after
the end. What was done, or may have been done, is undone in reverse (`_undo`), however the saga came there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from processors.fulfilment import messages
from processors.fulfilment.saga import BACK, ENDED, FORWARD, Limits, Line, Saga, State
from processors.streaming.output import Output
from streamgauge.catalog.commerce.events import FraudEvent, InventoryEvent, OrderEvent, PaymentEvent, ShipmentEvent

Event = OrderEvent | InventoryEvent | PaymentEvent | ShipmentEvent | FraudEvent
TIMEOUT = "time-out"
# The ids of an order's events are longer than its own, and an id has 200 characters at most.
MAX_ORDER_ID_CHARS, MAX_UNITS = 150, 10**12
_Apply = Callable[[Saga, Any, Limits], State | None]


class UnfitOrder(ValueError):
    """An order that is a valid event, and still cannot have a saga."""


class Rule(NamedTuple):
    """In `state`, `on` this kind of event: `apply` notes what it says and returns where to go, None to stay.

    Going to the same state is another attempt at it. `leads_to` are all states that may follow.
    """

    state: State
    on: str
    leads_to: tuple[State, ...]
    apply: _Apply
    description: str


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
    """What follows from an event, or from the time alone (`event` None). `saga` itself is never changed.

    Returns the very same saga where nothing follows, and None where there is nothing to remember.
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
    rule = _RULES.get((saga.state, TIMEOUT if event is None else event.event_type))
    if rule is None:
        return saga, []
    after = msgspec.structs.replace(saga, lines=[msgspec.structs.replace(line) for line in saga.lines])
    target = rule.apply(after, event, limits)
    if target is None:
        return (saga if after == saga else after), []
    if target is saga.state:
        after.attempt += 1
    else:
        after.previous_state, after.state, after.attempt = saga.state, target, 1
    return _entered(after, now_ms, limits)


def _entered(saga: Saga, now_ms: int, limits: Limits) -> tuple[Saga, list[Output]]:
    """The saga with the deadline of its new state or attempt, and what it says."""
    if saga.state in ENDED:
        outputs = messages.of(saga, now_ms)
        # What a late duplicate is recognised by, and no more.
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
    """The last thing that was done, or may have been done, and is not undone yet."""
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


def _table() -> tuple[Rule, ...]:
    s = State
    back = "compensates"
    rules = [
        Rule(
            s.RESERVING_STOCK, "stock.reserved", (s.REQUESTING_PAYMENT,), _reserved, "continues once all are reserved"
        ),
        Rule(s.RESERVING_STOCK, "stock.rejected", (s.RELEASING_STOCK, s.COMPENSATED), _rejected, back),
        Rule(s.REQUESTING_PAYMENT, "payment.authorised", (s.REQUESTING_SHIPMENT,), _authorised, "confirms the order"),
        Rule(s.REQUESTING_PAYMENT, "payment.declined", (s.RELEASING_STOCK,), _declined, back),
        Rule(s.REQUESTING_SHIPMENT, "shipment.dispatched", (s.SHIPPING,), _dispatched, "awaits the delivery"),
        Rule(s.REQUESTING_SHIPMENT, "shipment.delivered", (s.COMPLETED,), _delivered, "overtook its dispatch"),
        Rule(s.REQUESTING_SHIPMENT, "shipment.failed", (s.REFUNDING_PAYMENT,), _shipment_failed, back),
        Rule(s.SHIPPING, "shipment.delivered", (s.COMPLETED,), _delivered, "completes the order"),
        Rule(s.SHIPPING, "shipment.failed", (s.REFUNDING_PAYMENT,), _shipment_failed, back),
        Rule(s.CANCELLING_SHIPMENT, "shipment.failed", (s.REFUNDING_PAYMENT,), _shipment_failed, "compensates further"),
        Rule(s.CANCELLING_SHIPMENT, "shipment.delivered", (s.COMPLETED,), _delivered, "too late: completes after all"),
        Rule(s.REFUNDING_PAYMENT, "payment.refunded", (s.RELEASING_STOCK,), _refunded, "compensates further"),
        Rule(s.RELEASING_STOCK, "stock.released", (s.COMPENSATED,), _given_back, "cancels once all is given back"),
        Rule(s.RELEASING_STOCK, "stock.rejected", (s.COMPENSATED,), _given_back, "nothing was held: as if released"),
    ]
    undone = {
        s.RESERVING_STOCK: (s.RELEASING_STOCK,),
        s.REQUESTING_PAYMENT: (s.REFUNDING_PAYMENT,),
        s.REQUESTING_SHIPMENT: (s.CANCELLING_SHIPMENT,),
        s.SHIPPING: (s.CANCELLING_SHIPMENT,),
    }
    for state in FORWARD:
        rules.append(Rule(state, "fraud.declined", undone[state], _fraudulent, back))
        rules.append(Rule(state, TIMEOUT, (state, *undone[state]), _timed_out, "retries, finally compensates"))
    for state in BACK:
        rules.append(Rule(state, TIMEOUT, (state, s.FAILED), _timed_out, "retries, finally fails: a person must look"))
    order = list(State)
    return tuple(sorted(rules, key=lambda rule: order.index(rule.state)))


TABLE = _table()
_RULES = {(rule.state, rule.on): rule for rule in TABLE}
# Kinds of event that a saga looks at; all others are dropped before its state is read.
KINDS = frozenset({"order.placed", *(rule.on for rule in TABLE)} - {TIMEOUT})
