"""The saga's state machine: its table, each way through it, and all interleavings of a bad network."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.fulfilment import machine
from processors.fulfilment.machine import UnfitOrder, step
from processors.fulfilment.saga import Limits, Saga
from streamgauge.domain.saga import BACK, ENDED, FORWARD, TIMEOUT, TRANSITIONS, State
from tests.unit.processors.fulfilment.saga_world import (
    AMOUNT,
    LIMITS,
    Arrival,
    World,
    fraud,
    order,
    payment,
    shipment,
    stock,
)

LEADS_TO = {(rule.state, rule.on): rule.leads_to for rule in TRANSITIONS}


def through(*events: Any, limits: Limits = LIMITS) -> tuple[Saga | None, list[str], list[str]]:
    """Feed events (a number is time going by in ms); returns the saga, the states it said, and all else it said."""
    saga, states, others, now = None, [], [], 0
    for event in events:
        if isinstance(event, int):
            now += event
        saga, outputs = step(saga, None if isinstance(event, int) else event, now, limits)
        states += [f"{o.event.state}/{o.event.attempt}" for o in outputs if o.topic == "fulfilment"]  # type: ignore[attr-defined]
        others += [o.event.event_type for o in outputs if o.topic != "fulfilment"]  # type: ignore[attr-defined]
    return saga, states, others


RESERVED = (order(), stock("reserved", "a"), stock("reserved", "b"))
PAID = (*RESERVED, payment("authorised"))
GONE = (*PAID, shipment("dispatched"))
ASKED = "payment.requested order.confirmed shipment.requested"
HAPPY = ["reserving_stock/1", "requesting_payment/1", "requesting_shipment/1", "shipping/1", "completed/1"]


@pytest.mark.parametrize(
    ("events", "states", "others"),
    [
        ((*GONE, shipment("delivered")), HAPPY, f"{ASKED} order.completed"),
        ((*PAID, shipment("delivered")), [*HAPPY[:3], HAPPY[4]], f"{ASKED} order.completed"),
        ((order(()),), ["compensated/1"], "order.cancelled"),
        ((order(("a",)), stock("rejected", "a")), ["reserving_stock/1", "compensated/1"], "order.cancelled"),
        # One article is there, one is not: only that which is held goes back.
        (
            (order(), stock("reserved", "a"), stock("rejected", "b"), stock("released", "a")),
            ["reserving_stock/1", "releasing_stock/1", "compensated/1"],
            "order.cancelled",
        ),
        # A late answer to the reservation while the release waits for its own.
        (
            (order(), stock("rejected", "a"), stock("reserved", "b"), stock("released", "b")),
            ["reserving_stock/1", "releasing_stock/1", "compensated/1"],
            "order.cancelled",
        ),
        (
            (*RESERVED, payment("declined"), stock("released", "a"), stock("released", "b")),
            [*HAPPY[:2], "releasing_stock/1", "compensated/1"],
            "payment.requested order.cancelled",
        ),
        # No answer: asked again, then voided, because it may have been charged; an authorisation that comes late is no
        # way back.
        (
            (*RESERVED, 100, 200, payment("authorised"), payment("refunded", 0), *(stock("released", s) for s in "ab")),
            [*HAPPY[:2], "requesting_payment/2", "refunding_payment/1", "releasing_stock/1", "compensated/1"],
            "payment.requested payment.requested payment.refund_requested order.cancelled",
        ),
        (
            (*GONE, fraud(), shipment("failed"), payment("refunded"), *(stock("released", s) for s in "ab")),
            [*HAPPY[:4], "cancelling_shipment/1", "refunding_payment/1", "releasing_stock/1", "compensated/1"],
            f"{ASKED} payment.refund_requested order.cancelled",
        ),
        # Too late to cancel: it completes after all.
        (
            (*GONE, fraud(), shipment("delivered")),
            [*HAPPY[:4], "cancelling_shipment/1", "completed/1"],
            f"{ASKED} order.completed",
        ),
        # Nobody answers the refund: three attempts, then a person must look.
        (
            (*PAID, shipment("failed"), 100, 200, 400),
            [*HAPPY[:3], *(f"refunding_payment/{n}" for n in (1, 2, 3)), "failed/1"],
            ASKED + 3 * " payment.refund_requested",
        ),
    ],
)  # fmt: skip
def test_each_path_through_the_saga(events: tuple[Any, ...], states: list[str], others: str) -> None:
    saga, said, also = through(*events)
    assert (said, also) == (states, others.split())
    assert saga is not None
    assert saga.state in ENDED
    # The end is the end, whatever still comes; and after a while it is forgotten.
    again, more, also = through(*events, *(e for e in events if not isinstance(e, int)), fraud(), 10)
    assert (again, more, also) == (saga, said, others.split())
    assert through(*events, LIMITS.memory_ms)[0] is None


def test_a_step_is_timed_out_at_its_deadline_and_not_before() -> None:
    saga, outputs = step(None, order(), 1_000, LIMITS)
    assert saga is not None
    assert saga.deadline_at == 1_100
    assert outputs[0].event.deadline_at == 1_100  # type: ignore[attr-defined]
    assert step(saga, None, 1_099, LIMITS) == (saga, [])
    assert step(saga, None, 1_100, LIMITS)[1][0].event.attempt == 2  # type: ignore[attr-defined]


def test_a_retry_requests_only_what_is_not_answered() -> None:
    _saga, outputs = step(through(order(), stock("reserved", "a"))[0], None, 100, LIMITS)
    assert [item.sku for item in outputs[0].event.items] == ["b"]  # type: ignore[attr-defined]


def test_lines_of_one_article_are_one() -> None:
    saga = through(order(("a", "b", "a")))[0]
    assert saga is not None
    assert [(line.sku, line.quantity) for line in saga.lines] == [("a", 4), ("b", 2)]


def test_an_order_whose_ids_would_be_too_long_has_no_saga() -> None:
    with pytest.raises(UnfitOrder, match="150 characters"):
        through(order(order_id="x" * 151))


def test_events_of_unknown_orders_start_no_saga() -> None:
    events = (payment("authorised"), stock("reserved", "a"), shipment("delivered"), fraud())
    assert through(*events) == (None, [], [])


def test_waits_double_up_to_eight_times() -> None:
    waits = [Limits().wait_ms(State.RESERVING_STOCK, attempt) for attempt in range(1, 7)]
    assert waits == [5_000, 10_000, 20_000, 40_000, 40_000, 40_000]


def test_the_table_is_whole() -> None:
    assert len(LEADS_TO) == len(TRANSITIONS), "two rules for one state and event"
    for state in (*FORWARD, *BACK):
        assert (state, TIMEOUT) in LEADS_TO, f"{state} has no way out when nobody answers"
    assert not [rule for rule in TRANSITIONS if rule.state in ENDED]
    reached = {state for rule in TRANSITIONS for state in rule.leads_to}
    assert reached == set(State)
    assert {"order.placed", "stock.released", "fraud.declined"} <= machine.KINDS


SEEN: Counter[tuple[State, str, State]] = Counter()
Choose = Callable[[Sequence[Any]], Any]
# Deliver, repeat, lose a message; let time go by; somebody cries fraud.
MOVES = "dddddrrltf"


def play(choose: Choose, moves: str = MOVES, *, at_last: bool = True) -> World:
    """One saga on a bad network, up to its end. Where not `at_last`, the network never gets better."""
    answers: dict[str, bool] = {}

    def decide(what: str) -> bool:
        return answers.setdefault(what, choose((True, True, True, False)))

    world = World(decide, choose((("a",), ("a", "b"), ("a", "b", "c"))))
    for _ in range(choose(range(60))):
        move = choose(moves)
        if move == "f":
            checked(world, fraud())
        elif move == "t" or not world.pending:
            checked(world, None, choose((1, 50, 100, 400)))
        else:
            index = choose(range(len(world.pending)))  # any order
            message = world.pending[index] if move == "r" else world.pending.pop(index)
            # Never lost: what begins a saga, what nobody asks for again, and what a service does by itself.
            if move != "l" or world.saga is None or world.saga.state in ENDED or isinstance(message, Arrival):
                checked(world, message)
    for _ in range(200):
        ended = world.saga is not None and world.saga.state in ENDED
        if world.pending and (at_last or ended or world.saga is None):
            checked(world, world.pending.pop(0))
        elif not ended:
            checked(world, None, 800)
    assert_ended_well(world)
    return world


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_interleaving_ends_once_and_conserves_money_and_stock(data: st.DataObject) -> None:
    play(lambda options: data.draw(st.sampled_from(options)))


def test_the_interleavings_reach_the_whole_table() -> None:
    """Else the test above proves less than it says. The same plays, by plain dice, at several kinds of bad luck."""
    dice = random.Random(4)
    for number in range(2_500):
        play(
            dice.choice, ("ddddddddddddddddft", "ddddddddddddl", "ddddddtt", MOVES)[number % 4], at_last=number % 5 > 0
        )
    missing = {(rule.state, rule.on, to) for rule in TRANSITIONS for to in rule.leads_to} - set(SEEN)
    assert not missing


def checked(world: World, message: Any, by_ms: int = 0) -> None:
    """One move, and the table knew where it would lead."""
    before, said = world.saga, len(world.states)
    if isinstance(message, Arrival):
        world.pending.extend(world.arrive())
    elif message is None:
        world.tick(by_ms)
    else:
        world.deliver(message)
    for state in world.states[said:]:
        if before is not None:
            on = TIMEOUT if message is None else message.event_type
            assert state in LEADS_TO[before.state, on], f"{before.state} --{on}--> {state} is not in the table"
            SEEN[before.state, on, state] += 1


def assert_ended_well(world: World) -> None:
    ends = [state for state in world.states if state in ENDED]
    assert len(ends) == 1, f"ended {len(ends)} times: {world.states}"
    assert world.states[-1] in ENDED
    ids = [out.event.event_id for out in world.said]  # type: ignore[attr-defined]
    assert len(ids) == len(set(ids)), "two events with one id"
    assert world.money["refunded"] <= world.money["authorised"] <= AMOUNT
    money = world.money["authorised"] - world.money["refunded"]
    units = world.units["reserved"] - world.units["released"] - world.units["shipped"]
    if ends == [State.COMPLETED]:
        assert (money, units) == (AMOUNT, 0)
        assert world.shipped == "delivered"
        assert world.units["shipped"] == 2 * len(world.skus)
    elif ends == [State.COMPENSATED]:
        assert (money, units) == (0, 0)
        assert world.shipped in ("", "failed")
    finals = [out.event.event_type for out in world.said if out.topic == "orders"]  # type: ignore[attr-defined]
    expected = {State.COMPLETED: "order.completed", State.COMPENSATED: "order.cancelled"}.get(ends[0])
    assert [kind for kind in finals if kind != "order.confirmed"] == ([expected] if expected else [])
