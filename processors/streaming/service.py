"""Wiring of a StreamingDataFrame service (fulfilment, fraud, attribution): topics, re-keying, publishing, dead letters.

A service's module has `main() -> int: return runner.run(NAME, build)`; `build(service)` wires topics:

    orders = service.events("orders")                       # decoded event objects; invalid ones are skipped
    paid = service.rekeyed("fraud", "order", order_of)       # the same under another key, by a repartition topic
    merged = service.concat(orders, paid)
    service.publish(merged.apply(step, metadata=True, stateful=True, expand=True))  # `step` returns a list of `Output`
    service.every(0.5, tick)                                 # periodic work in another thread

State:     RocksDB in `<data_dir>/state/<name>/<slot>`, each change in a changelog topic. A replica whose folder was
           deleted, or that takes partitions over, restores the state from the changelog.
Guarantee: what a service publishes, its state and its input offsets commit in one Kafka transaction.

A function that raises makes its event a dead letter (`_on_error`), so it must first compute, then write state.
Events that do not match their stream's class are dead-lettered by analytics; here they are counted and skipped.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import reduce
from typing import Any

import msgspec
from confluent_kafka import KafkaError, KafkaException

from processors.streaming.changelogs import Changelogs
from processors.streaming.output import Output
from processors.streaming.placement import Placement
from processors.streaming.quix_app import (
    ConnectionConfig,
    QuixApp,
    QuixException,
    StreamingDataFrame,
)
from streamgauge.catalog import loader
from streamgauge.dead_letters import fitting, headers
from streamgauge.dead_letters.fitting import COMPRESSION, MESSAGE_MAX_BYTES
from streamgauge.dead_letters.headers import Position
from streamgauge.dead_letters.outputs import ABORTED, Outputs
from streamgauge.runtime import kafka, metrics
from streamgauge.runtime.data_dir import replica_slot
from streamgauge.runtime.errors import StreamgaugeError, TransientError
from streamgauge.runtime.process import Process

log = logging.getLogger("streamgauge")


class Service:
    """What `build` gets: the settings, the catalog, and how topics are wired."""

    def __init__(
        self, running: Process, name: str, own: replica_slot.Slot, outputs: Outputs, interval_ms: int | None = None
    ) -> None:
        self.process, self.settings, self.name, self.slot = running, running.settings, name, own
        self._outputs = outputs
        self.catalog = loader.streams_of(self.settings.catalog)
        self.state_dir = self.settings.data_dir / "state" / name / str(own.number)
        self.app = self._application((interval_ms or self.settings.service_commit_interval_ms) / 1_000)
        self.app.check_changelogs = Changelogs(running, self.state_dir).check
        self._encode = msgspec.json.Encoder().encode
        self.periodic: list[tuple[float, Callable[[], None]]] = []

    def _application(self, interval_s: float) -> QuixApp:
        settings = self.settings
        return QuixApp(
            broker_address=ConnectionConfig.from_librdkafka_dict(kafka.client_config(settings), ignore_extras=True),
            consumer_group=self.name,
            processing_guarantee="exactly-once",
            auto_offset_reset="earliest",
            commit_interval=interval_s,
            # How long an idle loop waits before it checks again whether a commit is due.
            consumer_poll_timeout=max(0.005, interval_s / 4),
            state_dir=self.state_dir,
            # Our own topics must be there (`topics` makes them); repartition and changelog topics it makes itself.
            auto_create_topics=True,
            # Never delete state by itself because the log is shorter than the outage was.
            auto_recover_from_source_offset_out_of_range=False,
            on_processing_error=self._on_error,
            loglevel=None,
            consumer_extra_config={
                "session.timeout.ms": settings.session_timeout_ms,
                "isolation.level": "read_committed",
                # Nothing is visible before a commit, so requests for single messages gain nothing; at 1,000 payments/s
                # they cost the broker above all (docs/fraud.md has figures). The same with `linger.ms`.
                "fetch.min.bytes": 20_000,
                "fetch.wait.max.ms": max(10, int(interval_s * 1_000) // 4),
                "client.id": self.slot.id,
                # A replica that is restarted gets its partitions back at once instead of after the session's time-out;
                # the price is that those of one that is gone for good wait for it.
                "group.instance.id": self.slot.id,
            },
            producer_extra_config={
                "transactional.id": self.slot.id,
                "linger.ms": int(interval_s * 1_000) // 2,
                "transaction.timeout.ms": settings.transaction_timeout_ms,
                "compression.type": COMPRESSION,
                "message.max.bytes": MESSAGE_MAX_BYTES,
                "batch.size": self._outputs.batch_bytes,
                "client.id": self.slot.id,
            },
        )

    def raw(self, topic: str) -> StreamingDataFrame:
        """A topic's messages as bytes, keys too."""
        source = self.app.topic(topic, value_deserializer="bytes", key_deserializer="bytes")
        seen = metrics.counter("streamgauge_service_events_in_total").labels(topic)
        return self.app.dataframe(source).update(lambda _value: seen.inc())

    def events(self, topic: str, wanted: Callable[[Any], bool] | None = None) -> StreamingDataFrame:
        """A stream's events, decoded by its class; only those that are valid and `wanted`."""
        return self._decoded(self.raw(topic), topic, wanted)

    def rekeyed(self, topic: str, name: str, key: Callable[[bytes | None], str | None]) -> StreamingDataFrame:
        """A stream's events under another key; `key` finds it in the JSON, None drops the event.

        They pass a repartition topic, so that all events of a new key are in one partition; `name` is part of its name.
        """
        most = self.settings.max_event_bytes
        # Larger ones are skipped in any case, and the repartition topic might not take them.
        raw = self.raw(topic).filter(lambda value: len(value or b"") <= most and key(value) is not None)
        grouped = raw.group_by(
            lambda value: key(value),
            name=name,
            value_serializer="bytes",
            value_deserializer="bytes",
            key_serializer="str",
            key_deserializer="bytes",
        )
        return self._decoded(grouped, topic, None)

    def _decoded(self, raw: StreamingDataFrame, topic: str, wanted: Callable[[Any], bool] | None) -> StreamingDataFrame:
        decode = msgspec.json.Decoder(self.catalog.streams[topic].event).decode
        invalid = metrics.counter("streamgauge_service_events_skipped_total").labels(topic)
        most = self.settings.max_event_bytes

        def event(value: bytes | None) -> Any:
            try:
                if value is not None and len(value) <= most:
                    return decode(value)
            except (msgspec.MsgspecError, UnicodeError, RecursionError):
                pass
            invalid.inc()
            return None

        chosen = wanted or (lambda _event: True)
        return raw.apply(event).filter(lambda event: event is not None and chosen(event))

    def concat(self, *parts: StreamingDataFrame) -> StreamingDataFrame:
        """All parts as one, sharing one state. Their topics must have the same number of partitions, and their
        producers the same partitioner (placement.py).
        """
        merged = reduce(lambda one, other: one.concat(other), map(self._placed, parts))
        self.app.disable_time_alignment()
        return merged

    def _placed(self, part: StreamingDataFrame) -> StreamingDataFrame:
        """The part, its events' placement checked where producers other than ours place them."""
        topic = part.topics[0]
        if topic.name not in self.catalog.streams:
            return part
        # A topic as the broker describes it has a number.
        placement = Placement(self.process, topic.name, topic.broker_config.num_partitions or 1)
        self.every(60, placement.look_back)
        return part.update(placement.check, metadata=True)

    def publish(self, frame: StreamingDataFrame) -> None:
        """Publish a frame of `Output`."""
        producer, encode = frame.processing_context.producer, self._encode
        sent = {name: metrics.counter("streamgauge_service_events_out_total").labels(name) for name in self.catalog.own}

        def send(out: Output) -> None:
            producer.produce(topic=out.topic, value=encode(out.event), key=out.key.encode())
            if (counted := sent.get(out.topic)) is not None:
                counted.inc()

        frame.update(send)

    def every(self, seconds: float, work: Callable[[], None]) -> None:
        """Call `work` every `seconds` in another thread while the service runs; it must not block for long."""
        self.periodic.append((seconds, work))

    def _on_error(self, error: Exception, row: Any, _logger: Any) -> bool:
        """A bug must not block a partition for ever: the event goes to its dead-letter topic, under our name."""
        if row is None or isinstance(error, (QuixException, KafkaException, BufferError, StreamgaugeError, OSError)):
            return False
        stream = next(
            (name for name in self.catalog.streams if name in row.topic.replace("--", "__").split("__")), None
        )
        if stream is None:
            return False
        log.error("%s cannot process %s:%d:%d", self.name, row.topic, row.partition, row.offset, exc_info=error)
        topic = f"{stream}.dlq"
        position = Position(row.topic, row.partition, row.offset, self.app.identity.ids.get(row.topic))
        added = [
            *headers.failure(type(error).__name__, str(error), position),
            (headers.CONSUMER, self.name.encode()),
        ]
        letter = fitting.fit(row.key, row.value, row.headers or [], added, position, self._limit(topic))

        def delivered(refusal: KafkaError | None, _message: object) -> None:
            # The transaction fails, and the next one knows better, or `_limit` says that nothing can be written.
            if refusal is None:
                self._outputs.accepted([topic])
            elif refusal.code() not in ABORTED:
                self._outputs.refused(topic, refusal)

        producer: Any = self.app._processing_context.producer
        producer.produce(topic, letter.value, letter.key, headers=list(letter.headers), on_delivery=delivered)
        metrics.counter("streamgauge_service_dead_letters_total").labels(stream).inc()
        return True

    def _limit(self, topic: str) -> int:
        """What a dead-letter topic takes, in bytes. Raises `TransientError` where it takes nothing."""
        self._outputs.ask([topic])
        if why := self._outputs.obstacle(topic):
            self._outputs.accepted([topic])
            raise TransientError(f"waiting to write a dead letter: {why}")
        return self._outputs.limit(topic)
