"""Fulfilment: figures, the group responsible, one saga, the compensation ledger, and each state of the page."""

from __future__ import annotations

import pytest

from streamgauge.warehouse.client import QueryError
from tests.unit.dashboard.commerce_rows import publish_payment, publish_saga_state
from tests.unit.dashboard.conftest import OpenPage, page_text, tile_values
from tests.unit.dashboard.fakes import FakeWarehouse

ORDER = {"customer_id": "C-1", "region": "eu", "channel": "web", "payment_method": "card", "currency": "EUR"}
HAPPY = ("reserving_stock", "requesting_payment", "requesting_shipment", "shipping", "completed")


@pytest.fixture
def shop(warehouse: FakeWarehouse) -> FakeWarehouse:
    warehouse.stream("fulfilment", 40, 20)
    # One ends in five seconds, one is declined, one is stuck at its second payment request.
    for step, state in enumerate(HAPPY):
        publish_saga_state(
            warehouse, "O-good", state, 205 - step, 205, previous_state=HAPPY[step - 1] if step else None
        )
    publish_payment(warehouse, "O-good", "payment.authorised", 203.5)
    warehouse.publish(
        "shipment.delivered", warehouse.ago(201), order_id="O-good", shipment_id="S-1", carrier="x", region="eu"
    )
    for step, state in enumerate(("reserving_stock", "requesting_payment", "releasing_stock", "compensated")):
        publish_saga_state(
            warehouse, "O-bad", state, 185 - step, 185, reason="payment_declined: *no*" if step > 1 else None
        )
    publish_payment(warehouse, "O-bad", "payment.authorised", 183.5)
    publish_payment(warehouse, "O-bad", "payment.refunded", 182.5, 40_00)
    publish_saga_state(warehouse, "O-stuck", "reserving_stock", 170, 170)
    for attempt, seconds in ((1, 160), (2, 120)):
        deadline = warehouse.ago(seconds - 40)
        publish_saga_state(
            warehouse, "O-stuck", "requesting_payment", seconds, 170, attempt=attempt, deadline_at=deadline
        )
    lag = {"status": "OK", "occurred_at": warehouse.ago(3), "topic": "payments", "partition": 0, "kafka_offset": 1}
    warehouse.add("consumer_lag", group="services", lag=1_234, lag_seconds=75.0, **lag)
    warehouse.add("consumer_lag", group="fulfilment", lag=0, lag_seconds=0.0, **lag)
    return warehouse


def test_figures(shop: FakeWarehouse, open_page: OpenPage) -> None:
    app = open_page("fulfilment")
    shown = tile_values(app)
    assert shown["In progress now"] == ("1", "€50.00 waiting")
    assert shown["Stuck now"] == ("1", "€50.00 held up")
    assert shown["Delivered"] == ("1", "no earlier data")
    assert shown["Compensated"] == ("50.0 %", "1 of 2 ended")
    assert shown["Failed"] == ("0", "0.00 % of ended")
    # 40 of 50 euros were refunded.
    assert shown["Residue now"] == ("€10.00", "1 orders, 0 units")
    # Three sagas requested a payment, one of them twice.
    assert "1 further attempts" in page_text(app)


def test_residues_are_shown_without_recent_events(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    warehouse.stream("fulfilment", 1_800, 4)
    for step, state in enumerate(("reserving_stock", "requesting_payment", "releasing_stock", "compensated")):
        publish_saga_state(warehouse, "O-kept", state, 1_810 - step, 1_810)
    publish_payment(warehouse, "O-kept", "payment.authorised", 1_808)
    app = open_page("fulfilment", range="15m", compare="none")
    shown = tile_values(app)
    assert shown["Residue now"] == ("€50.00", "1 orders, 0 units")
    assert (shown["In progress now"][0], shown["Delivered"][0]) == ("0", "0")
    assert "No events in the last 15 min" not in page_text(app)


def test_the_group_responsible(shop: FakeWarehouse, open_page: OpenPage) -> None:
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


def test_one_saga(shop: FakeWarehouse, open_page: OpenPage) -> None:
    steps, moves, story = (frame.value for frame in open_page("fulfilment", order="O-good").dataframe)
    assert [*steps["change"]][1] == "reserving_stock → requesting_payment"
    assert [*steps["seconds"]] == [1.0, 1.0, 1.0, 1.0, 0.0]
    assert [*moves["residue_cents"]] == [0.0]
    assert [*story["event"]].count("payment.authorised") == 1
    assert len(story) == len(HAPPY) + 2
    app = open_page("fulfilment", order="O-stuck")
    assert "Waits for payment.authorised or payment.declined, attempt 2." in page_text(app)
    assert [*app.dataframe[0].value["attempts"]] == [1, 2]
    assert "No saga of this order" in page_text(open_page("fulfilment", order="O-none"))


def test_states(warehouse: FakeWarehouse, open_page: OpenPage) -> None:
    assert "No events yet" in page_text(open_page("fulfilment"))
    warehouse.stream("fulfilment", 7_200, 5)
    assert "No events in the last 15 min" in page_text(open_page("fulfilment", compare="none"))
    warehouse.error = QueryError("table", "no such table")
    assert "The catalog has no `fulfilment_windows`" in page_text(open_page("fulfilment", range="1h"))
