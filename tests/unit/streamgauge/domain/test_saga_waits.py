"""What a saga waits for, held to the saga's own table, and whose turn it is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from generators.services import service
from generators.services.engine import REQUEST_TOPICS
from processors.fulfilment import messages
from processors.fulfilment import service as saga_service
from processors.fulfilment.saga import Saga
from streamgauge.catalog.commerce.events import OrderEvent
from streamgauge.domain import saga_waits
from streamgauge.domain.saga import BACK, FORWARD, TIMEOUT, TRANSITIONS, State
from streamgauge.domain.saga_waits import WAITS, Lag

PAYMENT = WAITS["requesting_payment"]
_ENVELOPE = {"event_id": "e1", "event_type": "order.placed", "occurred_at": 0, "source": "test", "schema_version": 1}
_FIELDS = {"order_id": "O-1", "customer_id": "C-1", "region": "eu", "channel": "web", "payment_method": "card"}
ORDER = msgspec.convert({**_ENVELOPE, **_FIELDS, "currency": "EUR", "amount_cents": 1, "items": []}, OrderEvent)


def test_the_answers_are_those_of_the_sagas_table() -> None:
    assert list(WAITS) == [*FORWARD, *BACK]
    for wait in WAITS.values():
        known = {rule.on for rule in TRANSITIONS if rule.state == wait.state}
        # A verdict of fraud is independent of what is waited for.
        assert set(wait.answers) == known - {TIMEOUT, "fraud.declined"}
        assert wait.back == (wait.state in BACK)


def test_topics_and_groups_are_those_of_the_services() -> None:
    stream = {"stock": "inventory", "payment": "payments", "shipment": "shipments"}
    for wait in WAITS.values():
        assert {stream[result.split(".")[0]] for result in wait.answers} == {wait.answered_on}
        assert wait.requested_on in REQUEST_TOPICS
        if wait.state == "shipping":
            continue
        # What asks is what a saga publishes on entering the state: a request, or its own event where there is none.
        saga = Saga("O-1", State(wait.state), 0, 1, order=ORDER)
        said = {out.topic for out in messages.of(saga, 0)} - {"orders"}
        assert wait.requested_on == next(iter(said - {"fulfilment"}), "fulfilment")
    assert (saga_waits.SERVICES, saga_waits.SAGA) == (service.GROUP, saga_service.NAME)


def row(group: str, topic: str, lag: int | None, seconds: float | None = 0.0, status: str = "OK") -> dict[str, Any]:
    return {"group": group, "topic": topic, "lag": lag, "lag_seconds": seconds, "status": status}


@pytest.mark.parametrize(
    ("service", "saga", "group", "why"),
    [
        ((0, 0.0, "OK"), (0, 0.0, "OK"), "services", "has read payments and owes an answer on payments"),
        ((9, 4.9, "OK"), (3, 5.0, "OK"), "services", "owes an answer"),
        ((9, 5.1, "OK"), (3, 0.1, "OK"), "services", "has not read all requests on payments: 9 events, 5.1 s"),
        ((9, 5.1, "OK"), (3, 9.0, "OK"), "services", "has not read all requests"),
        ((0, 0.0, "OK"), (3, 9.0, "OK"), "fulfilment", "has not read all answers on payments: 3 events, 9.0 s"),
        ((0, 0.0, "OK"), (3, None, "STOP"), "fulfilment", "has not read all answers on payments: 3 events"),
        ((0, 0.0, "STOP"), (0, 0.0, "OK"), "services", "owes an answer"),
        ((None, None, "UNKNOWN"), (0, 0.0, "OK"), "services", "its lag on payments is not known"),
    ],
)
def test_the_responsible_group(service: Any, saga: Any, group: str, why: str) -> None:
    found = saga_waits.responsible(PAYMENT, Lag("services", "payments", *service), Lag("fulfilment", "payments", *saga))
    assert found.group == group
    assert why in found.why


def test_lag_includes_the_repartition_topic() -> None:
    rows = [
        row("fulfilment", "inventory", 2, 0.5),
        row("fulfilment", "repartition__fulfilment--inventory--order", 40, 7.0, "STALL"),
        row("fulfilment", "payments", 500, 60.0, "STOP"),
        row("services", "inventory", 500, 60.0),
        row("fulfilment", "repartition__fulfilment--fraud--order", None, None),
    ]
    assert saga_waits.lag_of(rows, "fulfilment", "inventory") == Lag("fulfilment", "inventory", 42, 7.0, "STALL")
    assert saga_waits.lag_of(rows, "fulfilment", "fraud") == Lag("fulfilment", "fraud", None, None, "OK")
    assert saga_waits.lag_of(rows, "fulfilment", "shipments").text == "lag unknown"
