"""Fulfilment: runs the saga of every order on its topics.

Input:     `orders`, `payments`, `shipments` (key order_id); `inventory` and `fraud` re-keyed by order_id through a
           repartition topic; `fulfilment-ticks`, the clock.
Output:    `fulfilment` (saga events), and the saga's requests and decisions on `payments`, `shipments` and `orders`.
State:     one `Saga` per order, and each partition's index of deadlines (timers.py), in RocksDB with a changelog.
Guarantee: an event changes a saga, and the saga publishes what follows, exactly once. Events of different topics may
           come in any order. A time-out needs a tick but no event of its order; it waits until everything that was in
           the topics at the deadline is read, so that neither a restart nor a backlog times anything out.

Each replica sends ticks to its assigned partitions: whoever has the state also has the clock, and some extra ticks
after a rebalance do no harm.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
from confluent_kafka import KafkaException, Producer

from processors.fulfilment import machine, timers
from processors.fulfilment.saga import Limits, Saga
from processors.streaming import runner
from processors.streaming.output import Output
from processors.streaming.quix_app import StreamingDataFrame, message_context
from processors.streaming.service import Service
from processors.streaming.watermark import Watermark
from streamgauge.runtime import kafka, metrics

NAME, TICKS = "fulfilment", "fulfilment-ticks"
TICK_EVERY_S = 0.5
_SAGA = "saga"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Saga).decode


class _Routed(msgspec.Struct, gc=False):
    """The part of an event that decides its saga."""

    event_type: str
    order_id: str | None = None


_routed = msgspec.json.Decoder(_Routed).decode


def order_of(value: bytes | None) -> str | None:
    """The order whose saga handles the event; None when no saga does."""
    try:
        routed = _routed(value or b"")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return routed.order_id if routed.event_type in machine.KINDS else None


class Tick:
    """A tick of the clock in one partition."""


class SagaRunner:
    """Runs the state machine over a partition's state, which `transaction(partition)` returns."""

    def __init__(
        self,
        limits: Limits,
        transaction: Callable[[int], Any],
        read_up_to: Callable[[int], int | None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._limits, self._transaction, self._read_up_to, self._clock = limits, transaction, read_up_to, clock
        self._ignored = metrics.counter("streamgauge_saga_ignored_total")
        self._timeouts = metrics.counter("streamgauge_saga_timeouts_total")
        self._behind = metrics.gauge("streamgauge_saga_clock_behind_seconds")

    def handle(self, event: Any, partition: int) -> list[Output]:
        """Handle an event or a tick."""
        now_ms = int(self._clock() * 1_000)
        transaction = self._transaction(partition)
        if not isinstance(event, Tick):
            return self._step(transaction, event.order_id, event, now_ms)
        agenda = transaction.as_state(prefix=b"due/")
        outputs: list[Output] = []
        # Not the present: an answer that came in time may not be read yet.
        if (read_ms := self._read_up_to(now_ms)) is not None:
            for order_id in timers.due(agenda, read_ms):
                outputs += self._step(transaction, order_id, None, now_ms, read_ms)
        self._behind.labels(partition).set(timers.behind_ms(agenda, now_ms) / 1_000)
        return outputs

    def _step(self, transaction: Any, order_id: str, event: Any, now_ms: int, read_ms: int = 0) -> list[Output]:
        store = transaction.as_state(prefix=b"saga/" + order_id.encode())
        stored = store.get_bytes(_SAGA)
        saga = _decode(stored) if stored else None
        if event is None and (saga is None or saga.deadline_at > read_ms):
            return []  # It has moved on since it was scheduled.
        after, outputs = machine.step(saga, event, now_ms, self._limits)
        if event is None:
            if outputs and saga is not None:
                self._timeouts.labels(saga.state).inc()
        elif after is saga:
            self._ignored.labels(saga.state if saga else "unknown", event.event_type).inc()
        if after is saga:
            return outputs
        if after is None:
            store.delete(_SAGA)
            return outputs
        store.set_bytes(_SAGA, _encode(after))
        if saga is None or after.deadline_at != saga.deadline_at:
            timers.schedule(transaction.as_state(prefix=b"due/"), order_id, after.deadline_at, now_ms)
        return outputs


class TickSender:
    """Sends a tick to each assigned partition; never blocks."""

    def __init__(self, service: Service) -> None:
        self._app = service.app
        config = {**kafka.producer_config(service.settings), "message.timeout.ms": 5_000, **kafka.QUIET}
        self._producer = Producer({**config, "client.id": f"{service.slot.id}-clock"})

    def tick(self) -> None:
        """Send one tick to each."""
        for topic, partition in self._app.assigned:
            if topic == TICKS:
                try:
                    self._producer.produce(TICKS, b"{}", partition=partition)
                except (BufferError, KafkaException):
                    return  # The broker is unreachable; old ticks are useless.
        self._producer.poll(0)


def wanted(event: Any) -> bool:
    """Whether a saga handles events of this type."""
    return event.event_type in machine.KINDS


def build(service: Service) -> None:
    """Wire the topics."""
    frame: StreamingDataFrame = service.concat(
        service.events("orders", wanted),
        service.events("payments", wanted),
        service.events("shipments", wanted),
        service.rekeyed("inventory", "order", order_of),
        service.rekeyed("fraud", "order", order_of),
        service.raw(TICKS).apply(lambda _value: Tick()),
    )
    frame.register_store()
    context, stream_id = frame.processing_context, frame.stream_id

    def transaction(partition: int) -> Any:
        # As Quix itself opens a key's state (`_as_stateful`), so that a tick can open that of any order of its
        # partition.
        return context.checkpoint.get_store_transaction(stream_id=stream_id, partition=partition)

    watermark = Watermark()

    def read_up_to(now_ms: int) -> int | None:
        return watermark.observe(now_ms, service.app.positions())

    sagas = SagaRunner(Limits.of(service.settings), transaction, read_up_to)

    def step(event: Any, _key: Any, _timestamp: int, _headers: Any) -> list[Output]:
        return sagas.handle(event, message_context().partition)

    service.publish(frame.apply(step, metadata=True, expand=True))
    service.every(TICK_EVERY_S, TickSender(service).tick)


def main() -> int:
    """Entry point of `streamgauge process fulfilment`; returns the exit code."""
    return runner.run(NAME, build)
