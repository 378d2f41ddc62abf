"""Whether anything can be read from an offset on: offsets cannot tell an event from a transaction's marker, or from an
aborted transaction, and no consumer commits those before it has read the next event.

A reader of committed messages looks, in no group and committing nothing: a little from each offset, until it meets an
event or the end of what is decided. That needs READ rights; without them, what is there counts as events.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaError, TopicPartition

from streamgauge.domain.lag_status import Seen
from streamgauge.runtime import log_reader
from streamgauge.runtime.kafka import Partition
from streamgauge.runtime.settings import Settings

# Partitions read at the same time; the next ones follow with the next call.
MOST = 100
# Small fetches: one event is enough, and the broker need not wait for more. All partitions share a queue: once it is
# full, the default pause is a second, and the time would be over.
_OPTIONS = {
    "fetch.message.max.bytes": 16 * 1024,
    "queued.min.messages": 1_000,
    "queued.max.messages.kbytes": 4_096,
    "fetch.queue.backoff.ms": 50,
    "fetch.wait.max.ms": 50,
}
log = logging.getLogger("streamgauge")


class Reader:
    """Keeps one consumer; `close` it. Without READ rights on a topic that topic is left out from then on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumer: Consumer | None = None
        # Topics that may not be read.
        self.refused: set[str] = set()
        # What is being read, and from where.
        self._open: dict[Partition, int] = {}

    def read(
        self, starts: Mapping[Partition, int], ends: Mapping[Partition, int], within_s: float
    ) -> dict[Partition, tuple[int, Seen]]:
        """From each offset on, what was met; `ends` are the known ends of the logs. Those of which nothing was learnt
        in time are absent. Blocks for `within_s` at most. Raises `KafkaException` where the client cannot be used.
        """
        wanted = [tp for tp in starts if tp[0] not in self.refused][:MOST]
        if not wanted:
            return {}
        if self._consumer is None:
            self._consumer = log_reader.consumer(self._settings, "lag", _OPTIONS)
        self._follow(self._consumer, {tp: starts[tp] for tp in wanted})
        found: dict[Partition, tuple[int, Seen]] = {}
        deadline = time.monotonic() + within_s
        while self._open and time.monotonic() < deadline:
            for message in self._consumer.consume(MOST, 0.05):
                tp, error = log_reader.partition_of(message), message.error()
                offset = message.offset() or 0
                if tp not in self._open or (error is None and offset < starts[tp]):
                    continue  # of an earlier call
                if error is None or error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                    # Who reads beyond what is decided starts behind the end that a reader of committed events sees.
                    found[tp] = starts[tp], Seen(max(offset, starts[tp]), event=error is None, end=ends[tp])
                    self._leave(self._consumer, [tp])
                elif error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                    self._refuse(tp[0])
                    self._leave(self._consumer, [one for one in self._open if one[0] == tp[0]])
        return found

    def _follow(self, consumer: Consumer, starts: Mapping[Partition, int]) -> None:
        """Read these, and go on with those that were begun before: a long aborted transaction takes several calls."""
        self._leave(consumer, [tp for tp, start in self._open.items() if starts.get(tp) != start])
        if fresh := {tp: start for tp, start in starts.items() if tp not in self._open}:
            consumer.incremental_assign([TopicPartition(*tp, start) for tp, start in fresh.items()])
            self._open |= fresh

    def _leave(self, consumer: Consumer, tps: list[Partition]) -> None:
        if tps:
            consumer.incremental_unassign([TopicPartition(*tp) for tp in tps])
        for tp in tps:
            del self._open[tp]

    def _refuse(self, topic: str) -> None:
        if topic not in self.refused:
            self.refused.add(topic)
            log.warning(
                "no right to read %s: markers and aborted events there count as events that wait, so its lag is at "
                "most what is shown",
                topic,
            )

    def close(self) -> None:
        """Close the consumer."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
