"""Fraud rules: each a small pure function of a payment and what is remembered of its card or customer.

A rule compares one figure with its limit. Its score is 0.5 at the limit, 0.75 at one and a half times the limit, and at
most 0.95. A single weak finding never declines a payment; two do, or a strong one
(`STREAMGAUGE_FRAUD_DECLINE_AT`). docs/how-to/add-a-fraud-rule.md describes how to add one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar

from processors.fraud.memory import CardUse, CustomerMemory, Finding, PastPayment, Payment, within
from streamgauge.domain import format, fraud
from streamgauge.domain.fraud import FraudRule
from streamgauge.runtime.settings import Settings

# Transfers whose amounts differ by at most this share are parts of the same sum.
SIMILAR = 0.02
# A customer with fewer payments is new for "buy now, pay later".
NEW_PAYMENTS = 3


@dataclass(frozen=True)
class Limits:
    """Limits of the rules: the settings `STREAMGAUGE_FRAUD_…` by the same names."""

    decline_at: float
    velocity_window_s: int
    pattern_window_s: int
    customer_velocity: int
    card_velocity: int
    card_customers: int
    customer_cards: int
    customer_regions: int
    amount_deviation: float
    amount_min_cents: int
    amount_payments: int
    bnpl_new_cents: int
    wallet_travel_s: int
    transfer_parts: int
    refunds: int
    memory_payments: int
    memory_days: int

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """The limits in the settings."""
        return cls(**{field.name: getattr(settings, f"fraud_{field.name}") for field in fields(cls)})


def ramp(value: float, limit: float) -> float:
    """The score of a figure at or above its limit."""
    return round(min(0.95, 0.5 * value / limit), 4)


# Rules over a card: its earlier uses, in the order of arrival.


def card_velocity(payment: Payment, uses: Sequence[CardUse], limits: Limits) -> Finding | None:
    """Many payments by one card in a short time."""
    count = 1 + len(within(uses, payment.at, limits.velocity_window_s))
    if count < limits.card_velocity:
        return None
    detail = f"{count} payments by this card within {limits.velocity_window_s} s"
    return Finding("card_velocity", ramp(count, limits.card_velocity), detail)


def card_customers(payment: Payment, uses: Sequence[CardUse], limits: Limits) -> Finding | None:
    """Many customers pay by one card."""
    customers = {use.customer_id for use in within(uses, payment.at, limits.pattern_window_s)} | {payment.customer_id}
    if len(customers) < limits.card_customers:
        return None
    detail = f"{len(customers)} customers paid by this card within {limits.pattern_window_s} s"
    return Finding("card_customers", ramp(len(customers), limits.card_customers), detail)


# Rules over a customer.


def customer_velocity(payment: Payment, memory: CustomerMemory, limits: Limits) -> Finding | None:
    """Many payments of one customer in a short time."""
    count = 1 + len(within(memory.past, payment.at, limits.velocity_window_s))
    if count < limits.customer_velocity:
        return None
    detail = f"{count} payments of this customer within {limits.velocity_window_s} s"
    return Finding("customer_velocity", ramp(count, limits.customer_velocity), detail)


def amount_unusual(payment: Payment, memory: CustomerMemory, limits: Limits) -> Finding | None:
    """An amount far above what this customer usually pays."""
    habit = memory.habit
    if habit.payments < limits.amount_payments or payment.amount_cents < limits.amount_min_cents:
        return None
    deviation = habit.deviation(payment.amount_cents)
    if deviation < limits.amount_deviation:
        return None
    paid = format.amount(payment.amount_cents, payment.currency)
    usual = format.amount(habit.usual_cents, payment.currency)
    ratio = payment.amount_cents / max(1, habit.usual_cents)
    detail = f"{paid} is {ratio:.1f} times this customer's usual {usual}"
    return Finding("amount_unusual", ramp(deviation, limits.amount_deviation), detail)


def customer_cards(payment: Payment, memory: CustomerMemory, limits: Limits) -> Finding | None:
    """A further card of a customer who has paid by several already."""
    earlier = {past.card for past in within(memory.past, payment.at, limits.pattern_window_s) if past.card}
    count = len(earlier) + 1
    # Not what the owner pays by a known card after somebody tried others: that is no sign.
    if payment.card is None or payment.card in earlier or count < limits.customer_cards:
        return None
    detail = f"{count} cards of this customer within {limits.pattern_window_s} s"
    return Finding("customer_cards", ramp(count, limits.customer_cards), detail)


def customer_regions(payment: Payment, memory: CustomerMemory, limits: Limits) -> Finding | None:
    """A further region of a customer who has paid from others already."""
    earlier = {past.region for past in within(memory.past, payment.at, limits.pattern_window_s) if past.region}
    count = len(earlier) + 1
    if payment.region is None or payment.region in earlier or count < limits.customer_regions:
        return None
    detail = f"{payment.region} within {limits.pattern_window_s} s of {', '.join(sorted(earlier))}"
    return Finding("customer_regions", ramp(count, limits.customer_regions), detail)


def refund_pattern(payment: Payment, memory: CustomerMemory, limits: Limits) -> Finding | None:
    """Refunds of most of a customer's payments. Payments declined here, and refunded for that, do not count."""
    paid = [past for past in memory.past if not past.declined]
    refunded = sum(past.refunded for past in paid)
    if refunded < limits.refunds or refunded * 2 < len(paid):
        return None
    detail = f"{refunded} of this customer's last {len(paid)} payments were refunded"
    return Finding("refund_pattern", ramp(refunded, limits.refunds), detail)


