"""Who gets the credit, as tables and over any arrival order."""

from __future__ import annotations

from collections import Counter
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.attribution.rules import Change, Click, CustomerState, Order, Outcome, Policy, Touch, apply

LAST = Policy("last-touch", window_ms=100, grace_ms=1_000, lapsed_ms=500)
FIRST = Policy("first-touch", window_ms=100, grace_ms=1_000, lapsed_ms=500)


def click(at: int, campaign: str = "X", event_id: str | None = None) -> Click:
    return Click(at, event_id or f"k-{campaign}-{at}", "c", campaign, "search")


def order(at: int, order_id: str | None = None) -> Order:
    order_id = order_id or f"o-{at}"
    return Order(at, f"e-{order_id}", "c", order_id, 1_000)


def said(change: Change) -> str:
    sign = "+" if change.kind == "credited" else "-"
    return f"{sign}{change.credit.click.campaign_id} {change.order.order_id} {change.credit.segment}"


def run(policy: Policy, *events: Click | Order) -> tuple[list[Outcome], list[str]]:
    outcomes, customer = [], CustomerState()
    for event in events:
        outcomes.append(apply(policy, customer, event))
        customer = outcomes[-1].customer
    return outcomes, [said(change) for outcome in outcomes for change in outcome.changes]


TABLE: list[tuple[str, Policy, list[Click | Order], list[str]]] = [
    ("no click, no credit", LAST, [order(50)], []),
    ("a click earns the order after it", LAST, [click(10), order(50)], ["+X o-50 new"]),
    ("the same moment counts as before", LAST, [click(50), order(50)], ["+X o-50 new"]),
    ("a later click does not", LAST, [order(50), click(51)], []),
    ("the last touch wins", LAST, [click(10), click(20, "Y"), order(50)], ["+Y o-50 new"]),
    ("the first touch wins", FIRST, [click(10), click(20, "Y"), order(50)], ["+X o-50 new"]),
    ("the window's edge is inside", LAST, [click(10), order(110)], ["+X o-110 new"]),
    ("past the window", LAST, [click(10), order(111)], []),
    ("the first touch inside the window", FIRST, [click(10), click(20, "Y"), order(115)], ["+Y o-115 new"]),
    ("a late click, where there was none", LAST, [order(50), click(40)], ["+X o-50 new"]),
    (
        "a late click takes the credit over",
        LAST,
        [click(10), order(50), click(40, "Y")],
        ["+X o-50 new", "-X o-50 new", "+Y o-50 new"],
    ),
    ("a late click that loses", LAST, [click(20), order(50), click(10, "Y")], ["+X o-50 new"]),
    (
        "a late first touch",
        FIRST,
        [click(20), order(50), click(10, "Y")],
        ["+X o-50 new", "-X o-50 new", "+Y o-50 new"],
    ),
    ("an order that comes twice", LAST, [click(10), order(50), order(50)], ["+X o-50 new"]),
    ("a click that comes twice", LAST, [click(10), order(50), click(10)], ["+X o-50 new"]),
    ("one click, two orders", LAST, [click(10), order(50), order(60)], ["+X o-50 new", "+X o-60 returning"]),
    ("lapsed", LAST, [order(50), click(540), order(551)], ["+X o-551 lapsed"]),
    ("not lapsed yet", LAST, [order(50), click(540), order(550)], ["+X o-550 returning"]),
    (
        "an order that comes late makes the next one's customer no newcomer",
        LAST,
        [click(10), order(50), order(40)],
        ["+X o-50 new", "+X o-40 new", "-X o-50 new", "+X o-50 returning"],
    ),
    ("settled: too late to change it", LAST, [order(50), click(1_051, "Z"), click(40)], []),
    (
        "settled: an order before it changes nothing either",
        LAST,
        [click(10), order(50), click(1_051, "Z"), order(40)],
        ["+X o-50 new", "+X o-40 new"],
    ),
    ("on the edge of grace it is not settled", LAST, [order(50), click(1_050, "Z"), click(40)], ["+X o-50 new"]),
    ("a late order is judged all the same", LAST, [click(10), click(1_110, "Z"), order(50)], ["+X o-50 new"]),
]


