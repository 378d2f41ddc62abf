"""Streams set aside: each alone, with its reason, while the others go on.

Nothing of such a stream is committed, so its events wait in Kafka and are read again when it is tried again: soon at
first, then at intervals that double. Shown as a problem on `/health`, and as a metric.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from streamgauge.runtime import metrics
from streamgauge.runtime.errors import StreamgaugeError
from streamgauge.runtime.process import Process

# bad_events: the circuit breaker is open. topic: its own. dead_letter_topic, analytics: what cannot be written to.
Cause = Literal["bad_events", "topic", "dead_letter_topic", "analytics"]
FIRST_RETRY_S, LAST_RETRY_S = 5.0, 60.0


class Obstacle(NamedTuple):
    """What keeps a stream from going on: `why` is a sentence for people."""

    stream: str
    cause: Cause
    why: str


class StreamsStopped(StreamgaugeError):
    """Some streams cannot go on; the others can."""

    def __init__(self, obstacles: Iterable[Obstacle]) -> None:
        self.obstacles = tuple(obstacles)
        super().__init__("; ".join(obstacle.why for obstacle in self.obstacles))


@dataclass
class _Aside:
    obstacle: Obstacle
    retry_at: float


class StreamsAside:
    """The streams that are set aside now. Times are monotonic seconds."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._aside: dict[str, _Aside] = {}
        self._delays: dict[str, float] = {}

    def __contains__(self, stream: object) -> bool:
        return stream in self._aside

    def __bool__(self) -> bool:
        return bool(self._aside)

    @property
    def streams(self) -> frozenset[str]:
        """All that are set aside."""
        return frozenset(self._aside)

    def add(self, obstacle: Obstacle, now: float) -> None:
        """Set a stream aside, or report why it stays aside; it is due again after a delay that doubles."""
        stream, cause, why = obstacle
        delay = self._delays[stream] = min(2 * self._delays.get(stream, FIRST_RETRY_S / 2), LAST_RETRY_S)
        self._clear(stream)
        self._aside[stream] = _Aside(obstacle, now + delay)
        metrics.gauge("streamgauge_stream_set_aside").labels(stream, cause).set(1)
        self._process.problem(f"stream {stream}", f"stream `{stream}` is set aside, the others go on: {why}")

    def due(self, now: float) -> list[Obstacle]:
        """Those that should be tried again now."""
        return [aside.obstacle for aside in self._aside.values() if aside.retry_at <= now]

    def of(self, cause: Cause) -> list[str]:
        """The streams that are aside for this cause."""
        return [stream for stream, aside in self._aside.items() if aside.obstacle.cause == cause]

    def take_back(self, stream: str) -> None:
        """Let a stream go on. Its next delay is longer unless `succeeded` is called first."""
        self._clear(stream)
        self._process.solved(f"stream {stream}")

    def succeeded(self, streams: Iterable[str]) -> None:
        """These streams have committed: should one stop again, it is tried again soon."""
        for stream in streams:
            self._delays.pop(stream, None)

    def _clear(self, stream: str) -> None:
        if aside := self._aside.pop(stream, None):
            metrics.gauge("streamgauge_stream_set_aside").labels(stream, aside.obstacle.cause).set(0)
