"""The payment service: one decision per payment, however often and in whatever order it is requested.

| Request | State before | Reply |
|---|---|---|
| payment.requested | nothing | payment.authorised or payment.declined, as decided by the payment's id |
| payment.requested | decided | the same reply again, with the same event_id |
| payment.requested | refund requested first | payment.declined, reason `voided` |
| payment.refund_requested | authorised | payment.refunded with the amount charged |
| payment.refund_requested | declined, or nothing | payment.refunded with 0: a void |
| payment.refund_requested | refunded | the same reply again |
"""

from __future__ import annotations

from typing import Any

from generators.services.decisions import Behaviour, payment_declined
from generators.services.ledger import ServiceLedger
from generators.services.messages import PAYMENTS, BoundedDict, Event, Reply

VOIDED = "voided"


class _Payment:
    __slots__ = ("at", "charged", "reason", "refunded", "refunded_at")

    def __init__(self) -> None:
        self.at = 0  # time of the decision; 0 = none yet
        self.charged = 0
        self.reason: str | None = None
        self.refunded = 0
        self.refunded_at = 0


class PaymentService:
    """Decides; publishes nothing itself. `now` is ms since the epoch."""

    def __init__(self, behaviour: Behaviour, ledger: ServiceLedger) -> None:
        self._behaviour, self._ledger = behaviour, ledger
        self._payments: dict[str, _Payment] = BoundedDict()

    def handle(self, event: Event, now: int) -> list[Reply]:
        """The reply to a request; none to other events."""
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

    def _charge(self, event: Event, now: int) -> Reply:
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
                self._ledger.record("payment.authorised", str(event.order_id), payment.charged)
        kind = "payment.authorised" if payment.reason is None else "payment.declined"
        return self._reply(event, "charge", kind, payment.at, event.amount_cents, payment.reason, repeated)

    def _refund(self, event: Event, now: int) -> Reply:
        payment = self._of(str(event.payment_id))
        repeated = payment.refunded_at > 0
        if not repeated:
            payment.refunded_at, payment.refunded = now, payment.charged
            self._ledger.record("payment.refunded", str(event.order_id), payment.refunded)
        at, amount = payment.refunded_at, payment.refunded
        return self._reply(event, "refund", "payment.refunded", at, amount, event.reason, repeated)

    @staticmethod
    def _reply(event: Event, what: str, kind: str, at: int, amount: int, reason: str | None, repeated: bool) -> Reply:
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
        return Reply(PAYMENTS, str(event.order_id), f"{event.payment_id}-{what}", kind, at, fields, repeated)

    def recover(self, event: Event) -> None:
        """Restore state from a reply in the log."""
        if event.payment_id is None or event.order_id is None:
            return
        if event.event_type in ("payment.authorised", "payment.declined"):
            payment = self._of(event.payment_id)
            if payment.at:
                return
            payment.at, payment.reason = event.occurred_at, event.reason
            if event.event_type == "payment.authorised":
                payment.reason, payment.charged = None, event.amount_cents
                self._ledger.record("payment.authorised", event.order_id, event.amount_cents)
        elif event.event_type == "payment.refunded":
            payment = self._of(event.payment_id)
            if payment.refunded_at:
                return
            payment.refunded_at, payment.refunded = event.occurred_at, event.amount_cents
            self._ledger.record("payment.refunded", event.order_id, event.amount_cents)
