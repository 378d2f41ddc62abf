"""Payments for tests of fraud, a reader of verdicts, and the verdicts that the pure rules give for the logged steps."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from confluent_kafka import Message

from processors.fraud.memory import CardMemory, CustomerMemory, Payment
from processors.fraud.rules import Limits
from processors.fraud.service import CARD, STEPS
from processors.fraud.verdict import events, judge_card, judge_customer
from streamgauge.catalog.commerce.events import FraudEvent, PaymentEvent
from tests.support.publishing import publishing
from tests.support.topic_reader import TopicReader, read_topic

_encode = msgspec.json.Encoder().encode


def _decode(message: Message) -> FraudEvent:
    return msgspec.json.decode(message.value() or b"", type=FraudEvent)


def request(number: str, customer: str, *, attempt: int = 1, **fields: Any) -> PaymentEvent:
    """An attempt to pay; a further attempt is another event of the same payment."""
    known: dict[str, Any] = {
        "event_id": f"e-{number}-{attempt}",
        "event_type": "payment.requested",
        "occurred_at": int(time.time() * 1_000),
        "source": "test",
        "schema_version": 1,
        "payment_id": f"P-{number}",
        "order_id": f"O-{number}",
        "customer_id": customer,
        "method": "card",
        "amount_cents": 5_000,
        "currency": "EUR",
        "card": f"K-{customer}",
        "region": "eu",
    }
    known |= fields
    if known["method"] != "card":
        known["card"] = None
    return PaymentEvent(**known)


def send(bootstrap: str, payments: Iterable[PaymentEvent]) -> None:
    """Publish them and wait for the broker."""
    with publishing(bootstrap) as publish:
        for event in payments:
            publish("payments", event.order_id, event)


class Verdicts:
    """The events on `fraud`, as a read-committed consumer receives them."""

    def __init__(self, bootstrap: str) -> None:
        self._reader = TopicReader(bootstrap, "fraud")
        self._events: list[FraudEvent] = []

    def events(self) -> list[FraudEvent]:
        """All there are by now."""
        self._events += map(_decode, self._reader.read())
        return self._events

    def by_order(self) -> Counter[str]:
        """How many verdicts each order has."""
        return Counter(event.order_id for event in self.events() if event.event_type != "fraud.flagged")

    def close(self) -> None:
        """Close the reader."""
        self._reader.close()


def replayed(steps: Sequence[Message], limits: Limits) -> tuple[list[Payment], list[Payment], list[FraudEvent]]:
    """Apply the pure rules to the logged steps, key by key in the order of the log.

    Returns the payments that the card step must have passed on, those that it did pass on, and the events that `fraud`
    must hold, dated 0.
    """
    cards: dict[bytes, CardMemory] = defaultdict(CardMemory)
    customers: dict[bytes, CustomerMemory] = defaultdict(CustomerMemory)
    expected: list[Payment] = []
    passed: list[Payment] = []
    published: list[FraudEvent] = []
    for message in steps:
        key = message.key() or b""
        payment = msgspec.json.decode(message.value() or b"", type=Payment)
        if key.startswith(CARD.encode()):
            judged = judge_card(payment, cards[key], limits)
            if judged is not None:
                cards[key], after = judged
                expected.append(after)
            continue
        if payment.card is not None and not payment.refunded:
            passed.append(payment)
        step = judge_customer(payment, customers[key], limits)
        if step is not None:
            customers[key], findings = step
            published += [] if findings is None else events(payment, findings, limits, 0)
    return expected, passed, published


def undated(published: Iterable[FraudEvent]) -> dict[str, list[FraudEvent]]:
    """Events by customer, in their order, dated 0."""
    found: dict[str, list[FraudEvent]] = defaultdict(list)
    for event in published:
        found[event.customer_id].append(msgspec.structs.replace(event, occurred_at=0))
    return dict(found)


def differences(bootstrap: str, limits: Limits) -> list[str]:
    """How what the service did differs from what the pure rules do with the same sequence; empty is right."""
    expected, passed, published = replayed(read_topic(bootstrap, STEPS), limits)
    missing = Counter(map(_encode, expected))
    missing.subtract(Counter(map(_encode, passed)))
    found = [f"passed on by cards: {count:+d} {value!r}" for value, count in missing.items() if count]
    right, actual = undated(published), undated(map(_decode, read_topic(bootstrap, "fraud")))
    found += [
        f"customer {customer}: expected {right.get(customer)}, is {actual.get(customer)}"
        for customer in sorted(right.keys() | actual.keys())
        if right.get(customer) != actual.get(customer)
    ]
    return found
