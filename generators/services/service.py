"""`streamgauge services`: the synthetic stock, payment and shipping services, in one process.

Input:     `fulfilment`, `payments`, `shipments`, as the consumer group `services`; one process holds all partitions.
Output:    the replies of ADR 7 on `inventory`, `payments`, `shipments`, each with an event_id derived from its cause
           and a header that names the request.
State:     in memory, restored from those three topics at the start.
Guarantee: an offset is committed once every request before it has its acknowledged reply. After a kill -9 requests are
           read again, but replies that the broker has are not sent again.

A second process of the group fences the first (static membership): the stock has one owner.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from generators.publisher import producer_config
from generators.services.decisions import Behaviour
from generators.services.engine import REQUEST_TOPICS, Engine, Position
from generators.services.ledger import ServiceLedger
from generators.services.messages import INVENTORY, Reply, decode, encode
from generators.services.offset_tracker import OffsetTracker
from generators.services.recovery import HEADER, recover
from streamgauge.runtime import kafka, metrics, process
from streamgauge.runtime.connection.explain import explained
from streamgauge.runtime.connection.rights import Right
from streamgauge.runtime.data_dir import faults, totals
from streamgauge.runtime.errors import FatalError, UsageError
from streamgauge.runtime.kafka import Partition
from streamgauge.runtime.process import Process

GROUP = "services"
BATCH = 500
PACE_S, COMMIT_EVERY_S, LEDGER_EVERY_S, STOP_S = 0.02, 1.0, 3.0, 10.0
log = logging.getLogger("streamgauge")


@dataclass(frozen=True)
class Options:
    """Options of `streamgauge services`."""

    behaviour: Behaviour
    ledger: Path | None = None

    def check(self) -> None:
        """Raise `UsageError`, one line that names the option, for a value out of range."""
        self.behaviour.check()
        if self.ledger is not None and self.ledger.is_dir():
            raise UsageError(f"--ledger is a file, and {self.ledger} is a folder")


class Services:
    """The consumer loop: `open`, then `step` repeatedly, then `close`."""

    def __init__(self, running: Process, options: Options) -> None:
        settings = running.settings
        self._process, self._options = running, options
        self._ledger = ServiceLedger(by_order=options.ledger is not None)
        self._engine = Engine(options.behaviour, self._ledger)
        self._offsets = OffsetTracker()
        self._answered: set[tuple[str, str]] = set()
        self._refused = self._fenced = ""
        self._consumer = Consumer(
            {
                **kafka.client_config(settings),
                "group.id": GROUP,
                "group.instance.id": GROUP,
                "client.id": GROUP,
                "session.timeout.ms": settings.session_timeout_ms,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                **kafka.QUIET,
                "error_cb": self._on_error,
            }
        )
        config = {**producer_config(settings), "client.id": "streamgauge-services", "linger.ms": 5}
        self._producer = Producer(config)
        self._faults = faults.FaultWatch(settings.data_dir)
        self._watch = kafka.BrokerWatch(running)
        self._unsent = 0
        self._acknowledged: Counter[str] = Counter()
        self._began_ms = _now_ms()
        self._committed: dict[Partition, int] = {}
        self._assigned = False
        self._next_commit = self._next_ledger = 0.0

    def open(self) -> bool:
        """Join the group as its only member and restore the state. Returns False if stopped meanwhile."""
        self._consumer.subscribe(list(REQUEST_TOPICS), on_assign=self._on_assign, on_revoke=self._on_revoke)
        early: list[Message] = []
        while not self._assigned:
            if self._process.stop.is_set():
                return False
            early += self._consumer.consume(BATCH, 0.1)
        committed = self._consumer.committed(self._consumer.assignment(), timeout=10)
        self._committed = {(at.topic, at.partition): at.offset for at in committed if at.offset >= 0}
        began = time.monotonic()
        count, self._answered = recover(
            self._process.settings, self._engine, self._committed, self._process.stop.is_set
        )
        self._engine.resume(_now_ms())
        log.info("state restored from %s events in %.1f s", f"{count:,}", time.monotonic() - began)
        self._take(early)
        self._process.ready()
        return not self._process.stop.is_set()

    def _on_assign(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        log.info("assigned %d partitions", len(partitions))
        self._assigned = True

    def _on_revoke(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        # No other member replies meanwhile, and requests that are read again are known by their offsets.
        self._assigned = False

    def step(self) -> None:
        """Read requests, publish due replies, commit. Raises `FatalError` if another process has taken over."""
        now = _now_ms()
        wait_ms = self._engine.wait_ms(now)
        wait_s = PACE_S if wait_ms is None else min(PACE_S, wait_ms / 1_000)
        messages = self._consumer.consume(BATCH, wait_s)
        self._take(messages)
        out = {"payment"} if self._faults.active(faults.PAYMENT_OUTAGE) else ()
        for replies, position, finished in self._engine.due(_now_ms(), out):
            for reply in replies:
                self._publish(reply, position)
            if finished and position is not None:
                self._offsets.finish(position)
        self._producer.poll(0)
        if self._fenced:
            raise FatalError(f"another process has joined as group `{GROUP}` ({self._fenced})")
        if self._refused:
            raise FatalError(f"the broker rejected a reply: {self._refused}")
        now_s = time.monotonic()
        if now_s >= self._next_commit:
            self._next_commit = now_s + COMMIT_EVERY_S
            self._commit()
            self._publish_totals(complete=False)
            self._report(bool(messages))
        if now_s >= self._next_ledger:
            self._write(complete=False)

    def _take(self, messages: list[Message]) -> None:
        now = _now_ms()
        for message in messages:
            error = message.error()
            if error is not None:
                self._on_error(error)
                continue
            topic, partition, offset = message.topic(), message.partition(), message.offset()
            if topic is None or partition is None or offset is None:
                continue
            position = Position(topic, partition, offset)
            if not self._offsets.take(position):
                continue
            try:
                # Analytics dead-letters invalid events; here they are skipped.
                pending = self._engine.take(decode(message.value() or b""), position, now)
            except (msgspec.MsgspecError, UnicodeError):
                metrics.counter("streamgauge_shop_skipped_total").labels(topic).inc()
                pending = False
            if not pending:
                self._offsets.finish(position)

    def _publish(self, reply: Reply, position: Position | None) -> None:
        if self._answered and position is not None and (str(position), reply.event_id) in self._answered:
            return
        headers = [] if position is None else [(HEADER, str(position).encode())]
        while True:
            try:
                self._producer.produce(
                    reply.topic, encode(reply), reply.key, headers=headers, on_delivery=self._on_delivery
                )
                break
            except BufferError:
                # The broker is slower than we are, or away.
                self._producer.poll(0.05)
                if self._process.stop.is_set():
                    return
        self._unsent += 1
        self._ledger.published[reply.topic] += 1
        self._ledger.repeated += reply.repeated
        metrics.counter("streamgauge_shop_answers_total").labels(reply.event_type).inc()

    def _on_error(self, error: KafkaError) -> None:
        # The consumer retries after all other errors.
        if error.fatal() or error.code() in (KafkaError._FATAL, KafkaError.FENCED_INSTANCE_ID):
            self._fenced = error.str()

    def _on_delivery(self, error: object, message: Message) -> None:
        if error is None:
            self._unsent -= 1
            self._acknowledged[message.topic() or ""] += 1
        else:
            right = Right("Write", "topic", message.topic() or "")
            self._refused = self._refused or str(explained(KafkaException(error), self._process.settings, right))

    def _commit(self) -> None:
        """Commit finished requests once all replies are acknowledged; else try again later."""
        committable = self._offsets.committable()
        changed = {at: offset for at, offset in committable.items() if self._committed.get(at) != offset}
        if not changed or (self._producer.flush(1.0) and self._unsent):
            return
        try:
            self._consumer.commit(
                offsets=[TopicPartition(topic, number, offset) for (topic, number), offset in changed.items()],
                asynchronous=False,
            )
        except KafkaException as error:
            log.debug("not committed: %s", error)
            return
        self._committed |= changed
        self._watch.active()

    def _report(self, busy: bool) -> None:
        for service, count in self._engine.waiting().items():
            metrics.gauge("streamgauge_shop_waiting").labels(service).set(count)
        for name, total in self._ledger.totals.items():
            metrics.gauge("streamgauge_shop_moved").labels(name).set(total)
        if not busy:
            self._watch.idle()

    def _publish_totals(self, *, complete: bool) -> None:
        """Publish the totals for the dashboard's reconciliation; failures are ignored, the replies matter more."""
        published = totals.Published(GROUP, os.getpid(), self._began_ms, _now_ms(), complete, dict(self._acknowledged))
        with suppress(OSError):
            totals.write_published(self._process.settings.data_dir, published)

    def _write(self, *, complete: bool) -> None:
        if self._options.ledger is None:
            return
        began = time.monotonic()
        behaviour = asdict(self._options.behaviour)
        run = {
            "complete": complete,
            "written_ms": _now_ms(),
            "options": behaviour,
            "lost": dict(self._engine.lost),
            "undelivered": self._unsent,
        }
        self._ledger.write(self._options.ledger, run)
        # A large ledger takes long to write: spend at most a twentieth of the time on it.
        self._next_ledger = time.monotonic() + max(LEDGER_EVERY_S, 20 * (time.monotonic() - began))

    def close(self) -> None:
        """Flush, commit, write the ledger."""
        self._producer.flush(STOP_S)
        if self._assigned:
            self._commit()
        self._consumer.close()
        self._publish_totals(complete=True)
        self._write(complete=True)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def work(running: Process, options: Options) -> None:
    """Serve requests until the process is stopped."""
    options.check()
    metrics.register("shop")
    kafka.require_broker(running.settings)
    kafka.require_topics(running.settings, [*REQUEST_TOPICS, INVENTORY])
    services = Services(running, options)
    try:
        if services.open():
            while not running.stop.is_set():
                services.step()
    finally:
        services.close()


def main(options: Options) -> int:
    """Entry point of `streamgauge services`; returns the exit code."""
    return process.run("services", lambda running: work(running, options))
