"""Streams that are set aside: tried again at intervals, reported while they are."""

from __future__ import annotations

import threading

from processors.analytics.aside.streams import FIRST_RETRY_S, LAST_RETRY_S, Obstacle, StreamsAside
from streamgauge.runtime.process import Process
from streamgauge.runtime.settings import Settings


def test_streams_are_tried_again_at_intervals_that_double() -> None:
    process = Process("t", Settings(), threading.Event())
    aside, obstacle = StreamsAside(process), Obstacle("orders", "topic", "it is gone")
    waits, now = [], 0.0
    for _ in range(6):
        aside.add(obstacle, now)
        waits.append(next(wait for wait in range(1_000) if aside.due(now + wait)))
    assert waits == [5, 10, 20, 40, 60, 60]
    assert (waits[0], waits[-1]) == (FIRST_RETRY_S, LAST_RETRY_S)
    assert process.health["problems"] == ["stream `orders` is set aside, the others go on: it is gone"]
    aside.take_back("orders")
    assert ("orders" in aside, process.health["problems"]) == (False, [])
    aside.succeeded(["orders"])
    aside.add(obstacle, now)
    assert aside.due(now + FIRST_RETRY_S)
