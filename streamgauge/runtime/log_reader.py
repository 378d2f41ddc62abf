"""Read the log outside every consumer group: to its end as of now, within ranges of offsets, or on from there.

`consumer` makes a client that joins no group and commits nothing. `fetch` returns what has arrived; `to_end` and
`in_ranges` yield one fetch after another until everything was read, empty ones too, several a second, so that the
caller can check a deadline or report progress between them. A caller that follows the log after its end goes on with
`fetch`.

The end of a partition is what librdkafka reports as such: behind transaction markers and aborted messages, which are
never delivered, so a log that ends with them does not keep the reader waiting.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from streamgauge.runtime import kafka
from streamgauge.runtime.connection import rights
from streamgauge.runtime.errors import TransientError
from streamgauge.runtime.kafka import Partition
from streamgauge.runtime.settings import Settings

SILENCE_S = 30.0
BATCH, WAIT_S = 10_000, 0.2
_CALL_S = 15.0
log = logging.getLogger("streamgauge")


class Fetch(NamedTuple):
    """What one call brought.

    messages: of any partition, those of one in the order of their offsets; no errors among them.
    ends:     partitions that were read to their end (or to the end of their range), and the offset of that end.
    errors:   other errors that librdkafka reported meanwhile, each with the topic that it is about; it goes on by
              itself after those it calls retriable.
    """

    messages: list[Message]
    ends: dict[Partition, int]
    errors: list[KafkaException]

    def raise_permanent(self) -> None:
        """Raise `KafkaException` for the first error that no retry will mend."""
        for error in self.errors:
            if not error.args[0].retriable():
                raise error


def consumer(settings: Settings, group: str, options: Mapping[str, object] | None = None) -> Consumer:
    """A consumer of committed messages. `group` gives it that group's access rights; it neither joins nor commits.

    `options` are further ones of librdkafka's (`{"isolation.level": "read_uncommitted"}`). It logs nothing by itself.
    """
    return Consumer(
        {
            **kafka.client_config(settings),
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            **kafka.QUIET,
            **(options or {}),
        }
    )


def partitions(consumer: Consumer, topic: str) -> list[TopicPartition]:
    """The partitions of a topic; none where it does not exist. Raises `KafkaException` where the broker hides it."""
    described = consumer.list_topics(topic, timeout=_CALL_S).topics[topic]
    if rights.is_refusal(described.error):
        raise KafkaException(described.error, topic)
    return [TopicPartition(topic, number) for number in sorted(described.partitions)]


def span(consumer: Consumer, place: Partition) -> tuple[int, int]:
    """The first offset of a partition and its end. Raises `KafkaException`, with the topic."""
    with _of(place[0]):
        low, end = consumer.get_watermark_offsets(TopicPartition(*place), timeout=_CALL_S)
    return int(low), int(end)


def at_times(consumer: Consumer, wanted: Iterable[TopicPartition]) -> list[TopicPartition]:
    """The first offset at or after the time (ms) that each has as its offset; below 0 where no message is that new.

    Raises `KafkaException`, with the topic.
    """
    by_topic: dict[str, list[TopicPartition]] = {}
    for at in wanted:
        by_topic.setdefault(at.topic, []).append(at)
    found: list[TopicPartition] = []
    # A topic at a time: of several, the error does not say which one it is about.
    for topic, own in by_topic.items():
        with _of(topic):
            answers = consumer.offsets_for_times(own, timeout=_CALL_S)
        for at in answers:
            if at.error is not None:
                raise KafkaException(at.error, topic)
        found += answers
    return found


@contextmanager
def _of(topic: str) -> Iterator[None]:
    """Name the topic in what the block raises."""
    try:
        yield
    except KafkaException as error:
        raise KafkaException(error.args[0], topic) from None


def beginning(consumer: Consumer, topic: str) -> list[TopicPartition]:
    """The first offset of each partition of a topic."""
    return [TopicPartition(topic, at.partition, OFFSET_BEGINNING) for at in partitions(consumer, topic)]


def fetch(consumer: Consumer, most: int = BATCH, wait_s: float = WAIT_S, *, at_once: bool = False) -> Fetch:
    """At most `most` messages. Blocks until there are as many, or for `wait_s`; with `at_once` until there is one."""
    if at_once:
        first = consumer.poll(wait_s)
        arrived = [] if first is None else [first, *consumer.consume(most - 1, 0.0)]
    else:
        arrived = consumer.consume(most, wait_s)
    fetched = Fetch([], {}, [])
    for message in arrived:
        error = message.error()
        if error is None:
            fetched.messages.append(message)
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - librdkafka's own codes have no other name
            fetched.ends[partition_of(message)] = message.offset() or 0
        else:
            fetched.errors.append(KafkaException(error, message.topic()))
    return fetched


def to_end(
    consumer: Consumer,
    starts: Iterable[TopicPartition],
    *,
    most: int = BATCH,
    wait_s: float = WAIT_S,
    at_once: bool = False,
    keep_going: Callable[[], bool] = lambda: True,
    silence_s: float | None = None,
) -> Iterator[Fetch]:
    """Read each partition from its start to its end as of now; `starts` replaces what the consumer was assigned.

    Stops early as soon as `keep_going`, called before every fetch, returns False. Raises `TransientError` where nothing
    at all arrives for `silence_s`; without it a broker that is away is waited for.
    """
    starts = list(starts)
    if not starts:
        return
    unread = {(at.topic, at.partition) for at in starts}
    consumer.assign(starts)
    # A paused partition stays paused when it is assigned again.
    consumer.resume(starts)
    heard = time.monotonic()
    while unread and keep_going():
        fetched = fetch(consumer, most, wait_s, at_once=at_once)
        if any(fetched):
            heard = time.monotonic()
        elif silence_s is not None and time.monotonic() - heard > silence_s:
            raise TransientError(f"reading the log: nothing arrived for {silence_s:.0f} s")
        unread -= fetched.ends.keys()
        yield fetched


def in_ranges(consumer: Consumer, ranges: Mapping[Partition, tuple[int, int]], **options: Any) -> Iterator[Fetch]:
    """Read the offsets `[start, end)` of each partition, or as many of them as there are; `options` are `to_end`'s.

    `ends` of a fetch has the partitions whose range is done, with the end of the range.
    """
    left = {partition: end for partition, (start, end) in ranges.items() if start < end}
    starts = [TopicPartition(*partition, ranges[partition][0]) for partition in left]
    for fetched in to_end(consumer, starts, **options):
        inside, done = [], fetched.ends.keys() & left.keys()
        for message in fetched.messages:
            partition, offset = partition_of(message), message.offset() or 0
            if partition not in left:
                continue
            if offset < left[partition]:
                inside.append(message)
            if offset >= left[partition] - 1:
                done.add(partition)
        if done:
            consumer.pause([TopicPartition(*partition) for partition in done])
        yield Fetch(inside, {partition: left.pop(partition) for partition in done}, fetched.errors)
        if not left:
            return


def read_ranges(
    consumer: Consumer,
    ranges: Mapping[Partition, tuple[int, int]],
    take: Callable[[str, list[Message]], None],
    keep_going: Callable[[], bool] = lambda: True,
) -> None:
    """Call `take(topic, messages)` with the messages of each range, those of one partition at a time, in their order.

    Errors are logged. Raises `TransientError` after 30 s of silence; stops early where `keep_going` returns False.
    """
    for fetched in in_ranges(consumer, ranges, keep_going=keep_going, silence_s=SILENCE_S):
        for error in fetched.errors:
            log.warning("reading the log: %s", error.args[0])
        runs: dict[Partition, list[Message]] = {}
        for message in fetched.messages:
            runs.setdefault(partition_of(message), []).append(message)
        for (topic, _), run in runs.items():
            take(topic, run)


def partition_of(message: Message) -> Partition:
    """The partition a consumed message came from."""
    return message.topic() or "", message.partition() or 0
