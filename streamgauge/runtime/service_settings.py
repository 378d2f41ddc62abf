"""Settings of the commerce services: fulfilment, fraud, attribution; part of `settings.Settings`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class ServiceSettings(BaseSettings):
    """Settings of the services, each with default and help."""

    # The services fulfilment, fraud and attribution
    service_commit_interval_ms: int = Field(
        100, ge=5, le=60_000, description="How often they commit; what they publish becomes visible then."
    )

    # The fulfilment saga
    saga_stock_timeout_ms: int = Field(
        5_000, ge=1, le=86_400_000, description="Time-out of the first attempt at reserving or releasing stock."
    )
    saga_payment_timeout_ms: int = Field(
        10_000, ge=1, le=86_400_000, description="Time-out of the first attempt at a payment or a refund."
    )
    saga_shipment_timeout_ms: int = Field(
        10_000, ge=1, le=86_400_000, description="Time-out of the first attempt at a dispatch or a cancellation."
    )
    saga_delivery_timeout_ms: int = Field(
        60_000, ge=1, le=86_400_000, description="How long a delivery may take before it is first queried."
    )
    saga_attempts: int = Field(
        3,
        ge=1,
        le=100,
        description="Attempts at a step before the saga compensates; each waits twice as long as the one before.",
    )
    saga_compensation_attempts: int = Field(
        12,
        ge=1,
        le=1_000,
        description="Attempts at a compensating step before the saga fails and a person must intervene.",
    )
    saga_memory_hours: int = Field(
        24,
        ge=1,
        le=8_760,
        description="How long an ended saga is remembered, so that a late duplicate does not start another.",
    )

    # Fraud
    fraud_commit_interval_ms: int = Field(
        35, ge=5, le=10_000, description="How often fraud commits; most of the time until a verdict is three of these."
    )
    fraud_decline_at: float = Field(
        0.75, gt=0, le=1, description="Combined score from which a payment is declined; two weak signs give 0.75."
    )
    fraud_velocity_window_s: int = Field(60, ge=1, le=86_400, description="Time window of the velocity rules.")
    fraud_pattern_window_s: int = Field(
        3_600,
        ge=1,
        le=604_800,
        description="Time window in which cards, regions, customers, credit and transfers are counted.",
    )
    fraud_customer_velocity: int = Field(
        6, ge=2, description="Payments of one customer in the velocity window that are too many."
    )
    fraud_card_velocity: int = Field(
        6, ge=2, description="Payments by one card in the velocity window that are too many."
    )
    fraud_card_customers: int = Field(2, ge=2, description="Customers on one card that are too many.")
    fraud_customer_cards: int = Field(3, ge=2, description="Cards of one customer that are too many.")
    fraud_customer_regions: int = Field(2, ge=2, description="Regions of one customer that are too many.")
    fraud_amount_deviation: float = Field(
        3.5,
        gt=0,
        description="Standard deviations (of the amount's logarithm) above a customer's own that are unusual.",
    )
    fraud_amount_min_cents: int = Field(10_000, ge=0, description="Smaller amounts are never unusual.")
    fraud_amount_payments: int = Field(5, ge=1, description="Payments after which a customer has a history.")
    fraud_bnpl_new_cents: int = Field(
        80_000,
        ge=1,
        description="Cents on credit (bnpl) that are too much for a customer with fewer than three payments.",
    )
    fraud_wallet_travel_s: int = Field(
        1_800, ge=1, le=604_800, description="Shortest plausible time between payments of a wallet from two regions."
    )
    fraud_transfer_parts: int = Field(
        6, ge=2, description="Bank transfers of the same amount that count as parts of one."
    )
    fraud_refunds: int = Field(
        3, ge=1, description="Refunds of one customer that are too many, if half of the payments were refunded."
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
        description="How late a click may arrive, against its customer's newest event, and still move a credit.",
    )
    attribution_lapsed_days: int = Field(
        90, ge=1, le=3_650, description="A customer whose last order is older than this had lapsed."
    )
    attribution_clicks_kept: int = Field(50, ge=1, le=1_000, description="Most clicks remembered per customer.")
