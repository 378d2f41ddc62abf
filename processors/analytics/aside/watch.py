"""Watch over the streams of a replica: sets aside those that cannot go on, and takes them back when they can."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from confluent_kafka import KafkaException

from processors.analytics.aside.breaker_closing import BreakerClosing
from processors.analytics.aside.circuit_breaker import CircuitBreaker
from processors.analytics.aside.inputs import Inputs
from processors.analytics.aside.streams import Cause, Obstacle, StreamsAside, StreamsStopped
from processors.analytics.decoder import Decoder
from processors.analytics.transactions import Refusal, Refused
from streamgauge.catalog.loader import ANALYTICS_TOPIC, Catalog
from streamgauge.dead_letters.outputs import Outputs
from streamgauge.runtime.kafka import Partition
from streamgauge.runtime.process import Process

CHECK_INPUTS_S, DECISIONS_EVERY_S = 15.0, 2.0
log = logging.getLogger("streamgauge")


class StreamWatch:
    """`aside` are the streams to leave alone. After `changed`, the others are to be read from what is committed."""

    def __init__(
        self,
        process: Process,
        catalog: Catalog,
        outputs: Outputs,
        circuit_breaker: CircuitBreaker,
        decoder: Callable[[str], Decoder],
    ) -> None:
        self.aside = StreamsAside(process)
        self._process, self._settings, self._catalog = process, process.settings, catalog
        self._outputs, self._circuit_breaker = outputs, circuit_breaker
        self._closing = BreakerClosing(process.settings, decoder)
        self._inputs = Inputs(process.settings, catalog.streams)
        self._inputs_due = self._decisions_due = 0.0
        # The dead-letter topics that the newest transaction writes to.
        self._written: frozenset[str] = frozenset()
        # By stream and partition, what was committed and what was read when it was set aside (one past it).
        self._committed: dict[str, dict[int, int]] = {}
        self._read: dict[str, dict[int, int]] = {}
        self._changed = False
        # The subjects of what is wrong with topics of streams that are read all the same.
        self._faults: frozenset[str] = frozenset()

    def changed(self) -> bool:
        """Whether streams were set aside or taken back since the last call."""
        changed, self._changed = self._changed, False
        return changed

    def hold(self, streams: Iterable[str]) -> None:
        """These streams have partitions here now; what kept others from going on is for other replicas to find."""
        held = set(streams)
        for stream in self.aside.streams - set(self.aside.of("topic")) - held:
            self.aside.take_back(stream)

    def before_letters(self, streams: Iterable[str]) -> None:
        """Check that the streams' dead letters can be written. Raises `StreamsStopped`, `KafkaException`."""
        topics = {f"{stream}.dlq": stream for stream in streams}
        self._outputs.ask(topics)
        if wrong := [
            Obstacle(stream, "dead_letter_topic", why)
            for topic, stream in topics.items()
            if (why := self._outputs.obstacle(topic))
        ]:
            raise StreamsStopped(wrong)
        self._written = frozenset(topics)

    def committed(self, next_offsets: Mapping[Partition, int]) -> None:
        """A transaction was committed, with these offsets."""
        self._outputs.accepted([*self._written, ANALYTICS_TOPIC])
        self._circuit_breaker.committed(next_offsets)
        self.aside.succeeded({topic for topic, _ in next_offsets})

    def set_aside(
        self, obstacles: Iterable[Obstacle], committed: Mapping[Partition, int], read: Mapping[Partition, int]
    ) -> None:
        """Set streams aside; the offsets are one past what was committed and what was read since."""
        now = time.monotonic()
        for obstacle in obstacles:
            self._committed[obstacle.stream] = _of(obstacle.stream, committed)
            self._read[obstacle.stream] = self._committed[obstacle.stream] | _of(obstacle.stream, read)
            self.aside.add(obstacle, now)
            self._changed = True

    def failed(self, error: Exception, committed: Mapping[Partition, int], read: Mapping[Partition, int]) -> None:
        """After a failed transaction: set aside the streams that it failed for, or else report the process unready."""
        if isinstance(error, Refused):
            self.set_aside(self._refused(error.refusals), committed, read)
            return
        suspected = list(self._suspected())
        self.set_aside(suspected, committed, read)
        if not suspected:
            self._process.unready(str(error))

    def _refused(self, refusals: Iterable[Refusal]) -> Iterator[Obstacle]:
        first = {refusal.topic: refusal.error for refusal in reversed(tuple(refusals))}
        for topic, error in first.items():
            why = self._outputs.refused(topic, error)
            if why is None:
                continue  # What was learnt makes the next transaction another.
            cause: Cause = "analytics" if topic == ANALYTICS_TOPIC else "dead_letter_topic"
            streams = {refusal.stream for refusal in refusals if refusal.topic == topic and refusal.stream}
            if not streams:
                self._process.unready(why)
            yield from (Obstacle(stream, cause, why) for stream in sorted(streams))

    def _suspected(self) -> Iterator[Obstacle]:
        """Streams whose dead letters cannot be written: the broker does not name the topic of every failure."""
        with contextlib.suppress(KafkaException):
            self._outputs.ask(self._written)
            for topic in sorted(self._written):
                if why := self._outputs.obstacle(topic) or self._outputs.may_write(topic):
                    yield Obstacle(topic.removesuffix(".dlq"), "dead_letter_topic", why)

    def check(self) -> None:
        """Check the inputs now and then, and try the streams that are set aside again. Blocks for some requests."""
        now = time.monotonic()
        try:
            if now >= self._inputs_due:
                self._inputs_due = now + CHECK_INPUTS_S
                self._check_inputs()
            if self.aside:
                self._check_decisions(now)
                for obstacle in self.aside.due(now):
                    self._try_again(obstacle, now)
        except KafkaException as error:
            log.warning("topics cannot be checked: %s", error.args[0])

    def _check_inputs(self) -> None:
        obstacles, faults = self._inputs.check()
        shown = {fault.subject: fault.text for fault in faults if fault.stream not in self.aside}
        for subject in self._faults - shown.keys():
            self._process.solved(subject)
        for subject, text in shown.items():
            self._process.problem(subject, text)
        self._faults = frozenset(shown)
        self.set_aside([obstacle for obstacle in obstacles if obstacle.stream not in self.aside], {}, {})
        for stream in set(self.aside.of("topic")) - {obstacle.stream for obstacle in obstacles}:
            self._take_back(stream)

    def _check_decisions(self, now: float) -> None:
        opened = self.aside.of("bad_events")
        if not opened or now < self._decisions_due:
            return
        self._decisions_due = now + DECISIONS_EVERY_S
        for stream, until in self._closing.by_operator().items():
            committed = self._committed.get(stream, {})
            # An earlier decision is about events that were committed long ago.
            if stream in opened and any(offset > committed.get(number, 0) for number, offset in until.items()):
                self._close(stream, until, "an operator closed it")

    def _try_again(self, obstacle: Obstacle, now: float) -> None:
        stream, cause, why = obstacle
        still: str | None = None
        if cause == "bad_events":
            ratio = self._settings.dead_letter_stop_ratio
            if until := self._closing.by_newest(stream, self._read.get(stream, {}), ratio):
                self._close(stream, until, "its newest events are good again")
                return
            still = why
        elif cause == "topic":
            return  # `_check_inputs` does.
        else:
            topic = ANALYTICS_TOPIC if cause == "analytics" else f"{stream}.dlq"
            self._outputs.accepted([topic])
            self._outputs.ask([topic])
            still = self._outputs.obstacle(topic) or self._outputs.may_write(topic)
        if still:
            self.aside.add(Obstacle(stream, cause, still), now)
        else:
            self._take_back(stream)

    def _close(self, stream: str, until: Mapping[int, int], why: str) -> None:
        log.warning("the circuit breaker of %s is closed: %s", stream, why)
        self._circuit_breaker.accept(stream, until)
        self._take_back(stream)

    def _take_back(self, stream: str) -> None:
        log.info("stream %s goes on", stream)
        self.aside.take_back(stream)
        self._changed = True

    def close(self) -> None:
        """Disconnect."""
        self._closing.close()


def _of(stream: str, offsets: Mapping[Partition, int]) -> dict[int, int]:
    return {number: offset for (topic, number), offset in offsets.items() if topic == stream}
