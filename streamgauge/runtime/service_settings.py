"""The settings of the commerce services: fulfilment, fraud, attribution. A part of `settings.Settings`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class ServiceSettings(BaseSettings):
    """Each with default and help, as all settings have them."""

    # The services fulfilment, fraud and attribution
    service_commit_interval_ms: int = Field(
        100, ge=5, le=60_000, description="How often they commit; what they publish is visible so much later."
    )

    # The fulfilment saga
    saga_stock_timeout_ms: int = Field(
        5_000, ge=1, le=86_400_000, description="How long reserving or releasing stock waits for an answer at first."
    )
    saga_payment_timeout_ms: int = Field(
        10_000, ge=1, le=86_400_000, description="How long a payment or a refund waits for an answer at first."
    )
    saga_shipment_timeout_ms: int = Field(
        10_000, ge=1, le=86_400_000, description="How long a dispatch or a cancellation waits for an answer at first."
    )
    saga_delivery_timeout_ms: int = Field(
        60_000, ge=1, le=86_400_000, description="How long a delivery may take before it is asked for, at first."
    )
    saga_attempts: int = Field(
        3, ge=1, le=100, description="Attempts at a step before the saga compensates; each waits twice as long."
    )
    saga_compensation_attempts: int = Field(
        12, ge=1, le=1_000, description="Attempts at a compensating step before the saga fails and a person must look."
    )
    saga_memory_hours: int = Field(
        24,
        ge=1,
        le=8_760,
        description="How long an ended saga is remembered, so that a late duplicate begins no other.",
    )

    # Fraud
    fraud_commit_interval_ms: int = Field(
        35, ge=5, le=10_000, description="How often fraud commits: most of the time to a verdict is three of these."
    )
    fraud_decline_at: float = Field(
        0.75, gt=0, le=1, description="Combined score from which a payment is declined; two weak signs give 0.75."
    )
    fraud_velocity_window_s: int = Field(60, ge=1, le=86_400, description="What is a short time for many payments.")
    fraud_pattern_window_s: int = Field(
        3_600, ge=1, le=604_800, description="How far back cards, regions, customers, credit and transfers are counted."
    )
    fraud_customer_velocity: int = Field(6, ge=2, description="Payments of one customer in a short time that are many.")
    fraud_card_velocity: int = Field(6, ge=2, description="Payments by one card in a short time that are many.")
    fraud_card_customers: int = Field(2, ge=2, description="Customers on one card that are many.")
    fraud_customer_cards: int = Field(3, ge=2, description="Cards of one customer that are many.")
    fraud_customer_regions: int = Field(2, ge=2, description="Regions of one customer that are many.")
    fraud_amount_deviation: float = Field(
        3.5,
        gt=0,
        description="Standard deviations (of the amount's logarithm) above a customer's own that are unusual.",
    )
    fraud_amount_min_cents: int = Field(10_000, ge=0, description="Smaller amounts are never unusual.")
    fraud_amount_payments: int = Field(5, ge=1, description="Payments after which a customer has a history.")
    fraud_bnpl_new_cents: int = Field(
        80_000, ge=1, description="Cents on credit (bnpl) that are much for a customer with fewer than three payments."
    )
    fraud_wallet_travel_s: int = Field(
        1_800, ge=1, le=604_800, description="A wallet does not come from another region sooner than this."
    )
    fraud_transfer_parts: int = Field(6, ge=2, description="Bank transfers of the same amount that are parts of one.")
    fraud_refunds: int = Field(3, ge=1, description="Refunds of one customer that are many, if half was refunded.")
    fraud_memory_payments: int = Field(
        128, ge=8, le=2_000, description="Payments remembered of a card and of a customer, at most."
    )
    fraud_memory_days: int = Field(7, ge=1, le=90, description="How long those are remembered.")
    fraud_forget_days: int = Field(
        90, ge=1, le=3_650, description="A customer or card without a payment for so long is forgotten altogether."
    )

    # Attribution
    attribution_model: Literal["last-touch", "first-touch"] = Field(
        "last-touch", description="Which of a customer's clicks before an order gets the credit for it."
    )
    attribution_window_hours: int = Field(
        168, ge=1, le=8_760, description="How long before the order that click may have been."
    )
    attribution_grace_hours: int = Field(
        24,
        ge=1,
        le=8_760,
        description="How late a click may come, against its customer's newest event, and still move a credit.",
    )
    attribution_lapsed_days: int = Field(
        90, ge=1, le=3_650, description="A customer whose last order is older than this had lapsed."
    )
    attribution_clicks_kept: int = Field(
        50, ge=1, le=1_000, description="Clicks that are remembered of a customer, at most."
    )
