"""Verdict on a payment: from a payment and a memory to findings, the next memory and events. Pure, one function per
step.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence

from processors.fraud.memory import CardMemory, CardUse, CustomerMemory, Finding, PastPayment, Payment, bounded
from processors.fraud.rules import CARD_RULES, CUSTOMER_RULES, Limits, applied
from streamgauge.catalog.commerce.events import FraudEvent, PaymentEvent

DAY_MS = 86_400_000


def payment_of(event: PaymentEvent, asked_at: int) -> Payment | None:
    """The `Payment` of an event that reached Kafka at `asked_at` (ms); None when it is irrelevant to fraud."""
    refunded = event.event_type == "payment.refunded"
    # A refund of nothing is a void: no money had moved.
    if not (event.event_type == "payment.requested" or (refunded and event.amount_cents > 0)):
        return None
    return Payment(
        payment_id=event.payment_id,
        order_id=event.order_id,
        customer_id=event.customer_id,
        method=event.method,
        amount_cents=event.amount_cents,
        at=event.occurred_at,
        asked_at=asked_at,
        refunded=refunded,
        currency=event.currency,
        card=event.card,
        region=event.region,
    )


def by_card(payment: Payment) -> bool:
    """Whether the payment is checked by card first; otherwise straight by customer."""
    return payment.method == "card" and payment.card is not None and not payment.refunded


def judge_card(payment: Payment, memory: CardMemory, limits: Limits) -> tuple[CardMemory, Payment] | None:
    """The card's next memory, and the payment with the findings of the card rules; None for a repeated attempt."""
    uses = memory.uses
    if any(use.payment_id == payment.payment_id for use in uses):
        return None
    payment.findings = applied(CARD_RULES, payment, uses, limits)
    used = [*uses, CardUse(payment.at, payment.payment_id, payment.customer_id)]
    return CardMemory(bounded(used, limits.memory_days * DAY_MS, limits.memory_payments)), payment


def judge_customer(
    payment: Payment, memory: CustomerMemory, limits: Limits
) -> tuple[CustomerMemory, tuple[Finding, ...] | None] | None:
    """The customer's next memory and the findings of all rules (possibly none); None for a repeated attempt.

    A refund only changes the memory: its findings are None. One of an unknown payment changes nothing (None).
    """
    past = memory.past
    known = next((entry for entry in past if entry.payment_id == payment.payment_id), None)
    if payment.refunded:
        if known is None or known.refunded:
            return None
        known.refunded = True
        return memory, None
    if known is not None:
        return None
    findings = (*payment.findings, *applied(CUSTOMER_RULES, payment, memory, limits))
    declined = score(findings) >= limits.decline_at
    entry = PastPayment(
        payment.at,
        payment.payment_id,
        payment.amount_cents,
        payment.method,
        payment.card,
        payment.region,
        declined,
    )
    # Fraud must not change what counts as usual.
    habit = memory.habit if declined else memory.habit.learn(payment.amount_cents)
    kept = bounded([*past, entry], limits.memory_days * DAY_MS, limits.memory_payments)
    return CustomerMemory(kept, habit), findings


def score(findings: Sequence[Finding]) -> float:
    """Combined score (0 to 1): each score as an independent probability of fraud."""
    return round(1 - math.prod(1 - finding.score for finding in findings), 4)


def events(payment: Payment, findings: Sequence[Finding], limits: Limits, now_ms: int) -> Iterator[FraudEvent]:
    """A `fraud.flagged` for each finding, then the verdict. Ids derive from the payment's, so a repetition has the
    same.
    """
    for finding in findings:
        yield _event("fraud.flagged", finding.rule, payment, finding, now_ms)
    total = score(findings)
    kind = "fraud.declined" if total >= limits.decline_at else "fraud.cleared"
    strongest = max(findings, key=lambda finding: finding.score, default=Finding("none", 0.0, ""))
    detail = "; ".join(f"{finding.rule}: {finding.detail}" for finding in findings)
    yield _event(kind, "verdict", payment, Finding(strongest.rule, total, detail or "no rule fired"), now_ms)


def _event(kind: str, part: str, payment: Payment, finding: Finding, now_ms: int) -> FraudEvent:
    return FraudEvent(
        event_id=_id(payment.payment_id, part),
        event_type=kind,  # type: ignore[arg-type]
        occurred_at=now_ms,
        source="fraud",
        schema_version=1,
        customer_id=payment.customer_id,
        order_id=payment.order_id,
        payment_method=payment.method,  # type: ignore[arg-type]
        amount_cents=payment.amount_cents,
        rule=finding.rule,
        score=finding.score,
        detail=finding.detail,
    )


def _id(payment_id: str, part: str) -> str:
    whole = f"fraud-{payment_id}-{part}"
    # Ids have at most 200 characters, and a payment's may have all of them.
    return whole if len(whole) <= 200 else f"fraud-{hashlib.sha256(payment_id.encode()).hexdigest()}-{part}"
