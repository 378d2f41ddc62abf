"""Payments and fraud: figures from its windows, filters, and each of its states."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from dashboard.pages.payments import fraud
from processors.fraud import rules
from streamgauge.catalog.commerce.events import PaymentEvent
from streamgauge.catalog.commerce.values import PAYMENT_METHODS
from streamgauge.warehouse.client import QueryError
from tests.unit.dashboard.conftest import House, Open, tiles, words


def paid(house: House, seconds: float, method: str = "card", **more: Any) -> None:
    house.add("payment_windows", window_start=house.window(seconds), method=method, **more)


def judged(house: House, seconds: float, rule: str, method: str = "card", **more: Any) -> None:
    house.add("fraud_windows", window_start=house.window(seconds), rule=rule, payment_method=method, **more)


@pytest.fixture
def shop(house: House) -> House:
    house.stream("payments", 40, 100)
    house.stream("payments", 2_000, 100)
    paid(house, 40, requested=10, authorised=6, declined=2, authorised_cents=600_00)
    paid(house, 30, "wallet", requested=5, authorised=4, refunded=1, authorised_cents=200_00, refunded_cents=4_99)
    paid(house, 940, requested=5, authorised=5, authorised_cents=400_00)
    judged(house, 40, "card_velocity", flagged=2, amount_cents=60_00)
    judged(house, 40, "none", "wallet", cleared=3)
    judged(house, 40, "wallet_travel", "wallet", flagged=1, amount_cents=10_00, cleared=1)
    # Told, these are in the windows too.
    for minutes, kind in enumerate(("fraud.flagged", "fraud.declined", "fraud.cleared")):
        verdict = {"customer_id": f"C-{minutes}", "order_id": "O-1", "payment_method": "card", "amount_cents": 30_00}
        evidence = {"rule": "card_velocity", "score": 0.8, "detail": "<b>8</b> payments"}
        house.publish(kind, house.ago(60 * minutes + 60), **verdict, **evidence)
    return house


def test_figures(shop: House, open_page: Open) -> None:
    app = open_page("payments")
    shown = tiles(app)
    assert shown["Requested"] == ("15", "+200.0 %")
    assert shown["Authorised"] == ("€800.00", "+100.0 %")
    assert shown["Declined share"] == ("16.7 %", "2 of 12 answered")
    assert shown["Refunded"] == ("€4.99", "1 refunds and voids")
    assert (shown["Fraud flags"][0], shown["Flagged money"][0]) == ("4", "€100.00")
    assert shown["Declined by fraud"] == ("16.7 %", "1 of 6 judged")
    assert shown["Money declined"][0] == "€30.00"
    methods, alerts = (frame.value for frame in app.dataframe)
    assert [*methods["share"].round(1)] == [25.0, 0.0]
    assert [*alerts["what"]] == ["flagged", "declined"]
    assert alerts["order_id"][0] == "/events?range=15m&order=O-1"
    assert alerts["detail"][0] == "<b>8</b> payments"


def test_filters(shop: House, open_page: Open) -> None:
    shown = tiles(open_page("payments", method="wallet"))
    assert shown["Requested"] == ("5", "no earlier data")
    assert shown["Declined share"] == ("0.00 %", "0 of 4 answered")
    assert (shown["Fraud flags"][0], shown["Flagged money"][0]) == ("1", "€10.00")
    shown = tiles(open_page("payments", rule="card_velocity"))
    assert shown["Requested"][0] == "15"
    assert (shown["Fraud flags"][0], shown["Flagged money"][0]) == ("3", "€90.00")
    assert shown["Declined by fraud"] == ("16.7 %", "1 of 6 judged")
    assert "No payments by bnpl" in words(open_page("payments", method="bnpl"))


def test_states(house: House, open_page: Open) -> None:
    assert "No events yet" in words(open_page("payments"))
    house.stream("payments", 7_200, 5)
    assert "No events in the last 15 min" in words(open_page("payments", compare="none"))
    house.error = QueryError("table", "no such table")
    assert "The catalog has no `payment_windows`" in words(open_page("payments", range="1h"))


def test_verdicts_are_shown_where_the_payments_were_before_the_range(house: House, open_page: Open) -> None:
    house.stream("payments", 1_800, 5)
    paid(house, 1_800, requested=2)
    judged(house, 40, "card_velocity", declined=2, declined_cents=80_00)
    app = open_page("payments", compare="none")
    assert tiles(app)["Money declined"] == ("€80.00", "2 payments")
    assert tiles(app)["Requested"][0] == "0"
    assert "**No payments in 15 min.** Choose another range." in words(app)
    assert "No events in" not in words(app)


def test_filters_are_the_contracts() -> None:
    assert get_args(PaymentEvent.__annotations__["method"]) == PAYMENT_METHODS
    assert list(fraud.RULES) == [rule.check.__name__ for rule in rules.RULES]
