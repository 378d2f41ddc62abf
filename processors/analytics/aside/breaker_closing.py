"""What closes an open circuit breaker: newer events that are good again, or an operator.

Closed, the breaker does not count the events before the end of the log as it is then: the bad ones among them become
dead letters, however many they are, and later ones count anew.

A replica decides for itself by the newest events. An operator's decision (`streamgauge streams close`) is a record of
the topic `audit`, which every replica reads while a breaker is open, so it also holds after a restart.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition

from processors.analytics.decoder import Decoder, Records
from streamgauge.catalog.builtin.audit import AUDIT_TOPIC, CLOSE_BREAKER, Closing, OperatorActed
from streamgauge.runtime import log_reader
from streamgauge.runtime.errors import StreamgaugeError
from streamgauge.runtime.settings import Settings

# The newest events of the stream that are judged; fewer than the least say nothing.
SAMPLE, LEAST = 500, 10
_SILENCE_S = 5.0
log = logging.getLogger("streamgauge")


class BreakerClosing:
    """Reads the log beside the consumer group; connects when a breaker has opened."""

    def __init__(self, settings: Settings, decoder: Callable[[str], Decoder]) -> None:
        self._settings, self._decoder = settings, decoder
        self._consumer: Consumer | None = None
        self._read: dict[int, int] = {}

    def by_operator(self) -> dict[str, dict[int, int]]:
        """Operators' decisions that were not returned before: by stream, the offset of each partition that counts
        again.
        """
        found: dict[str, dict[int, int]] = {}
        try:
            consumer = self._connected()
            starts = [
                TopicPartition(AUDIT_TOPIC, part.partition, self._read.get(part.partition, 0))
                for part in log_reader.partitions(consumer, AUDIT_TOPIC)
            ]
            for fetched in log_reader.to_end(consumer, starts, wait_s=0.1, at_once=True, silence_s=_SILENCE_S):
                for message in fetched.messages:
                    self._read[message.partition() or 0] = (message.offset() or 0) + 1
                    if decision := _decision(message.value()):
                        found.update([decision])
        except (KafkaException, StreamgaugeError) as error:
            log.warning("operators' decisions cannot be read: %s", error)
        return found

    def by_newest(self, stream: str, after: Mapping[int, int], ratio: float) -> dict[int, int] | None:
        """The ends of the stream's partitions if its newest events after these offsets are good again.

        Good is a share of bad ones below `ratio`. None where they are bad, or too few.
        """
        events = bad = 0
        try:
            consumer = self._connected()
            parts = log_reader.partitions(consumer, stream)
            marks = {part.partition: consumer.get_watermark_offsets(part, timeout=10) for part in parts}
            each = max(SAMPLE // max(1, len(parts)), LEAST)
            ranges = {
                (stream, number): (max(low, after.get(number, 0), end - each), end)
                for number, (low, end) in marks.items()
            }
            decoder = self._decoder(stream)
            for fetched in log_reader.in_ranges(consumer, ranges, wait_s=0.1, at_once=True, silence_s=_SILENCE_S):
                if fetched.messages:
                    events += len(fetched.messages)
                    now_ms = int(time.time() * 1_000)
                    bad += len(decoder.chunk(Records.of(fetched.messages, now_ms), now_ms).dead)
        except (KafkaException, StreamgaugeError) as error:
            log.warning("the newest events of %s cannot be read: %s", stream, error)
            return None
        if events < LEAST or bad / events >= ratio:
            return None
        return {number: end for number, (_, end) in marks.items()}

    def close(self) -> None:
        """Disconnect."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _connected(self) -> Consumer:
        if self._consumer is None:
            prompt = {"fetch.wait.max.ms": 20, "fetch.error.backoff.ms": 20}
            self._consumer = log_reader.consumer(self._settings, self._settings.analytics_group, prompt)
        return self._consumer


def _decision(value: bytes | None) -> tuple[str, dict[int, int]] | None:
    try:
        record = msgspec.json.decode(value or b"", type=OperatorActed)
        if record.action != CLOSE_BREAKER:
            return None
        return record.target, msgspec.json.decode(record.detail, type=Closing).until
    except (msgspec.MsgspecError, UnicodeError):
        return None
