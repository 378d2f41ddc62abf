"""Memory of a card and of a customer: bounded, and changed by pure functions. No clock, no Kafka.

A payment is remembered once: further attempts have the same `payment_id`. Entries are in the order of arrival; windows
are of event times. A customer's payments come from several partitions and may overtake each other, so a window has two
sides: of several at the same moment, the last to be judged sees all the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeVar

import msgspec

# How fast a habit follows: the newest payment weighs a fiftieth, once there are fifty.
HABIT_PAYMENTS = 50
# Prior spread (standard deviation of the logarithm) of amounts, and the number of payments that the prior weighs.
ANYBODY_SPREAD, ANYBODY_PAYMENTS = 0.7, 8


class Finding(msgspec.Struct, frozen=True, gc=False):
    """A rule that fired: its name, its score (0 to 1), and the evidence in words."""

    rule: str
    score: float
    detail: str


class Payment(msgspec.Struct, gc=False, kw_only=True, omit_defaults=True):
    """Part of a payment event that the steps need. `at` is its event time (ms); `asked_at` when it reached Kafka."""

    payment_id: str
    order_id: str
    customer_id: str
    method: str
    amount_cents: int
    at: int
    asked_at: int
    refunded: bool = False
    currency: str = "EUR"
    card: str | None = None
    region: str | None = None
    findings: tuple[Finding, ...] = ()


class CardUse(msgspec.Struct, array_like=True, gc=False):
    """One payment by a card."""

    at: int
    payment_id: str
    customer_id: str


class PastPayment(msgspec.Struct, array_like=True, gc=False):
    """One payment of a customer."""

    at: int
    payment_id: str
    amount_cents: int
    method: str
    card: str | None = None
    region: str | None = None
    declined: bool = False
    refunded: bool = False


class Habit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A customer's usual amounts: mean and variance of their logarithm, recent payments weighing most."""

    payments: int = 0
    mean: float = 0.0
    variance: float = 0.0

    @property
    def usual_cents(self) -> int:
        """The median amount."""
        return round(math.exp(self.mean)) if self.payments else 0

    def deviation(self, amount_cents: int) -> float:
        """Standard deviations by which `amount_cents` is above the usual amount; negative below it.

        With few payments the spread is mostly the prior's: five equal amounts do not prove regularity.
        """
        known = min(self.payments, HABIT_PAYMENTS)
        variance = (known * self.variance + ANYBODY_PAYMENTS * ANYBODY_SPREAD**2) / (known + ANYBODY_PAYMENTS)
        return (math.log(max(1, amount_cents)) - self.mean) / math.sqrt(variance)

    def learn(self, amount_cents: int) -> Habit:
        """The habit after another payment."""
        payments = self.payments + 1
        weight = 1 / min(payments, HABIT_PAYMENTS)
        distance = math.log(max(1, amount_cents)) - self.mean
        return Habit(
            min(payments, 1_000_000),
            self.mean + weight * distance,
            (1 - weight) * (self.variance + weight * distance * distance),
        )


class CardMemory(msgspec.Struct, array_like=True, gc=False):
    """Memory of a card."""

    uses: list[CardUse] = []


class CustomerMemory(msgspec.Struct, array_like=True, gc=False):
    """Memory of a customer."""

    past: list[PastPayment] = []
    habit: Habit = Habit()


Entry = TypeVar("Entry", CardUse, PastPayment)


def bounded(entries: list[Entry], age_ms: int, most: int) -> list[Entry]:
    """The last `most` of `entries`, without those more than `age_ms` older than the newest."""
    newest = max((entry.at for entry in entries), default=0)
    return [entry for entry in entries[-most:] if newest - entry.at <= age_ms]


def within(entries: Sequence[Entry], at: int, window_s: int) -> list[Entry]:
    """Those less than `window_s` seconds before or after `at`."""
    window_ms = window_s * 1_000
    return [entry for entry in entries if -window_ms < entry.at - at < window_ms]
