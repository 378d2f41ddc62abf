"""Committed messages of the log between given offsets, read once and beside every group."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from streamgauge.runtime import kafka
from streamgauge.runtime.errors import TransientError
from streamgauge.runtime.settings import Settings

log = logging.getLogger("streamgauge")
Place = tuple[str, int]
SILENCE_S, LOOK_S = 30.0, 0.2


def consumer(settings: Settings, group: str, client_id: str) -> Consumer:
    """A consumer for `read`. It has the group's name for the rights that go with it; it neither joins nor commits."""
    return Consumer(
        {
            **kafka.client_config(settings),
            "group.id": group,
            "client.id": client_id,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "queued.max.messages.kbytes": 32 * 1024,
        }
    )


def read(
    reader: Consumer,
    ranges: Mapping[Place, tuple[int, int]],
    take: Callable[[str, list[Message]], None],
    go_on: Callable[[], bool] = lambda: True,
) -> None:
    """Give `take` the messages of a topic in each range `[start, end)` of offsets of a partition, in their order.

    Returns when all were given, or as soon as `go_on`, asked several times a second, says no. Raises `TransientError`
    when the broker falls silent.
    """
    left = {place: span for place, span in ranges.items() if span[0] < span[1]}
    assigned = [TopicPartition(*place, start) for place, (start, _) in left.items()]
    reader.assign(assigned)
    # What was paused stays so, assigned again or not.
    reader.resume(assigned)
    heard = time.monotonic()
    while left and go_on():
        messages = reader.consume(10_000, LOOK_S)
        if messages:
            heard = time.monotonic()
        elif time.monotonic() - heard > SILENCE_S:
            raise TransientError(f"reading the log: nothing came for {SILENCE_S:.0f} s")
        for place, run in _by_place(messages).items():
            if place not in left:
                continue
            end = left[place][1]
            inside = [message for message in run if not message.error() and message.offset() < end]
            if inside:
                take(place[0], inside)
            if (inside and inside[-1].offset() == end - 1) or any(map(_at_end(end), run)):
                del left[place]
                reader.pause([TopicPartition(*place)])


def _at_end(end: int) -> Callable[[Message], bool]:
    """Whether a message says that nothing more comes before `end`: it lies behind it, or is the partition's end."""

    def says(message: Message) -> bool:
        error = message.error()
        if error is None:
            return bool(message.offset() >= end)
        if error.code() == KafkaError._PARTITION_EOF:
            return True
        log.warning("reading the log: %s", error)
        return False

    return says


def _by_place(messages: Iterable[Message]) -> dict[Place, list[Message]]:
    places: dict[Place, list[Message]] = {}
    for message in messages:
        places.setdefault((message.topic(), message.partition()), []).append(message)
    return places
