"""The payment service: one decision a payment, whatever is asked how often and in which order.

| Asked | Before | Answer |
|---|---|---|
| payment.requested | nothing | payment.authorised or payment.declined, as decided by the payment's id |
| payment.requested | decided | the same answer again, with the same event_id |
| payment.requested | refund asked first | payment.declined, reason `voided` |
| payment.refund_requested | authorised | payment.refunded with the amount charged |
| payment.refund_requested | declined, or nothing | payment.refunded with 0: a void |
| payment.refund_requested | refunded | the same answer again |
"""

from __future__ import annotations

from typing import Any

from generators.services.decisions import Behaviour, payment_declined
from generators.services.ledger import Moved
from generators.services.messages import PAYMENTS, Answer, Event, Remembered

VOIDED = "voided"


class _Payment:
    __slots__ = ("at", "charged", "reason", "refunded", "refunded_at")

    def __init__(self) -> None:
        self.at = 0  # when it was decided; 0 is not yet
        self.charged = 0
        self.reason: str | None = None
        self.refunded = 0
        self.refunded_at = 0


class PaymentService:
    """Decides; publishes nothing itself. `now` in ms since the epoch."""

    def __init__(self, behaviour: Behaviour, moved: Moved) -> None:
        self._behaviour, self._moved = behaviour, moved
        self._payments: dict[str, _Payment] = Remembered()

    def answer(self, event: Event, now: int) -> list[Answer]:
        """The answer to a request; none to anything else."""
        if event.payment_id is None or event.order_id is None:
            return []
        if event.event_type == "payment.requested":
            return [self._charge(event, now)]
        if event.event_type == "payment.refund_requested":
            return [self._refund(event, now)]
        return []

    def _of(self, payment_id: str) -> _Payment:
        payment = self._payments.get(payment_id)
        if payment is None:
            payment = self._payments[payment_id] = _Payment()
        return payment

    def _charge(self, event: Event, now: int) -> Answer:
        payment = self._of(str(event.payment_id))
        repeated = payment.at > 0
        if not repeated:
            payment.at = now
            if payment.refunded_at:
                payment.reason = VOIDED
            else:
                payment.reason = payment_declined(self._behaviour, str(event.payment_id), str(event.method))
            if payment.reason is None:
                payment.charged = event.amount_cents
                self._moved.book("payment.authorised", str(event.order_id), payment.charged)
        kind = "payment.authorised" if payment.reason is None else "payment.declined"
        return self._say(event, "charge", kind, payment.at, event.amount_cents, payment.reason, repeated)

    def _refund(self, event: Event, now: int) -> Answer:
        payment = self._of(str(event.payment_id))
        repeated = payment.refunded_at > 0
        if not repeated:
            payment.refunded_at, payment.refunded = now, payment.charged
            self._moved.book("payment.refunded", str(event.order_id), payment.refunded)
        at, amount = payment.refunded_at, payment.refunded
        return self._say(event, "refund", "payment.refunded", at, amount, event.reason, repeated)

    @staticmethod
    def _say(event: Event, what: str, kind: str, at: int, amount: int, reason: str | None, repeated: bool) -> Answer:
        fields: dict[str, Any] = {
            "payment_id": event.payment_id,
            "order_id": event.order_id,
            "customer_id": event.customer_id,
            "method": event.method,
            "amount_cents": amount,
            "currency": event.currency,
            "reason": reason,
            "card": event.card,
            "region": event.region,
        }
        return Answer(PAYMENTS, str(event.order_id), f"{event.payment_id}-{what}", kind, at, fields, repeated)

    def recover(self, event: Event) -> None:
        """Learn from an answer found in the log."""
        if event.payment_id is None or event.order_id is None:
            return
        if event.event_type in ("payment.authorised", "payment.declined"):
            payment = self._of(event.payment_id)
            if payment.at:
                return
            payment.at, payment.reason = event.occurred_at, event.reason
            if event.event_type == "payment.authorised":
                payment.reason, payment.charged = None, event.amount_cents
                self._moved.book("payment.authorised", event.order_id, event.amount_cents)
        elif event.event_type == "payment.refunded":
            payment = self._of(event.payment_id)
            if payment.refunded_at:
                return
            payment.refunded_at, payment.refunded = event.occurred_at, event.amount_cents
            self._moved.book("payment.refunded", event.order_id, event.amount_cents)
