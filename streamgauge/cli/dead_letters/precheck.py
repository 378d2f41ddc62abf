"""Precheck: whether analytics would accept a payload now, shown before anything is sent. No Kafka."""

from __future__ import annotations

from processors.analytics.decoder import Decoder, Records
from processors.analytics.transform import bounds
from streamgauge.catalog import loader
from streamgauge.dead_letters.retry.retrier import Sendable
from streamgauge.runtime.settings import Settings


class Precheck:
    """Checks payloads of the catalog's streams as analytics does."""

    def __init__(self, settings: Settings, now_ms: int) -> None:
        self._now_ms = now_ms
        self._decoders = {
            topic: Decoder(stream, bounds(settings), max_bytes=settings.max_event_bytes)
            for topic, stream in loader.streams_of(settings.catalog).streams.items()
        }

    def verdict(self, item: Sendable) -> str | None:
        """Reason and detail where the event would fail, "" where it would pass, None where that is unknown."""
        decoder = self._decoders.get(item.letter.position.topic)
        # An event that another service could not process may be valid here.
        if decoder is None or item.letter.letter_topic != f"{item.letter.position.topic}.dlq":
            return None
        now = [self._now_ms]
        dead = decoder.chunk(Records([item.value], [0], [0], now, now, [None]), self._now_ms).dead
        return f"{dead[0].reason}: {dead[0].detail}" if dead else ""
