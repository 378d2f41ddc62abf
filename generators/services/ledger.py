"""The services' ledger: exact amounts of money and units moved, per order and in total.

A decision is recorded once, when it is made or when it is read from the log at the start; repeated replies are not.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from streamgauge.runtime import files

COLUMNS = ("authorised_cents", "refunded_cents", "reserved", "released", "shipped")
_OF = {
    "payment.authorised": 0,
    "payment.refunded": 1,
    "stock.reserved": 2,
    "stock.released": 3,
    "stock.shipped": 4,
}


class ServiceLedger:
    """Amounts moved; with `by_order` False only totals are kept, in constant memory."""

    def __init__(self, *, by_order: bool) -> None:
        self._by_order = by_order
        self._totals = [0] * len(COLUMNS)
        self._orders: dict[str, list[int]] = {}
        self.published: Counter[str] = Counter()
        self.repeated = 0

    def record(self, event_type: str, order_id: str, amount: int) -> None:
        """Record a decision; `amount` is in cents or units. Event types that move nothing are ignored."""
        column = _OF.get(event_type)
        if column is None or not amount:
            return
        self._totals[column] += amount
        if self._by_order:
            row = self._orders.get(order_id)
            if row is None:
                row = self._orders[order_id] = [0] * len(COLUMNS)
            row[column] += amount

    @property
    def totals(self) -> dict[str, int]:
        """Totals of all orders, by column."""
        return dict(zip(COLUMNS, self._totals, strict=True))

    def describe(self) -> dict[str, Any]:
        """The content of the file."""
        return {
            "totals": self.totals,
            "published": dict(sorted(self.published.items())),
            "repeated": self.repeated,
            "orders": {order: dict(zip(COLUMNS, row, strict=True)) for order, row in self._orders.items()},
        }

    def write(self, path: Path, run: dict[str, Any]) -> None:
        """Replace the file at `path` atomically."""
        files.write_atomically(path, json.dumps({"version": 1, "run": run, **self.describe()}) + "\n")