def bnpl_new_customer(payment: Payment, memory: CustomerMemory, limits: Limits) -> Finding | None:
    """A large amount on credit by a new customer."""
    if memory.habit.payments >= NEW_PAYMENTS:
        return None
    earlier = _by_method("bnpl", payment, memory, limits)
    owed = payment.amount_cents + sum(past.amount_cents for past in earlier)
    if owed < limits.bnpl_new_cents:
        return None
    detail = f"{format.amount(owed, payment.currency)} on credit after {memory.habit.payments} payments so far"
    return Finding("bnpl_new_customer", ramp(owed, limits.bnpl_new_cents), detail)


def wallet_travel(payment: Payment, memory: CustomerMemory, limits: Limits) -> Finding | None:
    """A wallet in one region too soon after a payment in another: it was probably taken over."""
    before = within(memory.past, payment.at, limits.wallet_travel_s)
    last = max((past for past in before if past.region), key=lambda past: past.at, default=None)
    if last is None or payment.region is None or last.region == payment.region:
        return None
    passed_s = abs(payment.at - last.at) / 1_000
    detail = f"{last.region} and {payment.region} within {passed_s:,.0f} s"
    return Finding("wallet_travel", round(0.5 + 0.45 * (1 - passed_s / limits.wallet_travel_s), 4), detail)


def transfer_parts(payment: Payment, memory: CustomerMemory, limits: Limits) -> Finding | None:
    """One sum in several equal transfers, each too small to be checked."""
    earlier = _by_method("bank_transfer", payment, memory, limits)
    parts = [
        past for past in earlier if abs(past.amount_cents - payment.amount_cents) <= SIMILAR * payment.amount_cents
    ]
    if len(parts) + 1 < limits.transfer_parts:
        return None
    total = format.amount(payment.amount_cents + sum(past.amount_cents for past in parts), payment.currency)
    detail = f"{total} in {len(parts) + 1} transfers of the same amount within {limits.pattern_window_s} s"
    return Finding("transfer_parts", ramp(len(parts) + 1, limits.transfer_parts), detail)


def _by_method(method: str, payment: Payment, memory: CustomerMemory, limits: Limits) -> list[PastPayment]:
    recent = within(memory.past, payment.at, limits.pattern_window_s)
    return [past for past in recent if past.method == method and not past.declined]


Remembered = TypeVar("Remembered")


@dataclass(frozen=True)
class Rule(Generic[Remembered]):
    """A rule's function, and its vocabulary (streamgauge/domain/fraud.py), found by the function's name."""

    check: Callable[[Payment, Remembered, Limits], Finding | None]
    named: FraudRule


def _rules(*checks: Callable[[Payment, Remembered, Limits], Finding | None]) -> tuple[Rule[Remembered], ...]:
    return tuple(Rule(check, fraud.BY_NAME[check.__name__]) for check in checks)


CARD_RULES: tuple[Rule[Sequence[CardUse]], ...] = _rules(card_velocity, card_customers)
CUSTOMER_RULES: tuple[Rule[CustomerMemory], ...] = _rules(
    customer_velocity,
    amount_unusual,
    customer_cards,
    customer_regions,
    refund_pattern,
    bnpl_new_customer,
    wallet_travel,
    transfer_parts,
)
RULES: tuple[Rule[Any], ...] = (*CARD_RULES, *CUSTOMER_RULES)


def applied(
    rules: Sequence[Rule[Remembered]], payment: Payment, remembered: Remembered, limits: Limits
) -> tuple[Finding, ...]:
    """The findings of those of `rules` that are for the payment's method, in the order of the table."""
    found = (rule.check(payment, remembered, limits) for rule in rules if payment.method in rule.named.methods)
    return tuple(finding for finding in found if finding is not None)
