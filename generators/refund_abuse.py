"""Customers who abuse refunds: known to the storefront and the shipping service, and in no event."""

from __future__ import annotations

ONE_IN = 500
_REMAINDER = 7


def never_receives(customer_id: str) -> bool:
    """Whether this customer of the shop (`C000007`, …) claims that parcels do not arrive; one in 500 does."""
    digits = customer_id[1:]
    return customer_id[:1] == "C" and digits.isdecimal() and int(digits) % ONE_IN == _REMAINDER
