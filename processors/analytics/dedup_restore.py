"""Dedup restore: rebuild the dedup windows from the log, so that a new replica recognises repeats of earlier events.

The log before each partition's committed offset decides: the newest valid event there gives the time the horizon
reaches back to (Kafka's time index finds the offset), and every committed message from there on is decoded and
validated as it was when it was counted. A partition whose window is still valid is read only from the end of that
window.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping

import pyarrow as pa
from confluent_kafka import Consumer, Message, TopicPartition

from processors.analytics.decoder import Decoder, Records
from processors.analytics.dedup import Deduplicator, times
from processors.analytics.dedup_window import DedupWindow
from streamgauge.runtime import log_reader
from streamgauge.runtime.kafka import Partition
from streamgauge.runtime.settings import Settings

log = logging.getLogger("streamgauge")
# How many offsets back the newest event is searched for at first, and the factor of each further attempt.
PROBE, PROBE_TIMES = 64, 16


class DedupRestore:
    """Fills the windows of `deduplicator`. `keep_going` is called several times a second; reading ends when it is
    False.
    """

    def __init__(
        self,
        settings: Settings,
        decoders: Mapping[str, Decoder],
        deduplicator: Deduplicator,
        keep_going: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._decoders = decoders
        self._deduplicator = deduplicator
        self._keep_going = keep_going

    def read(self, committed: Iterable[TopicPartition]) -> None:
        """Add the ids before the committed offsets. Raises `TransientError` when the broker stops answering.

        When `keep_going` returns False, the windows are valid but short; the next call continues from them.
        """
        committed = [p for p in committed if p.topic in self._deduplicator.within_s and p.offset > 0]
        self._deduplicator.rewind((p.topic, p.partition, p.offset) for p in committed)
        ends = {tp: p.offset for p in committed if (tp := (p.topic, p.partition)) and self._end(tp) < p.offset}
        if not ends:
            return
        began, before = time.monotonic(), self._ids()
        consumer = log_reader.consumer(
            self._settings,
            self._settings.analytics_group,
            {"client.id": "streamgauge-recall", "queued.max.messages.kbytes": 32 * 1024},
        )
        try:
            starts = self._starts(consumer, self._newest(consumer, ends))
            for tp in starts:
                if self._end(tp) < starts[tp]:
                    self._deduplicator.reset(tp)
            ranges = {tp: (max(start, self._end(tp)), ends[tp]) for tp, start in starts.items()}
            log_reader.read_ranges(consumer, ranges, self._remember, self._keep_going)
        finally:
            consumer.close()
        count, took = self._ids() - before, time.monotonic() - began
        log.info("read back %s ids of %d partitions in %.1f s", f"{count:,}", len(ends), took)

    def _end(self, tp: Partition) -> int:
        window = self._deduplicator.windows.get(tp)
        return (window.end or 0) if window else 0

    def _ids(self) -> int:
        return sum(window.ids for window in self._deduplicator.windows.values())

    def _newest(self, consumer: Consumer, ends: Mapping[Partition, int]) -> dict[Partition, int]:
        """Kafka's timestamp of the newest valid event before each offset, of the partitions that have one."""
        newest: dict[Partition, int] = {}
        back, sought = PROBE, {tp: end for tp, end in ends.items() if end}

        def take(topic: str, messages: list[Message]) -> None:
            valid = self._valid(topic, messages)
            newest.update(
                {
                    (topic, number): time.as_py()
                    for number, time in zip(valid["kafka_partition"].to_pylist(), times(valid), strict=True)
                }
            )

        while sought and self._keep_going():
            span = {tp: (max(0, end - back), end) for tp, end in sought.items()}
            log_reader.read_ranges(consumer, span, take, self._keep_going)
            sought = {tp: end for tp, end in sought.items() if tp not in newest and end > back}
            back *= PROBE_TIMES
        return newest

    def _starts(self, consumer: Consumer, newest: Mapping[Partition, int]) -> dict[Partition, int]:
        now_ms = _now_ms()
        wanted = [
            TopicPartition(
                topic, number, DedupWindow(self._deduplicator.within_s[topic]).reach_ms(min(time_ms, now_ms))
            )
            for (topic, number), time_ms in newest.items()
        ]
        found = consumer.offsets_for_times(wanted, timeout=log_reader.SILENCE_S) if wanted else []
        return {(p.topic, p.partition): p.offset for p in found if p.offset >= 0}

    def _valid(self, topic: str, messages: list[Message]) -> pa.Table:
        return self._decoders[topic].identities(Records.of(messages, _now_ms()), _now_ms())

    def _remember(self, topic: str, messages: list[Message]) -> None:
        self._deduplicator.add(topic, self._valid(topic, messages), _now_ms())
        self._deduplicator.confirm({(topic, messages[-1].partition()): messages[-1].offset() + 1})


def _now_ms() -> int:
    return int(time.time() * 1_000)
