"""Fulfilment: figures from told sagas, the group responsible, one saga, the ledger, and each state of the page."""

from __future__ import annotations

from typing import Any

import pytest

from streamgauge.warehouse.client import QueryError
from tests.unit.dashboard.conftest import House, Open, tiles, words

ORDER = {"customer_id": "C-1", "region": "eu", "channel": "web", "payment_method": "card", "currency": "EUR"}
PAID = {"customer_id": "C-1", "method": "card", "currency": "EUR"}
HAPPY = ("reserving_stock", "requesting_payment", "requesting_shipment", "shipping", "completed")
TYPES = {"reserving_stock": "saga.started", "completed": "saga.completed", "compensated": "saga.compensated"}


def entered(house: House, order: str, state: str, seconds: float, began: float, **more: Any) -> None:
    kind = TYPES.get(state, "saga.compensating" if state.startswith(("rel", "ref")) else "saga.advanced")
    saga = {"order_id": order, "state": state, "started_at": house.ago(began), "amount_cents": 50_00, "attempt": 1}
    house.publish(kind, house.ago(seconds), **{**saga, **more})


def moved(house: House, order: str, kind: str, seconds: float, cents: int = 50_00) -> None:
    house.publish(kind, house.ago(seconds), order_id=order, payment_id=f"P-{order}", amount_cents=cents, **PAID)


@pytest.fixture
def shop(house: House) -> House:
    house.stream("fulfilment", 40, 20)
    # One goes through in five seconds, one is declined, one is stuck at its second attempt to pay.
    for step, state in enumerate(HAPPY):
        entered(house, "O-good", state, 205 - step, 205, previous_state=HAPPY[step - 1] if step else None)
    moved(house, "O-good", "payment.authorised", 203.5)
    house.publish("shipment.delivered", house.ago(201), order_id="O-good", shipment_id="S-1", carrier="x", region="eu")
    for step, state in enumerate(("reserving_stock", "requesting_payment", "releasing_stock", "compensated")):
        entered(house, "O-bad", state, 185 - step, 185, reason="payment_declined: *no*" if step > 1 else None)
    moved(house, "O-bad", "payment.authorised", 183.5)
    moved(house, "O-bad", "payment.refunded", 182.5, 40_00)
    entered(house, "O-stuck", "reserving_stock", 170, 170)
    for attempt, seconds in ((1, 160), (2, 120)):
        deadline = house.ago(seconds - 40)
        entered(house, "O-stuck", "requesting_payment", seconds, 170, attempt=attempt, deadline_at=deadline)
    lag = {"status": "OK", "occurred_at": house.ago(3), "topic": "payments", "partition": 0, "kafka_offset": 1}
    house.add("consumer_lag", group="services", lag=1_234, lag_seconds=75.0, **lag)
    house.add("consumer_lag", group="fulfilment", lag=0, lag_seconds=0.0, **lag)
    return house


def test_figures(shop: House, open_page: Open) -> None:
    app = open_page("fulfilment")
    shown = tiles(app)
    assert shown["In progress now"] == ("1", "€50.00 waiting")
    assert shown["Stuck now"] == ("1", "€50.00 held up")
    assert shown["Delivered"] == ("1", "no earlier data")
    assert shown["Compensated"] == ("50.0 %", "1 of 2 ended")
    assert shown["Failed"] == ("0", "0.00 % of ended")
    # Given back were 40 of 50 euros.
    assert shown["Residue now"] == ("€10.00", "1 orders, 0 units")
    # Three sagas asked for a payment, one of them twice.
    assert "1 further attempts" in words(app)


def test_what_is_left_is_shown_when_it_is_quiet(house: House, open_page: Open) -> None:
    house.stream("fulfilment", 1_800, 4)
    for step, state in enumerate(("reserving_stock", "requesting_payment", "releasing_stock", "compensated")):
        entered(house, "O-kept", state, 1_810 - step, 1_810)
    moved(house, "O-kept", "payment.authorised", 1_808)
    app = open_page("fulfilment", range="15m", compare="none")
    shown = tiles(app)
    assert shown["Residue now"] == ("€50.00", "1 orders, 0 units")
    assert (shown["In progress now"][0], shown["Delivered"][0]) == ("0", "0")
    assert "No events in the last 15 min" not in words(app)


def test_who_must_move(shop: House, open_page: Open) -> None:
    standing, stuck, turned, ledger, residues = (frame.value for frame in open_page("fulfilment").dataframe)
    paying = standing.set_index("state").loc["requesting_payment"]
    assert (paying["sagas"], paying["past_deadline"]) == (1, 1)
    assert paying["asked"] == "1,234 events, 1 min 15 s behind"
    assert paying["answered"] == "up to date"
    (row,) = stuck.to_dict("records")
    assert row["order_id"] == "/fulfilment?range=15m&order=O-stuck"
    assert row["waits"] == "payment.authorised or payment.declined"
    assert row["group"] == "/pipeline?range=15m&group=services"
    assert row["lag"] == "1,234 events, 1 min 15 s behind"
    assert "has not read all requests on payments: 1,234 events" in row["why"]
    assert turned.to_dict("records") == [{"why": "payment_declined", "state": "compensated", "sagas": 1, "cents": 50.0}]
    (row,) = ledger.to_dict("records")
    assert [row[name] for name in ("authorised_cents", "refunded_cents", "residue_cents")] == [50.0, 40.0, 10.0]
    assert row["reason"] == "payment_declined: *no*"
    assert [*residues["residue_cents"]] == [10.0]


def test_one_saga(shop: House, open_page: Open) -> None:
    steps, moves, story = (frame.value for frame in open_page("fulfilment", order="O-good").dataframe)
    assert [*steps["change"]][1] == "reserving_stock → requesting_payment"
    assert [*steps["seconds"]] == [1.0, 1.0, 1.0, 1.0, 0.0]
    assert [*moves["residue_cents"]] == [0.0]
    assert [*story["event"]].count("payment.authorised") == 1
    assert len(story) == len(HAPPY) + 2
    app = open_page("fulfilment", order="O-stuck")
    assert "Waits for payment.authorised or payment.declined, attempt 2." in words(app)
    assert [*app.dataframe[0].value["attempts"]] == [1, 2]
    assert "No saga of this order" in words(open_page("fulfilment", order="O-none"))


def test_states(house: House, open_page: Open) -> None:
    assert "No events yet" in words(open_page("fulfilment"))
    house.stream("fulfilment", 7_200, 5)
    assert "No events in the last 15 min" in words(open_page("fulfilment", compare="none"))
    house.error = QueryError("table", "no such table")
    assert "The catalog has no `fulfilment_windows`" in words(open_page("fulfilment", range="1h"))
