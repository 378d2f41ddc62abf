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
from confluent_kafka import Consumer, Message, TopicPartition

from processors.analytics.decoder import Intake, Records
from processors.analytics.dedup import Place, Repeats
from processors.analytics.dedup_window import Memory
from streamgauge.runtime import log_reader
from streamgauge.runtime.settings import Settings

log = logging.getLogger("streamgauge")
# Where the newest event before an offset is sought first, and how much further each time.
PROBE, PROBE_TIMES = 64, 16


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
        consumer = log_reader.consumer(self._settings, self._settings.analytics_group, "streamgauge-recall")
        try:
            starts = self._starts(consumer, self._newest(consumer, ends))
            for place in starts:
                if self._end(place) < starts[place]:
                    self._repeats.forget(place)
            ranges = {place: (max(start, self._end(place)), ends[place]) for place, start in starts.items()}
            log_reader.read(consumer, ranges, self._remember, self._go_on)
        finally:
            consumer.close()
        count, took = self._ids() - before, time.monotonic() - began
        log.info("read back %s ids of %d partitions in %.1f s", f"{count:,}", len(ends), took)

    def _end(self, place: Place) -> int:
        memory = self._repeats.memories.get(place)
        return (memory.end or 0) if memory else 0

    def _ids(self) -> int:
        return sum(memory.ids for memory in self._repeats.memories.values())

    def _newest(self, consumer: Consumer, ends: Mapping[Place, int]) -> dict[Place, int]:
        """Kafka's timestamp of the newest valid event before each offset, of the partitions that have one."""
        newest: dict[Place, int] = {}
        back, sought = PROBE, {place: end for place, end in ends.items() if end}

        def take(topic: str, messages: list[Message]) -> None:
            valid = self._valid(topic, messages)
            times = valid["kafka_timestamp"].cast(pa.int64())
            newest.update(
                {
                    (topic, number): time.as_py()
                    for number, time in zip(valid["kafka_partition"].to_pylist(), times, strict=True)
                }
            )

        while sought and self._go_on():
            span = {place: (max(0, end - back), end) for place, end in sought.items()}
            log_reader.read(consumer, span, take, self._go_on)
            sought = {place: end for place, end in sought.items() if place not in newest and end > back}
            back *= PROBE_TIMES
        return newest

    def _starts(self, consumer: Consumer, newest: Mapping[Place, int]) -> dict[Place, int]:
        now_ms = _now_ms()
        asked = [
            TopicPartition(topic, number, Memory(self._repeats.within_s[topic]).reach_ms(min(time_ms, now_ms)))
            for (topic, number), time_ms in newest.items()
        ]
        found = consumer.offsets_for_times(asked, timeout=log_reader.SILENCE_S) if asked else []
        return {(p.topic, p.partition): p.offset for p in found if p.offset >= 0}

    def _valid(self, topic: str, messages: list[Message]) -> pa.Table:
        return self._intakes[topic].identities(Records.of(messages), _now_ms())

    def _remember(self, topic: str, messages: list[Message]) -> None:
        self._repeats.remember(topic, self._valid(topic, messages), _now_ms())
        self._repeats.confirm({(topic, messages[-1].partition()): messages[-1].offset() + 1})


def _now_ms() -> int:
    return int(time.time() * 1_000)
