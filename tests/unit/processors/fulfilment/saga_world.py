"""Services that keep the contract (ADR 7) and a network that does not: answers repeat, overtake each other, get lost.

Only what the contract promises is here, and nothing of how the synthetic services of `generators/` do it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from processors.fulfilment import machine
from processors.fulfilment.saga import Limits, Saga
from processors.streaming.output import Output
from streamgauge.catalog.commerce.events import (
    FraudEvent,
    InventoryEvent,
    OrderEvent,
    OrderItem,
    PaymentEvent,
    ShipmentEvent,
)
from streamgauge.domain.saga import ENDED, State

AMOUNT = 1_000
LIMITS = Limits(
    stock_ms=100,
    payment_ms=100,
    shipment_ms=100,
    delivery_ms=100,
    attempts=2,
    compensation_attempts=3,
    memory_ms=1_000_000,
)


def order(skus: tuple[str, ...] = ("a", "b"), order_id: str = "O-1") -> OrderEvent:
    """An order of two units of each of `skus`."""
    return OrderEvent(
        event_id=f"{order_id}-placed",
        event_type="order.placed",
        occurred_at=0,
        source="test",
        schema_version=1,
        order_id=order_id,
        customer_id="C-1",
        region="eu",
        channel="web",
        payment_method="card",
        currency="EUR",
        amount_cents=AMOUNT,
        items=[OrderItem(sku, 2, 10) for sku in skus],
    )


def stock(kind: str, sku: str, quantity: int = 2, order_id: str = "O-1") -> InventoryEvent:
    return InventoryEvent(
        event_id=f"{order_id}-{kind}-{sku}",
        event_type=f"stock.{kind}",  # type: ignore[arg-type]
        occurred_at=0,
        source="stock",
        schema_version=1,
        sku=sku,
        location="here",
        quantity=quantity,
        on_hand=0,
        reserved=0,
        order_id=order_id,
    )


def payment(kind: str, amount: int = AMOUNT, order_id: str = "O-1") -> PaymentEvent:
    return PaymentEvent(
        event_id=f"{order_id}-{kind}",
        event_type=f"payment.{kind}",  # type: ignore[arg-type]
        occurred_at=0,
        source="payments",
        schema_version=1,
        payment_id=f"P-{order_id}",
        order_id=order_id,
        customer_id="C-1",
        method="card",
        amount_cents=amount,
        currency="EUR",
    )


def shipment(kind: str, reason: str | None = None, order_id: str = "O-1") -> ShipmentEvent:
    return ShipmentEvent(
        event_id=f"{order_id}-{kind}",
        event_type=f"shipment.{kind}",  # type: ignore[arg-type]
        occurred_at=0,
        source="shipping",
        schema_version=1,
        shipment_id=f"S-{order_id}",
        order_id=order_id,
        carrier="x",
        region="eu",
        reason=reason,
    )


def fraud(kind: str = "declined", order_id: str = "O-1") -> FraudEvent:
    return FraudEvent(
        event_id=f"{order_id}-fraud-{kind}",
        event_type=f"fraud.{kind}",  # type: ignore[arg-type]
        occurred_at=0,
        source="fraud",
        schema_version=1,
        customer_id="C-1",
        order_id=order_id,
        payment_method="card",
        amount_cents=AMOUNT,
        rule="velocity",
        score=1.0,
        detail="",
    )


class World:
    """One order, its saga and the services. `pending` are messages under way, in both directions."""

    def __init__(self, decide: Callable[[str], bool], skus: tuple[str, ...] = ("a", "b")) -> None:
        self.decide = decide  # whether a service says yes: asked once for each thing
        self.saga: Saga | None = None
        self.now = 0
        self.skus = skus
        self.pending: list[Any] = [order(skus)]
        self.said: list[Output] = []
        self.states: list[State] = []
        self.money: Counter[str] = Counter()
        self.units: Counter[str] = Counter()
        self.held: dict[str, str] = {}
        self.closed = False
        self.paid = self.shipped = ""

    def deliver(self, message: Any) -> None:
        """A message arrives: a command at its service, an answer at the saga."""
        if isinstance(message, Output):
            self.pending.extend(self._serve(message.event))
        else:
            self._step(message)

    def tick(self, by_ms: int) -> None:
        """Time goes by, and a tick comes."""
        self.now += by_ms
        self._step(None)

    def _step(self, event: Any) -> None:
        before = self.saga
        self.saga, outputs = machine.step(before, event, self.now, LIMITS)
        assert not (before is self.saga and outputs)
        if before is not None and before.state in ENDED:
            assert not outputs, "an ended saga said something"
        for out in outputs:
            if out.topic == "fulfilment":
                self.states.append(State(out.event.state))  # type: ignore[attr-defined]
        self.said.extend(outputs)
        self.pending.extend(outputs)

    def _serve(self, event: Any) -> list[Any]:
        """Each decision is made once, as the contract demands; a repeated request gets the same answer."""
        kind = getattr(event, "state", None) or event.event_type
        if kind == State.RESERVING_STOCK:
            return [stock(self._reserve(item.sku), item.sku) for item in event.items]
        if kind == State.RELEASING_STOCK:
            self.closed = True
            return [stock(self._release(item.sku), item.sku) for item in event.items]
        if kind == State.COMPLETED:
            for sku, held in self.held.items():
                if held == "reserved":
                    self.held[sku] = "shipped"
                    self.units["shipped"] += 2
            return []
        if kind == "payment.requested":
            if not self.paid:
                self.paid = "authorised" if self.decide("payment") else "declined"
                if self.paid == "authorised":
                    self.money["authorised"] += AMOUNT
                return [payment(self.paid), *([] if self.decide("honest") else [fraud()])]
            return [payment("declined" if self.paid == "void" else self.paid.removeprefix("refunded "))]
        if kind == "payment.refund_requested":
            if self.paid == "authorised":
                self.paid = "refunded authorised"
                self.money["refunded"] += AMOUNT
            elif not self.paid or self.paid == "declined":
                self.paid = "void"
            return [payment("refunded", AMOUNT if self.paid.startswith("refunded") else 0)]
        if kind == "shipment.requested":
            if not self.shipped:
                self.shipped = "dispatched" if self.decide("dispatch") else "failed"
                if self.shipped == "dispatched":
                    return [shipment("dispatched"), Arrival()]
            return [shipment(self.shipped)]
        if kind == State.SHIPPING:
            return [shipment(self.shipped)] if self.shipped in ("delivered", "failed") and event.attempt > 1 else []
        if kind == State.CANCELLING_SHIPMENT:
            if self.shipped in ("", "dispatched"):
                too_late = self.shipped == "dispatched" and self.decide("too late to cancel")
                self.shipped = "delivered" if too_late else "failed"
            return [shipment(self.shipped, "cancelled")]
        return []

    def arrive(self) -> list[Any]:
        """The journey is over, unless it was cancelled."""
        if self.shipped == "dispatched":
            self.shipped = "delivered" if self.decide("deliver") else "failed"
            return [shipment(self.shipped)]
        return []

    def _reserve(self, sku: str) -> str:
        if sku not in self.held:
            self.held[sku] = "reserved" if not self.closed and self.decide(f"stock {sku}") else "rejected"
            if self.held[sku] == "reserved":
                self.units["reserved"] += 2
        return "rejected" if self.held[sku] == "rejected" else "reserved"

    def _release(self, sku: str) -> str:
        if self.held.get(sku) == "reserved":
            self.held[sku] = "released"
            self.units["released"] += 2
        self.held.setdefault(sku, "rejected")
        return "released" if self.held[sku] == "released" else "rejected"


class Arrival:
    """Something the shipping service does by itself, later."""
