"""What a payment becomes: steps, memory, findings, verdict, events."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.fraud.memory import CardMemory, CustomerMemory, Finding, Habit, PastPayment, Payment
from processors.fraud.verdict import by_card, events, judge_card, judge_customer, payment_of, score
from streamgauge.catalog.commerce.events import FraudEvent, PaymentEvent
from tests.unit.processors.fraud.cases import LIMITS, NOW, memory, past, payment, use

DAY_S = 86_400


def paid(kind: str, **fields: Any) -> PaymentEvent:
    known: dict[str, Any] = {
        "event_id": "e1",
        "event_type": kind,
        "occurred_at": NOW,
        "source": "test",
        "schema_version": 1,
        "payment_id": "P1",
        "order_id": "O1",
        "customer_id": "C1",
        "method": "card",
        "amount_cents": 5_000,
        "currency": "EUR",
        "card": "K1",
        "region": "eu",
    }
    return PaymentEvent(**{**known, **fields})


@pytest.mark.parametrize(
    ("event", "goes"),
    [
        (paid("payment.requested"), "card"),
        (paid("payment.requested", card=None), "customer"),
        (paid("payment.requested", method="wallet"), "customer"),
        (paid("payment.refunded"), "customer"),
        (paid("payment.refunded", amount_cents=0), None),
        (paid("payment.authorised"), None),
        (paid("payment.declined"), None),
        (paid("payment.refund_requested"), None),
    ],
)
def test_where_an_event_goes(event: PaymentEvent, goes: str | None) -> None:
    passed = payment_of(event, NOW)
    assert (None if passed is None else "card" if by_card(passed) else "customer") == goes


@pytest.mark.parametrize(
    ("scores", "total"), [([], 0.0), ([0.5], 0.5), ([0.5, 0.5], 0.75), ([0.95, 0.5, 0.5], 0.9875), ([1.0, 0.2], 1.0)]
)
def test_scores_add_up_as_chances(scores: list[float], total: float) -> None:
    assert score([Finding("r", value, "") for value in scores]) == total


def test_a_card_remembers_and_passes_on_what_it_found() -> None:
    remembered = CardMemory([use(5, "C7"), use(4, "C8"), use(3, "C9"), use(2), use(1)])
    judged = judge_card(payment(), remembered, LIMITS)
    assert judged is not None
    after, passed = judged
    assert [finding.rule for finding in passed.findings] == ["card_velocity", "card_customers"]
    assert [one.customer_id for one in after.uses] == ["C7", "C8", "C9", "C1", "C1", "C1"]


def test_a_repeated_attempt_gets_no_verdict() -> None:
    judged = judge_card(payment(), CardMemory(), LIMITS)
    assert judged is not None
    assert judge_card(payment(at=NOW + 5_000), judged[0], LIMITS) is None
    first = judge_customer(payment(), CustomerMemory(), LIMITS)
    assert first is not None
    assert judge_customer(payment(at=NOW + 5_000), first[0], LIMITS) is None


def test_a_declined_payment_teaches_no_habit() -> None:
    remembered = memory(*(past(n, card=f"K{n}") for n in range(20)), payments=6)
    habit = remembered.habit
    judged = judge_customer(payment(), remembered, LIMITS)
    assert judged is not None
    assert judged[0].past[-1].declined
    assert judged[0].habit == habit
    cleared = judge_customer(payment(), memory(payments=6), LIMITS)
    assert cleared is not None
    assert not cleared[0].past[-1].declined
    assert cleared[0].habit.payments == 7


def test_a_refund_marks_its_payment_once_and_has_no_verdict() -> None:
    judged = judge_customer(payment(), CustomerMemory(), LIMITS)
    assert judged is not None
    refund = payment(refunded=True)
    marked = judge_customer(refund, judged[0], LIMITS)
    assert marked is not None
    assert marked[1] is None
    assert marked[0].past[-1].refunded
    assert judge_customer(refund, marked[0], LIMITS) is None
    assert judge_customer(payment(number=9, refunded=True), marked[0], LIMITS) is None


@pytest.mark.parametrize(
    ("entries", "kept"),
    [
        ([past(DAY_S * 7 - 1)], 2),
        ([past(DAY_S * 7)], 2),
        ([past(DAY_S * 7 + 1)], 1),
        ([past(n) for n in range(127, 0, -1)], 128),
        ([past(n) for n in range(500, 0, -1)], 128),
    ],
)
def test_memory_is_bounded_in_age_and_number(entries: list[PastPayment], kept: int) -> None:
    judged = judge_customer(payment(), CustomerMemory(entries), LIMITS)
    assert judged is not None
    assert len(judged[0].past) == kept
    assert judged[0].past[-1].payment_id == "P0"


def test_the_memory_of_the_busiest_customer_is_small() -> None:
    remembered = CustomerMemory([past(n, card="K" * 20, region="eu-central") for n in range(128)], Habit(10**6, 9.1, 2))
    assert len(msgspec.msgpack.encode(remembered)) < 10_000


def test_events_of_a_verdict() -> None:
    findings = (Finding("card_velocity", 0.5, "4 payments"), Finding("amount_unusual", 0.8, "much"))
    said = list(events(payment("card", 777), findings, LIMITS, NOW + 7))
    assert [(one.event_type, one.event_id, one.rule, one.score) for one in said] == [
        ("fraud.flagged", "fraud-P0-card_velocity", "card_velocity", 0.5),
        ("fraud.flagged", "fraud-P0-amount_unusual", "amount_unusual", 0.8),
        ("fraud.declined", "fraud-P0-verdict", "amount_unusual", 0.9),
    ]
    assert said[-1].detail == "card_velocity: 4 payments; amount_unusual: much"
    assert {(one.order_id, one.customer_id, one.amount_cents, one.occurred_at) for one in said} == {
        ("O0", "C1", 777, NOW + 7)
    }
    (verdict,) = events(payment(), (), LIMITS, NOW)
    assert (verdict.event_type, verdict.rule, verdict.score) == ("fraud.cleared", "none", 0.0)


def test_the_longest_payment_id_gives_valid_and_different_ids() -> None:
    ids = set()
    for name in ("x" * 200, "x" * 199 + "y"):
        for said in events(payment(payment_id=name), (Finding("refund_pattern", 0.5, "two"),), LIMITS, NOW):
            ids.add(msgspec.json.decode(msgspec.json.encode(said), type=FraudEvent).event_id)
    assert len(ids) == 4


PAYMENTS = st.lists(
    st.builds(
        payment,
        st.sampled_from(("card", "wallet", "bank_transfer", "bnpl")),
        st.integers(0, 10**14),
        at=st.integers(0, 4 * 10**12) | st.integers(NOW - 90_000, NOW + 90_000),
        number=st.integers(0, 12),
        region=st.sampled_from((None, "eu", "us", "apac")),
        card=st.sampled_from(("K1", "K2", "K3", "K4", "K5")),
        refunded=st.booleans(),
    ),
    max_size=60,
)


@given(PAYMENTS)
def test_each_payment_has_one_verdict_and_all_events_are_valid(payments: list[Payment]) -> None:
    """Any order of times, attempts and refunds; first attempts alone are judged, scores are shares."""
    cards: dict[str | None, CardMemory] = {}
    customer = CustomerMemory()
    said: list[FraudEvent] = []
    for one in payments:
        passed = one
        if by_card(one):
            judged = judge_card(one, cards.get(one.card, CardMemory()), LIMITS)
            if judged is None:
                continue
            cards[one.card], passed = judged
        step = judge_customer(msgspec.json.decode(msgspec.json.encode(passed), type=Payment), customer, LIMITS)
        if step is None:
            continue
        customer = msgspec.msgpack.decode(msgspec.msgpack.encode(step[0]), type=CustomerMemory)
        if step[1] is not None:
            said += events(passed, step[1], LIMITS, NOW)
    # Only what lies more than seven days behind is forgotten, and may then be judged again.
    if not any(abs(one.at - other.at) > 6 * DAY_S * 1_000 for one, other in itertools.combinations(payments, 2)):
        verdicts = [one.order_id for one in said if one.event_type != "fraud.flagged"]
        assert sorted(verdicts) == sorted({one.order_id for one in payments if not one.refunded})
        assert len({one.event_id for one in said}) == len(said)
    for event in said:
        assert msgspec.json.decode(msgspec.json.encode(event), type=FraudEvent) == event
