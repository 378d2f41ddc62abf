"""The three services as tables: requests, in each order and number, and their replies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from generators.services.decisions import Behaviour
from generators.services.engine import Engine, Position
from generators.services.ledger import ServiceLedger
from generators.services.messages import Event, Reply, decode, encode
from generators.services.payment import PaymentService
from generators.services.shipping import ShippingService
from generators.services.stock import StockService

CALM = Behaviour(decline=0.0, fail=0.0, latency_ms=100)


def pay(what: str = "payment.requested", **fields: Any) -> Event:
    common: dict[str, Any] = {
        "payment_id": "P-O1",
        "order_id": "O1",
        "customer_id": "C000001",
        "method": "card",
        "amount_cents": 500,
        "currency": "EUR",
    }
    return Event("ask", what, **(common | fields))


ASK, BACK = "payment.requested", "payment.refund_requested"


@pytest.mark.parametrize(
    ("decline", "requests", "answered", "expected"),
    [
        pytest.param(0.0, [ASK], [("authorised", 500)], (500, 0), id="authorised"),
        pytest.param(0.0, [ASK, ASK], [("authorised", 500)] * 2, (500, 0), id="requested-twice"),
        pytest.param(1.0, [ASK, ASK], [("declined", 500)] * 2, (0, 0), id="declined"),
        pytest.param(0.0, [ASK, BACK], [("authorised", 500), ("refunded", 500)], (500, 500), id="refunded"),
        pytest.param(
            0.0, [ASK, BACK, BACK], [("authorised", 500), *[("refunded", 500)] * 2], (500, 500), id="refunded-once"
        ),
        pytest.param(0.0, [BACK, ASK], [("refunded", 0), ("declined", 500)], (0, 0), id="void-then-declined"),
        pytest.param(1.0, [ASK, BACK], [("declined", 500), ("refunded", 0)], (0, 0), id="nothing-to-refund"),
        pytest.param(
            0.0, [ASK, BACK, ASK], [("authorised", 500), ("refunded", 500), ("authorised", 500)], (500, 500), id="late"
        ),
    ],
)
def test_payment(
    decline: float, requests: list[str], answered: list[tuple[str, int]], expected: tuple[int, int]
) -> None:
    ledger = ServiceLedger(by_order=True)
    service = PaymentService(Behaviour(decline=decline), ledger)
    replies = [service.handle(pay(what), 1_000 + at) for at, what in enumerate(requests)]
    published = [(one.event_type.partition(".")[2], one.fields["amount_cents"]) for (one,) in replies]
    assert published == answered
    assert (ledger.totals["authorised_cents"], ledger.totals["refunded_cents"]) == expected
    same: dict[str, bytes] = {}
    for (one,) in replies:
        assert encode(one) == same.setdefault(one.event_id, encode(one))


def command(state: str, order: str = "O1", **fields: Any) -> Event:
    return Event("ask", "saga.advanced", order_id=order, state=state, **fields)


def asks(state: str, order: str = "O1", **units: int) -> Event:
    """A command of the saga for items of an order."""
    event = decode(
        encode(
            Reply(
                "payments",
                order,
                "ask",
                "saga.advanced",
                0,
                {
                    "order_id": order,
                    "state": state,
                    "items": [{"sku": sku, "quantity": quantity} for sku, quantity in units.items()],
                },
            )
        )
    )
    assert event.items is not None
    return event


RESERVE, RELEASE, SHIP = asks("reserving_stock", A=2, B=1), asks("releasing_stock", A=2, B=1), command("completed")


@pytest.mark.parametrize(
    ("requests", "answered", "expected"),
    [
        pytest.param([RESERVE], ["reserved"] * 2, (3, 0, 0), id="reserved"),
        pytest.param([RESERVE, RESERVE], ["reserved"] * 4, (3, 0, 0), id="requested-twice"),
        pytest.param([RESERVE, RELEASE], ["reserved"] * 2 + ["released"] * 2, (3, 3, 0), id="released"),
        pytest.param([RESERVE, RELEASE, RELEASE], ["reserved"] * 2 + ["released"] * 4, (3, 3, 0), id="released-once"),
        pytest.param([RESERVE, SHIP, SHIP], ["reserved"] * 2 + ["shipped"] * 4, (3, 0, 3), id="shipped-once"),
        pytest.param([RELEASE, RESERVE], ["rejected"] * 4, (0, 0, 0), id="closed-before-reserved"),
        pytest.param([SHIP], [], (0, 0, 0), id="nothing-to-ship"),
        pytest.param(
            [RESERVE, RELEASE, SHIP], ["reserved"] * 2 + ["released"] * 2, (3, 3, 0), id="ships-nothing-released"
        ),
        pytest.param([asks("reserving_stock", A=10**6), RELEASE], ["rejected"] * 3, (0, 0, 0), id="too-much"),
    ],
)
def test_stock(requests: list[Event], answered: list[str], expected: tuple[int, int, int]) -> None:
    ledger = ServiceLedger(by_order=True)
    service = StockService(CALM, ledger, lambda _level, _cause: None)
    published = [reply for at, event in enumerate(requests) for reply in service.handle(event, 1_000 + at)]
    assert [one.event_type.partition(".")[2] for one in published if one.event_type != "stock.received"] == answered
    assert (ledger.totals["reserved"], ledger.totals["released"], ledger.totals["shipped"]) == expected
    for one in published:
        assert 0 <= one.fields["reserved"] <= one.fields["on_hand"]
    kinds: dict[str, str] = {}
    for one in published:
        assert one.event_type == kinds.setdefault(one.event_id, one.event_type)


def ship(what: str = "shipment.requested") -> Event:
    return Event("ask", what, order_id="O1", shipment_id="S-O1", carrier="parcelo", region="eu-west")


CANCEL, AGAIN = command("cancelling_shipment"), command("shipping", attempt=2)


@pytest.mark.parametrize(
    ("fail", "requests", "answered"),
    [
        pytest.param(0.0, [ship()], ["dispatched"], id="dispatched"),
        pytest.param(0.0, [ship(), ship()], ["dispatched"] * 2, id="requested-twice"),
        pytest.param(0.0, [ship(), None], ["dispatched", "delivered"], id="delivered"),
        pytest.param(0.0, [ship(), None, AGAIN], ["dispatched", "delivered", "delivered"], id="requested-again"),
        pytest.param(0.0, [ship(), None, CANCEL], ["dispatched", "delivered", "delivered"], id="cancelled-too-late"),
        pytest.param(0.0, [CANCEL, ship()], ["failed", "failed"], id="cancelled-before"),
        pytest.param(0.0, [command("shipping", attempt=1)], [], id="the-first-attempt-asks-nothing"),
    ],
)
def test_shipping(fail: float, requests: list[Event | None], answered: list[str]) -> None:
    """`None` is the end of the journey."""
    parcels: list[Any] = []
    service = ShippingService(Behaviour(fail=fail), parcels.append)
    published: list[Reply] = []
    for at, event in enumerate(requests):
        published += service.arrive(parcels[0], 1_000 + at) if event is None else service.handle(event, 1_000 + at)
    assert [one.event_type.partition(".")[2] for one in published] == answered
    assert len(parcels) <= 1
    same: dict[str, bytes] = {}
    for one in published:
        assert encode(one) == same.setdefault(one.event_id, encode(one))


def test_a_cancelled_parcel_does_not_arrive() -> None:
    parcels: list[Any] = []
    service = ShippingService(CALM, parcels.append)
    service.handle(ship(), 1_000)
    (end,) = service.handle(CANCEL, 1_001)
    assert service.arrive(parcels[0], 2_000) == []
    assert end.event_type in ("shipment.failed", "shipment.delivered")
    assert service.handle(CANCEL, 3_000) == [end._replace(repeated=True)]


REQUESTS = [
    ("fulfilment", asks("reserving_stock", "O1", A=2, B=1)),
    ("fulfilment", asks("reserving_stock", "O2", A=60)),
    ("fulfilment", asks("reserving_stock", "O3", A=60)),
    ("payments", pay()),
    ("payments", pay(BACK)),
    ("shipments", ship()),
    ("fulfilment", CANCEL),
    ("fulfilment", RELEASE),
    ("fulfilment", SHIP),
    ("fulfilment", asks("releasing_stock", "O2", A=60)),
]


@example(order=[1, 1, 7, 0], restarts={3}, seed=0)
@given(
    order=st.lists(st.sampled_from(range(len(REQUESTS))), max_size=25),
    restarts=st.sets(st.integers(0, 24), max_size=3),
    seed=st.integers(0, 50),
)
@settings(max_examples=150, deadline=None)
def test_a_restart_from_the_log_changes_nothing(order: list[int], restarts: set[int], seed: int) -> None:
    """With and without restarts: equal events by event_id, equal money and units, consistent stock levels."""
    behaviour = Behaviour(seed=seed, decline=0.3, fail=0.3, latency_ms=0)
    plain, plain_book, _ = play(behaviour, order, set())
    again, again_book, levels = play(behaviour, order, restarts)
    assert {one.event_id: one.event_type for one in again} == {one.event_id: one.event_type for one in plain}
    assert again_book.describe()["orders"] == plain_book.describe()["orders"]
    for row in again_book.describe()["orders"].values():
        assert row["refunded_cents"] <= row["authorised_cents"]
        assert row["released"] + row["shipped"] <= row["reserved"]
    held = sum(row["reserved"] - row["released"] - row["shipped"] for row in again_book.describe()["orders"].values())
    assert sum(level[1] for level in levels.values()) == held


def play(
    behaviour: Behaviour, order: list[int], restarts: set[int]
) -> tuple[list[Reply], ServiceLedger, dict[tuple[str, str], tuple[int, int]]]:
    """Send requests in this order, a second apart; at `restarts` the state is restored from the published events."""
    ledger = ServiceLedger(by_order=True)
    engine = Engine(behaviour, ledger)
    log: list[Reply] = []
    levels: dict[tuple[str, str], tuple[int, int]] = {}
    for at, number in enumerate(order):
        now = 1_000_000 + at * 1_000
        if at in restarts:
            ledger = ServiceLedger(by_order=True)
            engine = Engine(behaviour, ledger)
            for one in log:
                engine.recover(decode(encode(one)))
            engine.resume(now)
        topic, event = REQUESTS[number]
        engine.take(event, Position(topic, 0, at), now)
        for done in (*engine.due(now), *engine.due(now + 500)):
            log += done.replies
            for one in done.replies:
                if one.topic == "inventory":
                    levels[one.fields["sku"], one.fields["location"]] = one.fields["on_hand"], one.fields["reserved"]
    return log, ledger, levels


def test_an_outage_delays_the_replies_in_order() -> None:
    engine = Engine(CALM, ServiceLedger(by_order=False))
    for offset, what in enumerate((ASK, ASK, BACK)):
        engine.take(pay(what), Position("payments", 0, offset), 1_000 + offset * 300)
    assert engine.due(5_000, {"payment"}) == []
    assert engine.waiting()["payment"] == 3
    replies = [one.event_type for done in engine.due(6_000) for one in done.replies]
    assert replies == ["payment.authorised", "payment.authorised", "payment.refunded"]
    assert engine.waiting()["payment"] == 0


def test_a_lost_request_has_no_reply_and_the_write_off_is_never_lost() -> None:
    engine = Engine(Behaviour(lose=1.0), ServiceLedger(by_order=False))
    assert not engine.take(pay(), Position("payments", 0, 1), 1_000)
    assert engine.take(SHIP, Position("fulfilment", 0, 1), 1_000)


def test_a_duplicate_is_the_same_event() -> None:
    engine = Engine(Behaviour(duplicate=1.0, decline=0.0), ServiceLedger(by_order=False))
    engine.take(pay(), Position("payments", 0, 1), 1_000)
    one, two = (done for done in engine.due(100_000))
    assert encode(one.replies[0]) == encode(two.replies[0])
    assert (one.finished, two.finished) == (True, False)
