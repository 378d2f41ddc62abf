"""Reads the ids of the last horizon back from the log, so that a replica knows the repeats of what came before it.

What counts is the log before the committed offset of each partition: the newest valid event there says how far back the
horizon reaches (Kafka's index of times finds the offset), and every committed message from there on is decoded and
judged as it was when it was counted. A partition whose memory is still good is read only from where that ends.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping

import pyarrow as pa
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from processors.intake import Intake, Records
from processors.repeats import Place, Repeats
from processors.seen import Memory
from runtime import kafka
from runtime.errors import TransientError
from runtime.settings import Settings

log = logging.getLogger("streamgauge")
# Where the newest event before an offset is sought first, and how much further each time.
PROBE, PROBE_TIMES = 64, 16
SILENCE_S, LOOK_S = 30.0, 0.2
Take = Callable[[str, Records], None]


class Recall:
    """Fills the memories of `repeats`. `go_on` is asked several times a second; where it says no, reading ends."""

    def __init__(
        self, settings: Settings, intakes: Mapping[str, Intake], repeats: Repeats, go_on: Callable[[], bool]
    ) -> None:
        self._settings = settings
        self._intakes = intakes
        self._repeats = repeats
        self._go_on = go_on

    def read(self, committed: Iterable[TopicPartition]) -> None:
        """Remember what lies before the committed offsets. Raises `TransientError` where the broker falls silent.

        Where `go_on` says no, memories are good but short; the next call goes on with them.
        """
        committed = [p for p in committed if p.topic in self._repeats.within_s and p.offset > 0]
        self._repeats.rewind((p.topic, p.partition, p.offset) for p in committed)
        ends = {place: p.offset for p in committed if (place := (p.topic, p.partition)) and self._end(place) < p.offset}
        if not ends:
            return
        began, before = time.monotonic(), self._ids()
        consumer = self._consumer()
        try:
            starts = self._starts(consumer, self._newest(consumer, ends))
            for place in starts:
                if self._end(place) < starts[place]:
                    self._repeats.forget(place)
            ranges = {place: (max(start, self._end(place)), ends[place]) for place, start in starts.items()}
            self._read(consumer, ranges, self._remember)
        finally:
            consumer.close()
        count, took = self._ids() - before, time.monotonic() - began
        log.info("read back %s ids of %d partitions in %.1f s", f"{count:,}", len(ends), took)

    def _end(self, place: Place) -> int:
        memory = self._repeats.memories.get(place)
        return (memory.end or 0) if memory else 0

    def _ids(self) -> int:
        return sum(memory.ids for memory in self._repeats.memories.values())

    def _consumer(self) -> Consumer:
        # The group's name for the rights that go with it; it neither joins nor commits.
        return Consumer(
            {
                **kafka.client_config(self._settings),
                "group.id": self._settings.analytics_group,
                "client.id": "streamgauge-recall",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "queued.max.messages.kbytes": 32 * 1024,
            }
        )

    def _newest(self, consumer: Consumer, ends: Mapping[Place, int]) -> dict[Place, int]:
        """Kafka's timestamp of the newest valid event before each offset, of the partitions that have one."""
        newest: dict[Place, int] = {}
        back, sought = PROBE, {place: end for place, end in ends.items() if end}

        def take(topic: str, records: Records) -> None:
            valid = self._valid(topic, records)
            times = valid["kafka_timestamp"].cast(pa.int64())
            newest.update(
                {
                    (topic, number): time.as_py()
                    for number, time in zip(valid["kafka_partition"].to_pylist(), times, strict=True)
                }
            )

        while sought and self._go_on():
            self._read(consumer, {place: (max(0, end - back), end) for place, end in sought.items()}, take)
            sought = {place: end for place, end in sought.items() if place not in newest and end > back}
            back *= PROBE_TIMES
        return newest

    def _starts(self, consumer: Consumer, newest: Mapping[Place, int]) -> dict[Place, int]:
        now_ms = _now_ms()
        asked = [
            TopicPartition(topic, number, Memory(self._repeats.within_s[topic]).reach_ms(min(time_ms, now_ms)))
            for (topic, number), time_ms in newest.items()
        ]
        found = consumer.offsets_for_times(asked, timeout=SILENCE_S) if asked else []
        return {(p.topic, p.partition): p.offset for p in found if p.offset >= 0}

    def _valid(self, topic: str, records: Records) -> pa.Table:
        return self._intakes[topic].identities(records, _now_ms())

    def _remember(self, topic: str, records: Records) -> None:
        self._repeats.remember(topic, self._valid(topic, records), _now_ms())
        self._repeats.confirm(
            {(topic, number): last + 1 for number, last in zip(records.partitions, records.offsets, strict=True)}
        )

    def _read(self, consumer: Consumer, ranges: Mapping[Place, tuple[int, int]], take: Take) -> None:
        """Give `take` the messages of each range `[start, end)` of offsets, in their order."""
        left = {place: span for place, span in ranges.items() if span[0] < span[1]}
        assigned = [TopicPartition(*place, start) for place, (start, _) in left.items()]
        consumer.assign(assigned)
        # What was paused stays so, assigned again or not.
        consumer.resume(assigned)
        heard = time.monotonic()
        while left and self._go_on():
            messages = consumer.consume(10_000, LOOK_S)
            if messages:
                heard = time.monotonic()
            elif time.monotonic() - heard > SILENCE_S:
                raise TransientError(f"reading back the last ids: nothing came for {SILENCE_S:.0f} s")
            for place, run in _by_place(messages).items():
                if place not in left:
                    continue
                end = left[place][1]
                inside = [message for message in run if not message.error() and message.offset() < end]
                if inside:
                    take(place[0], Records.of(inside))
                if len(inside) < len(run) and any(map(_at_end(end), run)) or run[-1].offset() == end - 1:
                    del left[place]
                    consumer.pause([TopicPartition(*place)])


def _at_end(end: int) -> Callable[[Message], bool]:
    """Whether a message says that nothing more comes before `end`: it lies behind it, or is the partition's end."""

    def says(message: Message) -> bool:
        error = message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            log.warning("reading back: %s", error)
            return False
        return error is not None or message.offset() >= end

    return says


def _by_place(messages: Iterable[Message]) -> dict[Place, list[Message]]:
    places: dict[Place, list[Message]] = {}
    for message in messages:
        places.setdefault((message.topic(), message.partition()), []).append(message)
    return places


def _now_ms() -> int:
    return int(time.time() * 1_000)
