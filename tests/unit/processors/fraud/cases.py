"""Payments and memories in short form, for tables of cases."""

from __future__ import annotations

from processors.fraud.memory import CardUse, CustomerMemory, Habit, PastPayment, Payment
from processors.fraud.rules import Limits
from streamgauge.runtime.settings import Settings

S = 1_000
NOW = 1_000_000 * S
LIMITS = Limits.of(Settings())


def payment(method: str = "card", cents: int = 5_000, *, at: int = NOW, number: int = 0, **fields: object) -> Payment:
    """A payment of customer C1, now, from region eu, by card K1 if by card."""
    known: dict[str, object] = {
        "payment_id": f"P{number}",
        "order_id": f"O{number}",
        "customer_id": "C1",
        "method": method,
        "amount_cents": cents,
        "at": at,
        "asked_at": at,
        "card": "K1" if method == "card" else None,
        "region": "eu",
    }
    return Payment(**{**known, **fields})  # type: ignore[arg-type]


def use(ago_s: float, customer: str = "C1") -> CardUse:
    """A use of the card so long ago."""
    return CardUse(NOW - int(ago_s * S), f"U{ago_s}", customer)


def past(ago_s: float, method: str = "card", cents: int = 5_000, **fields: object) -> PastPayment:
    """A payment so long ago."""
    at = NOW - int(ago_s * S)
    known: dict[str, object] = {"card": "K1" if method == "card" else None, "region": "eu"}
    return PastPayment(at, f"P-{ago_s}", cents, method, **{**known, **fields})  # type: ignore[arg-type]


def memory(*entries: PastPayment, usual: int = 5_000, payments: int | None = None) -> CustomerMemory:
    """What is remembered of a customer who made `payments` (those listed, unless given) of about `usual` cents."""
    habit = Habit()
    for _ in range(len(entries) if payments is None else payments):
        habit = habit.learn(usual)
    return CustomerMemory(list(entries), habit)
