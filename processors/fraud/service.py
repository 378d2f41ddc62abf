"""Fraud: a verdict on every payment that is requested, from rules over its card and its customer.

Input:     `payments`: `payment.requested`, and `payment.refunded` as a fact about the customer.
Output:    `fraud`, key customer_id: `fraud.flagged` for each rule that fired, then `fraud.declined` or `fraud.cleared`.
State:     for each card and each customer the last payments, bounded in number and age (memory.py), in RocksDB; keys
           without a payment for STREAMGAUGE_FRAUD_FORGET_DAYS expire.
Guarantee: exactly one verdict per payment, whatever is killed: further attempts (the same `payment_id`) get none.

    payments ─┬─ card payments ──→ steps, key card ── rules of cards ──┐
              └─ others, refunds ───────────────────────────────────┐  │
                                     steps, key customer  ←─────────┴──┘
                                     └─ rules of customers, verdict ──→ fraud

Each key's memory is in the partition of the key. Both steps share one topic, with keys `card:…` and `customer:…`, which
halves the partitions per transaction. Each arrow is one transaction, so a verdict on a card payment takes three
commits, any other two; STREAMGAUGE_FRAUD_COMMIT_INTERVAL_MS is most of the latency.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec

from processors.fraud.memory import CardMemory, CustomerMemory, Payment
from processors.fraud.rules import Limits
from processors.fraud.verdict import by_card, events, judge_card, judge_customer, payment_of
from processors.streaming import runner
from processors.streaming.output import Output
from processors.streaming.service import Service
from streamgauge.catalog.commerce.events import PaymentEvent
from streamgauge.runtime import metrics

NAME = "fraud"
CARD, CUSTOMER = "card:", "customer:"
# Named as Quix Streams names its repartition topics.
STEPS = "repartition__fraud--payments--steps"
_STORED = "memory"
_payment = msgspec.json.Decoder(Payment).decode
_pack = msgspec.msgpack.Encoder().encode
_card, _customer = msgspec.msgpack.Decoder(CardMemory).decode, msgspec.msgpack.Decoder(CustomerMemory).decode


def build(service: Service) -> None:
    """Wire the topics."""
    steps = StatefulSteps(Limits.of(service.settings), timedelta(days=service.settings.fraud_forget_days), _now_ms)
    payments = service.events("payments")
    service.publish(payments.apply(begin, metadata=True, expand=True))
    topic = service.app.topic(
        STEPS, value_deserializer="bytes", key_deserializer="bytes", config=_like(service.app.topic("payments"))
    )
    service.publish(service.app.dataframe(topic).apply(steps.handle, metadata=True, stateful=True, expand=True))


def _like(topic: Any) -> Any:
    """Configuration of a topic with the partitions and the retention of `topic`."""
    config = topic.broker_config
    kept = {name: config.extra_config.get(name, "-1") for name in ("retention.ms", "retention.bytes")}
    return dataclasses.replace(config, extra_config=kept)


def begin(event: PaymentEvent, _key: Any, timestamp: int, _headers: Any) -> list[Output]:
    """First step: route to the card, or straight to the customer. `timestamp` (ms) is when the event reached Kafka."""
    payment = payment_of(event, timestamp)
    if payment is None:
        return []
    key = f"{CARD}{payment.card}" if by_card(payment) else f"{CUSTOMER}{payment.customer_id}"
    return [Output(STEPS, key, payment)]


class StatefulSteps:
    """The stateful steps. What a step returns is published in the transaction that stores its state."""

    def __init__(self, limits: Limits, forget: timedelta, now_ms: Callable[[], int]) -> None:
        self._limits, self._forget, self._now_ms = limits, forget, now_ms
        self._seconds = metrics.histogram("streamgauge_fraud_verdict_seconds")
        self._rules = metrics.counter("streamgauge_fraud_flagged_total")
        self._verdicts = metrics.counter("streamgauge_fraud_verdicts_total")

    def handle(self, value: bytes, key: bytes, _timestamp: int, _headers: Any, state: Any) -> list[Output]:
        """Handle one message of the steps' topic; `state` belongs to its key."""
        payment, stored = _payment(value), state.get_bytes(_STORED)
        if key.startswith(CARD.encode()):
            return self._by_card(payment, stored, state)
        return self._by_customer(payment, stored, state)

    def _by_card(self, payment: Payment, stored: bytes | None, state: Any) -> list[Output]:
        judged = judge_card(payment, CardMemory() if stored is None else _card(stored), self._limits)
        if judged is None:
            return []
        memory, payment = judged
        state.set_bytes(_STORED, _pack(memory), ttl=self._forget)
        return [Output(STEPS, f"{CUSTOMER}{payment.customer_id}", payment)]

    def _by_customer(self, payment: Payment, stored: bytes | None, state: Any) -> list[Output]:
        judged = judge_customer(payment, CustomerMemory() if stored is None else _customer(stored), self._limits)
        if judged is None:
            return []
        memory, findings = judged
        state.set_bytes(_STORED, _pack(memory), ttl=self._forget)
        if findings is None:
            return []
        now_ms = self._now_ms()
        published = list(events(payment, findings, self._limits, now_ms))
        self._seconds.observe(max(0, now_ms - payment.asked_at) / 1_000)
        for finding in findings:
            self._rules.labels(finding.rule).inc()
        self._verdicts.labels(published[-1].event_type.removeprefix("fraud."), payment.method).inc()
        return [Output("fraud", event.customer_id, event) for event in published]


def _now_ms() -> int:
    return int(time.time() * 1_000)


def main() -> int:
    """Entry point of `streamgauge process fraud`; returns the exit code."""
    return runner.run(NAME, build, lambda settings: settings.fraud_commit_interval_ms)
