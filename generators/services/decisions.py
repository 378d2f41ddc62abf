"""Decisions of the services: deterministic functions of a seed and an id. No clock, no state.

With equal seeds a payment has the same outcome in every run and after every restart, and no decision depends on an
earlier one.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

from generators.orders import DECLINE_REASONS, DECLINED, DELIVERY_REASONS
from generators.world import REGIONS
from streamgauge.runtime.errors import UsageError

# The median time of each step, as a multiple of `latency_ms`.
STEPS = {"stock": 0.4, "payment": 1.0, "pack": 3.0, "travel": 8.0, "cancel": 0.5, "supply": 12.0}
LONGEST_LATENCY_MS = 60_000
# One reply in fifty takes five times as long.
SLOW_SHARE, SLOW_FACTOR = 0.02, 5.0
# Extra delay of a reply that is to arrive out of order, in multiples of the latency.
REORDER_LEAST, REORDER_MOST = 4.0, 16.0
TOO_LATE_TO_CANCEL = 0.3
NEVER_RECEIVES = 0.9
_LOCATIONS = tuple(
    (location, region.weight / len(region.locations)) for region in REGIONS for location in region.locations
)


@dataclass(frozen=True)
class Behaviour:
    """Behaviour of the services; shares are 0 to 1. With `decline` None each payment method has its own rate."""

    seed: int = 1
    latency_ms: float = 250.0
    decline: float | None = None
    fail: float = 0.02
    duplicate: float = 0.0
    reorder: float = 0.0
    lose: float = 0.0

    def check(self) -> None:
        """Raise `UsageError`, one line that names the option, for a value out of range."""
        for name in ("decline", "fail", "duplicate", "reorder", "lose"):
            share: float | None = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise UsageError(f"--{name} is a share between 0 and 1, not {share:g}")
        if not (math.isfinite(self.latency_ms) and 0 <= self.latency_ms <= LONGEST_LATENCY_MS):
            raise UsageError(f"--latency-ms is a time from 0 to {LONGEST_LATENCY_MS:,} ms, not {self.latency_ms:g}")

    def chance(self, what: str, of: str) -> float:
        """A pseudo-random number in [0, 1) that depends only on the seed, `what` and the id `of`."""
        digest = hashlib.blake2b(f"{self.seed}|{what}|{of}".encode(), digest_size=6).digest()
        return int.from_bytes(digest, "big") / 2**48

    def delay_ms(self, step: str, of: str) -> int:
        """Duration of a step: around its median, rarely much longer."""
        draw = self.chance(step, of)
        factor = SLOW_FACTOR if draw < SLOW_SHARE else 0.5 + draw
        return int(self.latency_ms * STEPS[step] * factor)

    def late_ms(self, of: str) -> int:
        """Extra delay of a reply that later ones are to overtake; mostly 0."""
        if not self.reorder or self.chance("reorder", of) >= self.reorder:
            return 0
        return int(self.latency_ms * (REORDER_LEAST + (REORDER_MOST - REORDER_LEAST) * self.chance("late", of)))

    def loses(self, attempt: str) -> bool:
        """Whether this attempt gets no reply."""
        return self.lose > 0 and self.chance("lose", attempt) < self.lose

    def repeats(self, attempt: str) -> bool:
        """Whether this attempt gets two replies."""
        return self.duplicate > 0 and self.chance("duplicate", attempt) < self.duplicate


def payment_declined(behaviour: Behaviour, payment_id: str, method: str) -> str | None:
    """The reason why a payment is declined, or None if it is authorised."""
    share = DECLINED.get(method, 0.0) if behaviour.decline is None else behaviour.decline
    if behaviour.chance("decline", payment_id) >= share:
        return None
    return DECLINE_REASONS[int(behaviour.chance("why", payment_id) * len(DECLINE_REASONS))]


def lost_before_dispatch(behaviour: Behaviour, shipment_id: str) -> bool:
    """Whether the parcel is lost before dispatch: half of those that fail."""
    return behaviour.chance("dispatch", shipment_id) < behaviour.fail / 2


def not_delivered(behaviour: Behaviour, shipment_id: str, *, never_receives: bool) -> str | None:
    """The reason why a dispatched parcel does not arrive, or None if it does."""
    share = NEVER_RECEIVES if never_receives else behaviour.fail / 2
    if behaviour.chance("deliver", shipment_id) >= share:
        return None
    return DELIVERY_REASONS[int(behaviour.chance("why", shipment_id) * len(DELIVERY_REASONS))]


def too_late_to_cancel(behaviour: Behaviour, shipment_id: str) -> bool:
    """Whether a dispatched parcel can no longer be cancelled."""
    return behaviour.chance("cancel", shipment_id) < TOO_LATE_TO_CANCEL


def not_on_the_shelf(behaviour: Behaviour, order_id: str, sku: str) -> bool:
    """Whether an item is missing although the stock level includes it."""
    return behaviour.chance("shelf", f"{order_id}|{sku}") < behaviour.fail / 2


def location_of(behaviour: Behaviour, order_id: str) -> str:
    """The location that ships an order."""
    draw = behaviour.chance("location", order_id)
    for location, weight in _LOCATIONS:
        draw -= weight
        if draw < 0:
            return location
    return _LOCATIONS[-1][0]
