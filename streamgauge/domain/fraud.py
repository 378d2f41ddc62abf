"""Fraud rules as vocabulary: name, payment methods, meaning and settings of each, in the order in which they are shown.

processors/fraud/rules.py has the function of each; pages and docs list them from here.
"""

from __future__ import annotations

from dataclasses import dataclass

from streamgauge.catalog.commerce.values import PAYMENT_METHODS, PaymentMethod


@dataclass(frozen=True)
class FraudRule:
    """`name` as in `fraud.flagged`; `settings` (without the prefix `fraud_`) are the limits that it obeys."""

    name: str
    methods: tuple[PaymentMethod, ...]
    meaning: str
    settings: tuple[str, ...]


RULES = (
    FraudRule(
        "card_velocity",
        ("card",),
        "many payments by one card in a short time",
        ("card_velocity", "velocity_window_s"),
    ),
    FraudRule("card_customers", ("card",), "many customers on one card", ("card_customers", "pattern_window_s")),
    FraudRule(
        "customer_velocity",
        PAYMENT_METHODS,
        "many payments of one customer in a short time",
        ("customer_velocity", "velocity_window_s"),
    ),
    FraudRule(
        "amount_unusual",
        PAYMENT_METHODS,
        "an amount far above the customer's own history (standard deviations of its logarithm)",
        ("amount_deviation", "amount_min_cents", "amount_payments"),
    ),
    FraudRule(
        "customer_cards",
        ("card",),
        "a further card of a customer, among many",
        ("customer_cards", "pattern_window_s"),
    ),
    FraudRule(
        "customer_regions",
        PAYMENT_METHODS,
        "a further region of a customer, among many",
        ("customer_regions", "pattern_window_s"),
    ),
    FraudRule(
        "refund_pattern",
        PAYMENT_METHODS,
        "at least so many refunds, and of half of the payments remembered",
        ("refunds", "memory_payments", "memory_days"),
    ),
    FraudRule(
        "bnpl_new_customer",
        ("bnpl",),
        "much on credit for a customer with fewer than three payments",
        ("bnpl_new_cents", "pattern_window_s"),
    ),
    FraudRule(
        "wallet_travel",
        ("wallet",),
        "a wallet in another region sooner than one can travel",
        ("wallet_travel_s",),
    ),
    FraudRule(
        "transfer_parts",
        ("bank_transfer",),
        "one sum in several transfers of equal amount (within 2 %)",
        ("transfer_parts", "pattern_window_s"),
    ),
)
BY_NAME = {rule.name: rule for rule in RULES}
