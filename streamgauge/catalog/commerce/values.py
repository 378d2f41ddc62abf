"""Values that fields of the commerce events may take, as types and as tuples."""

from __future__ import annotations

from typing import Literal, get_args

OrderChannel = Literal["web", "mobile", "store", "marketplace"]
PaymentMethod = Literal["card", "wallet", "bank_transfer", "bnpl"]
MarketingChannel = Literal["search", "social", "email", "display"]
Segment = Literal["new", "returning", "lapsed"]

ORDER_CHANNELS: tuple[OrderChannel, ...] = get_args(OrderChannel)
PAYMENT_METHODS: tuple[PaymentMethod, ...] = get_args(PaymentMethod)
