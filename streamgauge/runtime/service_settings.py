"""Settings of the commerce services: fulfilment, fraud, attribution; part of `settings.Settings`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class ServiceSettings(BaseSettings):
    """Settings of the services, each with default and help."""

    # The services fulfilment, fraud and attribution
    service_commit_interval_ms: int = Field(
        100,
        ge=5,
        le=60_000,
        description="How often fulfilment and attribution commit and what they publish becomes visible.",
    )

    # The fulfilment saga
    saga_stock_timeout_ms: int = Field(
        5_000, ge=1, le=86_400_000, description="First time-out of reserving or releasing stock."
    )
    saga_payment_timeout_ms: int = Field(
        10_000, ge=1, le=86_400_000, description="First time-out of a payment or refund."
    )
    saga_shipment_timeout_ms: int = Field(
        10_000, ge=1, le=86_400_000, description="First time-out of a dispatch or cancellation."
    )
    saga_delivery_timeout_ms: int = Field(
        60_000, ge=1, le=86_400_000, description="Time until a delivery is first queried."
    )
    saga_attempts: int = Field(
        3,
        ge=1,
        le=100,
        description="Attempts at a step before the saga compensates; each doubles the time-out.",
    )
    saga_compensation_attempts: int = Field(
        12,
        ge=1,
        le=1_000,
        description="Attempts at a compensating step before the saga fails.",
    )
    saga_memory_hours: int = Field(
        24,
        ge=1,
        le=8_760,
        description="How long an ended saga is remembered; a later duplicate starts another.",
    )

    # Fraud
    fraud_commit_interval_ms: int = Field(
        35, ge=5, le=10_000, description="How often fraud commits; a verdict takes up to three commits."
    )
    fraud_decline_at: float = Field(
        0.75, gt=0, le=1, description="Score from which a payment is declined; two weak signs give 0.75."
    )
    fraud_velocity_window_s: int = Field(60, ge=1, le=86_400, description="Time window of the velocity rules.")
    fraud_pattern_window_s: int = Field(
        3_600,
        ge=1,
        le=604_800,
        description="Time window for counting cards, regions, customers, credit and transfers.",
    )
    fraud_customer_velocity: int = Field(6, ge=2, description="Too many payments of a customer in the velocity window.")
    fraud_card_velocity: int = Field(6, ge=2, description="Too many payments by a card in the velocity window.")
    fraud_card_customers: int = Field(2, ge=2, description="Too many customers on a card.")
    fraud_customer_cards: int = Field(3, ge=2, description="Too many cards of a customer.")
    fraud_customer_regions: int = Field(2, ge=2, description="Too many regions of a customer.")
    fraud_amount_deviation: float = Field(
        3.5,
        gt=0,
        description="Unusual: this many standard deviations (of the logarithm) above a customer's own amounts.",
    )
    fraud_amount_min_cents: int = Field(10_000, ge=0, description="Smaller amounts are never unusual.")
    fraud_amount_payments: int = Field(5, ge=1, description="Payments after which a customer has a history.")
    fraud_bnpl_new_cents: int = Field(
        80_000,
        ge=1,
        description="Too much on credit (bnpl) for a customer with fewer than three payments.",
    )
    fraud_wallet_travel_s: int = Field(
        1_800, ge=1, le=604_800, description="Shortest plausible time between two regions of a wallet."
    )
    fraud_transfer_parts: int = Field(
        6, ge=2, description="This many bank transfers of the same amount are parts of one."
    )
    fraud_refunds: int = Field(
        3, ge=1, description="Too many refunds of a customer, if half of the payments were refunded."
    )
    fraud_memory_payments: int = Field(
        128, ge=8, le=2_000, description="Most payments remembered per card and per customer."
    )
    fraud_memory_days: int = Field(7, ge=1, le=90, description="How long those payments are remembered.")
    fraud_forget_days: int = Field(
        90, ge=1, le=3_650, description="A customer or card without a payment for this long is forgotten."
    )

    # Attribution
    attribution_model: Literal["last-touch", "first-touch"] = Field(
        "last-touch", description="Which of a customer's clicks before an order gets the credit for it."
    )
    attribution_window_hours: int = Field(
        168, ge=1, le=8_760, description="How long before the order that click may have happened."
    )
    attribution_grace_hours: int = Field(
        24,
        ge=1,
        le=8_760,
        description="How late, against its customer's newest event, a click still moves a credit.",
    )
    attribution_lapsed_days: int = Field(
        90, ge=1, le=3_650, description="A customer whose last order is older than this had lapsed."
    )
    attribution_clicks_kept: int = Field(50, ge=1, le=1_000, description="Most clicks remembered per customer.")
