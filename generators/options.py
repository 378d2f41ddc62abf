"""Options of `streamgauge generate`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from streamgauge.runtime.errors import UsageError

MAX_RATE = 1_000_000.0
# With more, fraud would be the norm.
MAX_FRAUD = 0.5
DEFAULT_FRAUD = 0.01


@dataclass(frozen=True)
class Options:
    """Options of one run.

    `rate` is events per second, 0 = as fast as possible. `count` and `for_s` end the run; with neither it runs until
    stopped. `start_ms` is the start of the shop's clock, in ms since the epoch. Without it, a run with a rate or a
    duration follows the wall clock, and a run with only a count gets a timeline of `TIMELINE_RATE` events per second
    that ends now. With it, the timeline is the shop's own, and equal options give equal bytes.

    `storefront` leaves the processing of orders to other services. `fraud` is the share of its orders that are
    fraudulent (default 1 %), `duplicates` the share of events that are sent twice.
    """

    rate: float = 200.0
    count: int | None = None
    for_s: float | None = None
    seed: int = 1
    invalid: float = 0.0
    late: float = 0.0
    skew: float = 0.0
    ledger: Path | None = None
    start_ms: int | None = None
    storefront: bool = False
    fraud: float | None = None
    duplicates: float = 0.0

    def check(self) -> None:
        """Raise `UsageError`, one line that names the option, for a value out of range."""
        for name in ("invalid", "late", "skew", "fraud", "duplicates"):
            share: float | None = getattr(self, name)
            if share is not None and not 0 <= share <= 1:
                raise UsageError(f"--{name} is a share between 0 and 1, not {share:g}")
        if self.fraud is not None and not self.storefront:
            raise UsageError("--fraud is planted by the storefront; add --storefront")
        if self.fraud is not None and self.fraud > MAX_FRAUD:
            raise UsageError(f"--fraud is at most {MAX_FRAUD:g} of all orders, not {self.fraud:g}")
        if not (math.isfinite(self.rate) and 0 <= self.rate <= MAX_RATE):
            raise UsageError(
                f"--rate is events a second, 0 (as fast as possible) to {MAX_RATE:,.0f}, not {self.rate:g}"
            )
        if self.count is not None and self.for_s is not None:
            raise UsageError("--count and --for exclude each other; give one of them")
        if self.count is not None and self.count < 1:
            raise UsageError(f"--count is a number of events from 1 on, not {self.count}")
        if self.for_s is not None and not (math.isfinite(self.for_s) and self.for_s > 0):
            raise UsageError(f"--for is a number of seconds above 0, not {self.for_s:g}")
        if self.start_ms is not None and not 0 <= self.start_ms < 2**53:
            raise UsageError(f"the start is in ms since the epoch, not {self.start_ms}")
        if self.ledger is not None and self.ledger.is_dir():
            raise UsageError(f"--ledger is a file, and {self.ledger} is a folder")
