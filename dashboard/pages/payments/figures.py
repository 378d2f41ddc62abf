"""Figures of the page Payments and fraud."""

from __future__ import annotations

from dashboard.data.figure import Figure
from dashboard.pages.payments import queries

_COMPARED = "The change compares complete windows with the same span earlier."

REQUESTED = Figure(
    "Requested", "count", f"Payments requested in the range, further attempts included. {_COMPARED}", queries.METHODS
)
AUTHORISED = Figure("Authorised", "€", f"Money of the payments authorised in the range. {_COMPARED}", queries.METHODS)
DECLINED = Figure(
    "Declined share",
    "%",
    "Declined payments as a share of those authorised or declined. Red above a quarter, where PaymentDeclineRate "
    "fires.",
    queries.METHODS,
)
REFUNDED = Figure(
    "Refunded",
    "€",
    "Money refunded in the range.",
    queries.METHODS,
)
OUTCOMES = Figure(
    "Payments by outcome", "payments", "Payments authorised, declined and refunded in each bar.", queries.OUTCOMES
)
BY_METHOD = Figure("By method", "", "The range by payment method.", queries.METHODS)
FLAGS = Figure(
    "Fraud flags",
    "count",
    "Rules that fired for payments of the range. A payment counts once for each rule that fired.",
    queries.RULES,
)
FLAGGED_MONEY = Figure(
    "Flagged money",
    "€",
    "Amounts of the flagged payments. A payment counts once for each rule that fired.",
    queries.RULES,
)
DECLINED_BY_FRAUD = Figure(
    "Declined by fraud",
    "%",
    "Payments declined by their verdict, as a share of those judged in the range. With a rule chosen: those of which "
    "it was the strongest rule.",
    queries.RULES,
)
MONEY_DECLINED = Figure(
    "Money declined",
    "€",
    "Amounts of the payments that fraud declined in the range.",
    queries.RULES,
)
FLAGS_BY_RULE = Figure("Fraud flags by rule", "flags", "Flags in each bar by rule.", queries.RULES)
ALERTS = Figure(
    "Newest fraud alerts",
    "",
    "The newest 100 alerts of the range with their evidence.",
    queries.ALERTS,
)