@pytest.mark.parametrize(("policy", "events", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_credits(policy: Policy, events: list[Click | Order], expected: list[str]) -> None:
    assert run(policy, *events)[1] == expected


@pytest.mark.parametrize(
    ("events", "arrival"),
    [
        ([click(10), order(50)], "in_time"),
        ([order(50), click(10)], "late"),
        ([click(10), order(50), click(20)], "late"),
        ([order(50), click(2_000, "Z"), click(10)], "too_late"),
        ([order(50), click(2_000, "Z"), click(60)], "in_time"),
        ([click(10), click(10)], "repeated"),
        ([order(50), order(40)], "late"),
        ([click(2_000), order(40)], "too_late"),
        ([order(50), order(50)], "repeated"),
    ],
)
def test_arrival(events: list[Click | Order], arrival: str) -> None:
    assert run(LAST, *events)[0][-1].arrival == arrival


def test_what_is_kept_is_bounded() -> None:
    policy = Policy("last-touch", 100, 1_000, 500, clicks_kept=3, orders_kept=2)
    outcomes, _ = run(policy, *(click(n) for n in range(10)), *(order(n) for n in range(10, 20)))
    kept = outcomes[-1].customer
    assert [one.at for one in kept.clicks] == [7, 8, 9]
    assert [one.order.at for one in kept.orders] == [18, 19]
    assert kept.forgotten == (17, "o-17")


def test_an_order_that_may_have_been_dropped_is_not_credited_twice() -> None:
    policy = Policy("last-touch", 100, 1_000, 500, orders_kept=2)
    _, credits = run(policy, click(1), *(order(n) for n in range(10, 15)), *(order(n) for n in range(10, 15)))
    assert len(credits) == 5


def test_dropped_clicks_do_not_change_earlier_credits() -> None:
    policy = Policy("last-touch", 100, 1_000, 500, clicks_kept=2)
    _, credits = run(policy, click(40, "Y"), order(50), click(60), click(61), click(62), click(30, "Z"))
    assert credits == ["+Y o-50 new"]


def test_clicks_that_can_earn_no_order_are_dropped() -> None:
    outcomes, _ = run(LAST, click(10), click(1_110), click(1_111))
    assert [one.at for one in outcomes[-2].customer.clicks] == [10, 1_110]
    assert [one.at for one in outcomes[-1].customer.clicks] == [1_110, 1_111]


def test_an_event_that_changes_nothing_stores_nothing() -> None:
    outcomes, _ = run(LAST, click(10), order(50), click(10), order(50))
    assert outcomes[-1].customer is outcomes[1].customer


EVENTS = st.lists(
    st.one_of(
        st.builds(click, st.integers(0, 999), st.sampled_from("XYZ")),
        st.builds(order, st.integers(0, 999)),
    ),
    max_size=30,
)


def standing(credits: list[str]) -> dict[str, int]:
    """What is credited and not reversed."""
    sums: Counter[str] = Counter()
    for one in credits:
        sums[one[1:]] += 1 if one[0] == "+" else -1
    return {name: times for name, times in sums.items() if times}


@given(data=st.data(), events=EVENTS, touch=st.sampled_from(get_args(Touch)))
def test_any_arrival_order_within_grace_ends_in_the_same_credits(data: Any, events: list[Any], touch: Touch) -> None:
    """Each event once in order, against every event up to twice in any order."""
    policy = Policy(touch, window_ms=100, grace_ms=1_000, lapsed_ms=300)
    once = {getattr(one, "order_id", one.event_id): one for one in events}.values()
    in_order = sorted(once, key=lambda one: (one.at, isinstance(one, Order), getattr(one, "order_id", one.event_id)))
    _, expected = run(policy, *in_order)
    assert not [one for one in expected if one[0] == "-"], "nothing comes late"
    again = data.draw(st.lists(st.sampled_from(in_order), max_size=10)) if in_order else []
    _, credits = run(policy, *data.draw(st.permutations([*in_order, *again])))
    assert standing(credits) == standing(expected)
    assert set(standing(credits).values()) <= {1}


@given(
    events=st.lists(
        st.one_of(
            st.builds(click, st.integers(0, 9_999), st.sampled_from("XYZ")),
            st.builds(order, st.integers(0, 9_999)),
        ),
        max_size=40,
    ),
    touch=st.sampled_from(get_args(Touch)),
)
def test_an_order_has_at_most_one_credit_whatever_the_order_of_events(events: list[Any], touch: Touch) -> None:
    """Beyond grace, beyond what is kept, twice: what is reversed had been credited, and nothing is credited twice."""
    policy = Policy(touch, window_ms=2_000, grace_ms=1_000, lapsed_ms=300, clicks_kept=2, orders_kept=3)
    has: dict[str, str] = {}
    for change in run(policy, *events, *events[::3])[1]:
        order_id = change.split()[1]
        if change[0] == "+":
            assert order_id not in has
            has[order_id] = change[1:]
        else:
            assert has.pop(order_id) == change[1:]
