"""The rules of fraud as tables of cases: what is remembered, the payment, and the scores of what fires."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from processors.fraud import rules
from processors.fraud.memory import CardUse, CustomerMemory, Payment
from processors.fraud.rules import CARD_RULES, CUSTOMER_RULES, RULES, Limits, applied
from streamgauge.catalog.commerce.values import PAYMENT_METHODS
from streamgauge.domain import fraud
from streamgauge.runtime.settings import Settings
from tests.unit.processors.fraud.cases import NOW, S, memory, past, payment, use

LIMITS = Limits(
    decline_at=0.75,
    velocity_window_s=60,
    pattern_window_s=3_600,
    customer_velocity=4,
    card_velocity=3,
    card_customers=3,
    customer_cards=3,
    customer_regions=3,
    amount_deviation=3.5,
    amount_min_cents=10_000,
    amount_payments=5,
    bnpl_new_cents=40_000,
    wallet_travel_s=1_000,
    transfer_parts=3,
    refunds=2,
    memory_payments=128,
    memory_days=7,
)

CARDS: tuple[tuple[str, Sequence[CardUse], Payment, dict[str, float]], ...] = (
    ("a first use", [], payment(), {}),
    ("one below the limit", [use(10)], payment(), {}),
    ("at the limit", [use(20), use(10)], payment(), {"card_velocity": 0.5}),
    ("twice the limit", [use(n) for n in range(5)], payment(), {"card_velocity": 0.95}),
    ("far beyond, and no more than sure", [use(n) for n in range(40)], payment(), {"card_velocity": 0.95}),
    ("exactly a window ago is outside", [use(60), use(10)], payment(), {}),
    ("a moment less is inside", [use(59.999), use(10)], payment(), {"card_velocity": 0.5}),
    ("what overtook it counts too", [use(-1), use(-2)], payment(), {"card_velocity": 0.5}),
    ("a window later does not", [use(-60), use(-1)], payment(), {}),
    ("a family of two", [use(300, "C2"), use(200, "C2")], payment(), {}),
    ("three customers", [use(300, "C2"), use(200, "C3")], payment(), {"card_customers": 0.5}),
    ("six customers", [use(99 + n, f"C{n}") for n in range(2, 7)], payment(), {"card_customers": 0.95}),
    ("the third was long ago", [use(3_600, "C2"), use(200, "C3")], payment(), {}),
    ("both", [use(3, "C2"), use(2, "C3")], payment(), {"card_velocity": 0.5, "card_customers": 0.5}),
)

CUSTOMERS: tuple[tuple[str, CustomerMemory, Payment, dict[str, float]], ...] = (
    ("nobody knows them", memory(), payment(), {}),
    ("three in a minute", memory(past(2), past(1)), payment(), {}),
    ("four in a minute", memory(past(3), past(2), past(1)), payment(), {"customer_velocity": 0.5}),
    (
        "whatever the methods",
        memory(past(3, "wallet"), past(2, "bnpl"), past(1)),
        payment("bank_transfer"),
        {"customer_velocity": 0.5},
    ),
    ("four in more than a minute", memory(past(60), past(2), past(1)), payment(), {}),
    # Five of one amount and eight of anybody's: a spread of 0.55. The limit is e^(3.5 * 0.55) = 6.8 times the usual.
    ("six times the usual", memory(payments=5), payment(cents=30_000), {}),
    ("seven times the usual", memory(payments=5), payment(cents=35_000), {"amount_unusual": 0.5062}),
    ("a thousand times the usual", memory(payments=5), payment(cents=5_000_000), {"amount_unusual": 0.95}),
    ("with more history, less will do", memory(payments=50), payment(cents=15_000), {"amount_unusual": 0.6037}),
    ("too little history", memory(payments=4), payment(cents=100_000), {}),
    ("too little money", memory(usual=100, payments=9), payment(cents=9_999), {}),
    ("much less than usual", memory(usual=100_000, payments=9), payment(cents=10_000), {}),
    ("by transfer too", memory(payments=5), payment("bank_transfer", 5_000_000), {"amount_unusual": 0.95}),
    ("two cards", memory(past(100, card="K2"), past(99, card="K2")), payment(), {}),
    ("three cards", memory(past(100, card="K2"), past(99, card="K3")), payment(), {"customer_cards": 0.5}),
    ("a card long ago", memory(past(3_600, card="K2"), past(99, card="K3")), payment(), {}),
    ("cards do not matter to a wallet", memory(past(100, card="K2"), past(99, card="K3")), payment("wallet"), {}),
    ("a known card after others were tried", memory(past(90), past(80, card="K2"), past(7, card="K3")), payment(), {}),
    ("two regions", memory(past(100, region="us")), payment(), {}),
    ("home again", memory(past(99), past(98, region="us"), past(97, region="apac")), payment(), {}),
    (
        "three regions",
        memory(past(100, region="us"), past(99, region="apac")),
        payment(),
        {"customer_regions": 0.5},
    ),
    (
        "an unknown region is none",
        memory(past(100, region="us"), past(99, region=None)),
        payment(),
        {},
    ),
    ("and says nothing", memory(past(9, region="us"), past(8, region="apac")), payment(region=None), {}),
    ("one refund", memory(past(900, refunded=True)), payment(), {}),
    (
        "two refunds of three",
        memory(past(900, refunded=True), past(800, refunded=True), past(700)),
        payment(),
        {"refund_pattern": 0.5},
    ),
    (
        "two refunds of five",
        memory(past(900, refunded=True), past(800, refunded=True), past(700), past(600), past(500)),
        payment(),
        {},
    ),
    (
        "refunds of what was declined here are our own doing",
        memory(past(900, refunded=True, declined=True), past(800, refunded=True)),
        payment(),
        {},
    ),
    ("a first credit", memory(), payment("bnpl", 39_999), {}),
    ("a first credit, large", memory(), payment("bnpl", 40_000), {"bnpl_new_customer": 0.5}),
    ("twice that", memory(), payment("bnpl", 80_000), {"bnpl_new_customer": 0.95}),
    (
        "in two pieces",
        memory(past(100, "bnpl", 20_000), payments=1),
        payment("bnpl", 20_000),
        {"bnpl_new_customer": 0.5},
    ),
    ("one piece was declined", memory(past(100, "bnpl", 20_000, declined=True)), payment("bnpl", 20_000), {}),
    ("somebody known", memory(payments=3), payment("bnpl", 80_000), {}),
    ("not on credit", memory(), payment("wallet", 80_000), {}),
    ("a wallet at home", memory(past(10, "wallet")), payment("wallet"), {}),
    ("a wallet far away", memory(past(500, "wallet")), payment("wallet", region="us"), {"wallet_travel": 0.725}),
    ("at once", memory(past(0, "wallet")), payment("wallet", region="us"), {"wallet_travel": 0.95}),
    ("with time to travel", memory(past(1_000, "wallet")), payment("wallet", region="us"), {}),
    ("home again since", memory(past(50, region="us"), past(20)), payment("wallet"), {}),
    ("a card may be used from anywhere", memory(past(10)), payment(region="us"), {}),
    (
        "two transfers alike",
        memory(past(20, "bank_transfer", 9_900)),
        payment("bank_transfer", 9_950),
        {},
    ),
    (
        "three transfers alike",
        memory(past(20, "bank_transfer", 9_900), past(9, "bank_transfer", 9_990)),
        payment("bank_transfer", 9_950),
        {"transfer_parts": 0.5},
    ),
    (
        "three transfers, one of another amount",
        memory(past(20, "bank_transfer", 9_000), past(9, "bank_transfer", 9_990)),
        payment("bank_transfer", 9_950),
        {},
    ),
    (
        "not all transfers",
        memory(past(20, "wallet", 9_900), past(9, "bank_transfer", 9_990)),
        payment("bank_transfer", 9_950),
        {},
    ),
)


@pytest.mark.parametrize(("uses", "paid", "expected"), [case[1:] for case in CARDS], ids=[case[0] for case in CARDS])
def test_rules_of_cards(uses: Sequence[CardUse], paid: Payment, expected: dict[str, float]) -> None:
    assert {finding.rule: finding.score for finding in applied(CARD_RULES, paid, uses, LIMITS)} == expected


@pytest.mark.parametrize(
    ("remembered", "paid", "expected"), [case[1:] for case in CUSTOMERS], ids=[case[0] for case in CUSTOMERS]
)
def test_rules_of_customers(remembered: CustomerMemory, paid: Payment, expected: dict[str, float]) -> None:
    assert {finding.rule: finding.score for finding in applied(CUSTOMER_RULES, paid, remembered, LIMITS)} == expected


def test_every_rule_has_a_case_in_which_it_fires() -> None:
    fired = {rule for *_, expected in (*CARDS, *CUSTOMERS) for rule in expected}
    assert fired == {rule.named.name for rule in RULES}


def test_the_evidence_is_in_words() -> None:
    (found,) = applied(CUSTOMER_RULES, payment(cents=100_000), memory(payments=5), LIMITS)
    assert found.detail == "1,000.00 EUR is 20.0 times this customer's usual 50.00 EUR"
    (found,) = applied(CUSTOMER_RULES, payment("wallet", region="us"), memory(past(500, "wallet")), LIMITS)
    assert found.detail == "eu and us within 500 s"
    (found,) = applied(CARD_RULES, payment(), [use(20), use(10)], LIMITS)
    assert found.detail == "3 payments by this card within 60 s"


def test_only_rules_for_its_method_judge_a_payment() -> None:
    everything = memory(
        *(
            past(n, method, 9_950, card=f"K{n}", region=f"r{n}", refunded=True)
            for n in range(3)
            for method in PAYMENT_METHODS
        )
    )
    for method in PAYMENT_METHODS:
        found = {finding.rule for finding in applied(CUSTOMER_RULES, payment(method, 9_950), everything, LIMITS)}
        assert found <= {rule.named.name for rule in CUSTOMER_RULES if method in rule.named.methods}
        assert {"customer_velocity", "customer_regions", "refund_pattern"} <= found


def test_a_stricter_limit_is_obeyed() -> None:
    assert applied(CARD_RULES, payment(), [use(1)], replace(LIMITS, card_velocity=2))


def test_limits_are_the_settings() -> None:
    assert Limits.of(Settings(fraud_refunds=17)).refunds == 17


def test_names_and_settings_of_the_table() -> None:
    names = [rule.named.name for rule in RULES]
    assert names == list(fraud.BY_NAME)
    assert len(set(names)) == len(names)
    for rule in RULES:
        assert set(rule.named.methods) <= set(PAYMENT_METHODS)
        assert all(f"fraud_{setting}" in Settings.model_fields for setting in rule.named.settings)
        assert getattr(rules, rule.named.name) is rule.check


def test_what_is_not_a_number_does_not_break_a_rule() -> None:
    """An amount of nothing, the same moment many times."""
    free = payment("bank_transfer", 0, at=NOW)
    assert applied(CUSTOMER_RULES, free, memory(past(0, "bank_transfer", 0), usual=0, payments=9), LIMITS) == ()
    assert S == 1_000
