"""Saga of one order: what is stored of it, and the limits of its steps. Data only; its states are in domain/saga.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from streamgauge.catalog.commerce.events import OrderEvent
from streamgauge.domain.saga import FORWARD, State
from streamgauge.runtime.settings import Settings


class Line(msgspec.Struct, array_like=True, gc=False):
    """One article of an order, all its lines together, and the stock service's latest answer.

    `asked` is in doubt: it may be reserved, or be reserved any moment.
    """

    sku: str
    quantity: int
    unit_price_cents: int
    stock: Literal["asked", "reserved", "rejected", "released"] = "asked"


class Saga(msgspec.Struct, array_like=True):
    """Stored state of one order. Of an ended saga little more than its state is left, so that it is not started again.

    `payment` and `shipment` record what was done, or may have been done (`asked`). `deadline_at` (ms since the epoch)
    is when the step is timed out, and of an ended saga when it is forgotten.
    """

    order_id: str
    state: State
    started_at: int
    amount_cents: int
    attempt: int = 1
    deadline_at: int = 0
    previous_state: State | None = None
    reason: str | None = None
    payment: Literal["", "asked", "authorised", "declined", "refunded"] = ""
    shipment: Literal["", "asked", "dispatched", "delivered", "failed"] = ""
    lines: list[Line] = []
    order: OrderEvent | None = None


@dataclass(frozen=True)
class Limits:
    """Time a step waits for its answer (ms), number of attempts, and time an ended saga is remembered."""

    stock_ms: int = 5_000
    payment_ms: int = 10_000
    shipment_ms: int = 10_000
    delivery_ms: int = 60_000
    attempts: int = 3
    compensation_attempts: int = 12
    memory_ms: int = 86_400_000

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """The limits in the settings."""
        return cls(
            stock_ms=settings.saga_stock_timeout_ms,
            payment_ms=settings.saga_payment_timeout_ms,
            shipment_ms=settings.saga_shipment_timeout_ms,
            delivery_ms=settings.saga_delivery_timeout_ms,
            attempts=settings.saga_attempts,
            compensation_attempts=settings.saga_compensation_attempts,
            memory_ms=settings.saga_memory_hours * 3_600_000,
        )

    def max_attempts(self, state: State) -> int:
        """Attempts at a step before the saga compensates, or, while compensating, fails."""
        return self.attempts if state in FORWARD else self.compensation_attempts

    def wait_ms(self, state: State, attempt: int) -> int:
        """Time an attempt waits (ms): twice as long as the one before, at most eight times the first."""
        first = {
            State.RESERVING_STOCK: self.stock_ms,
            State.REQUESTING_PAYMENT: self.payment_ms,
            State.REQUESTING_SHIPMENT: self.shipment_ms,
            State.SHIPPING: self.delivery_ms,
            State.CANCELLING_SHIPMENT: self.shipment_ms,
            State.REFUNDING_PAYMENT: self.payment_ms,
            State.RELEASING_STOCK: self.stock_ms,
        }[state]
        return first * (1, 2, 4, 8)[min(attempt, 4) - 1]
