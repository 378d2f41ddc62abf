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
# One batch a partition is enough, and the broker need not wait for more.
_OPTIONS = {
    "fetch.message.max.bytes": 16 * 1024,
    "queued.min.messages": 1,
    "queued.max.messages.kbytes": 1_024,
    "fetch.wait.max.ms": 50,
}
log = logging.getLogger("streamgauge")


class Reader:
    """Keeps one consumer; `close` it. Without READ rights on a topic that topic is left out from then on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumer: Consumer | None = None
        self._refused: set[str] = set()

    def read(
        self, starts: Mapping[Partition, int], ends: Mapping[Partition, int], within_s: float
    ) -> dict[Partition, tuple[int, Seen]]:
        """From each offset on, what was met; `ends` are the known ends of the logs. Those of which nothing was learnt
        in time are absent. Blocks for `within_s` at most. Raises `KafkaException` where the client cannot be used.
        """
        wanted = [tp for tp in starts if tp[0] not in self._refused][:MOST]
        if not wanted:
            return {}
        if self._consumer is None:
            self._consumer = log_reader.consumer(self._settings, "lag", _OPTIONS)
        assigned = [TopicPartition(*tp, starts[tp]) for tp in wanted]
        self._consumer.assign(assigned)
        # A partition that was paused stays paused when it is assigned again.
        self._consumer.resume(assigned)
        found: dict[Partition, tuple[int, Seen]] = {}
        deadline = time.monotonic() + within_s
        while found.keys() < set(wanted) and time.monotonic() < deadline:
            for message in self._consumer.consume(MOST, 0.05):
                tp, error = log_reader.partition_of(message), message.error()
                if error is None and tp not in found:
                    found[tp] = starts[tp], Seen(message.offset() or 0, event=True, end=ends[tp])
                    self._consumer.pause([TopicPartition(*tp)])
                elif error is not None and error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
                    found.setdefault(tp, (starts[tp], Seen(max(message.offset() or 0, starts[tp]), False, ends[tp])))
                elif error is not None and error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                    self._refuse(tp[0])
                    wanted = [one for one in wanted if one[0] != tp[0]]
        self._consumer.unassign()
        return found

    def _refuse(self, topic: str) -> None:
        if topic not in self._refused:
            self._refused.add(topic)
            log.info("no right to read %s: offsets that nobody commits cannot be told from waiting events", topic)

    def close(self) -> None:
        """Close the consumer."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
