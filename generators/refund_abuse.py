"""Customers whose parcels "never arrive": what the storefront and the shipping service both know, and no event says."""

from __future__ import annotations

ONE_OF = 500
_WHICH = 7


def never_receives(customer_id: str) -> bool:
    """Whether this customer of the synthetic shop (`C000007`, …) claims refunds by habit: one of 500 does."""
    digits = customer_id[1:]
    return customer_id[:1] == "C" and digits.isdecimal() and int(digits) % ONE_OF == _WHICH
