"""Payments and fraud: figures from windows, filters, and each state of the page."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from dashboard.pages.payments import fraud
from processors.fraud import rules
from streamgauge.catalog.commerce.events import PaymentEvent
from streamgauge.catalog.commerce.values import PAYMENT_METHODS
from streamgauge.warehouse.client import QueryError
from tests.unit.dashboard.conftest import OpenPage, page_text, tile_values
from tests.unit.dashboard.fakes import FakeWarehouse


def add_payment_window(warehouse: FakeWarehouse, seconds: float, method: str = "card", **more: Any) -> None:
    warehouse.add("payment_windows", window_start=warehouse.window(seconds), method=method, **more)


def add_fraud_window(warehouse: FakeWarehouse, seconds: float, rule: str, method: str = "card", **more: Any) -> None:
    warehouse.add("fraud_windows", window_start=warehouse.window(seconds), rule=rule, payment_method=method, **more)


@pytest.fixture
def shop(warehouse: FakeWarehouse) -> FakeWarehouse:
    warehouse.stream("payments", 40, 100)
    warehouse.stream("payments", 2_000, 100)
    add_payment_window(warehouse, 40, requested=10, authorised=6, declined=2, authorised_cents=600_00)
    add_payment_window(
        warehouse, 30, "wallet", requested=5, authorised=4, refunded=1, authorised_cents=200_00, refunded_cents=4_99
    )
    add_payment_window(warehouse, 940, requested=5, authorised=5, authorised_cents=400_00)
    add_fraud_window(warehouse, 40, "card_velocity", flagged=2, amount_cents=60_00)
    add_fraud_window(warehouse, 40, "none", "wallet", cleared=3)
    add_fraud_window(warehouse, 40, "wallet_travel", "wallet", flagged=1, amount_cents=10_00, cleared=1)
    # In the windows above, these are counted too.
    for minutes, kind in enumerate(("fraud.flagged", "fraud.declined", "fraud.cleared")):
        verdict = {"customer_id": f"C-{minutes}", "order_id": "O-1", "payment_method": "card", "amount_cents": 30_00}
        evidence = {"rule": "card_velocity", "score": 0.8, "detail": "<b>8</b> payments"}
        warehouse.publish(kind, warehouse.ago(60 * minutes + 60), **verdict, **evidence)
    return warehouse


def test_figures(shop: FakeWarehouse, open_page: OpenPage) -> None:
    app = open_page("payments")
    shown = tile_values(app)
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


def test_filters(shop: FakeWarehouse, open_page: OpenPage) -> None:
    shown = tile_values(open_page("payments", method="wallet"))
    assert shown["Requested"] == ("5", "no earlier data")
    assert shown["Declined share"] == ("0.00 %", "0 of 4 answered")
    assert (shown["Fraud flags"][0], shown["Flagged money"][0]) == ("1", "€10.00")
    shown = tile_values(open_page("payments", rule="card_velocity"))
    assert shown["Requested"][0] == "15"
    assert (shown["Fraud flags"][0], shown["Flagged money"][0]) == ("3", "€90.00")
    assert shown["Declined by fraud"] == ("16.7 %", "1 of 6 judged")
    assert "No payments by bnpl" in page_text(open_page("payments", method="bnpl"))


def test_states(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    assert "No events yet" in page_text(open_page("payments"))
    warehouse.stream("payments", 7_200, 5)
    assert "No events in the last 15 min" in page_text(open_page("payments", compare="none"))
    warehouse.error = QueryError("table", "no such table")
    assert "The catalog has no `payment_windows`" in page_text(open_page("payments", range="1h"))


def test_verdicts_are_shown_without_payments_in_the_range(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("payments", 1_800, 5)
    add_payment_window(warehouse, 1_800, requested=2)
    add_fraud_window(warehouse, 40, "card_velocity", declined=2, declined_cents=80_00)
    app = open_page("payments", compare="none")
    assert tile_values(app)["Money declined"] == ("€80.00", "2 payments")
    assert tile_values(app)["Requested"][0] == "0"
    assert "**No payments in 15 min.** Choose another range." in page_text(app)
    assert "No events in" not in page_text(app)


def test_filter_values_match_the_catalog_and_the_rules() -> None:
    assert get_args(PaymentEvent.__annotations__["method"]) == PAYMENT_METHODS
    assert list(fraud.RULES) == [rule.check.__name__ for rule in rules.RULES]
