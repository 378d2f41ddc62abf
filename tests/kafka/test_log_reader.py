"""The log reader on a real log: transaction markers and aborted records at the end, empty partitions, ranges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from confluent_kafka import OFFSET_BEGINNING, OFFSET_INVALID, Producer, TopicPartition

from streamgauge.runtime import log_reader
from streamgauge.runtime.kafka import Partition
from streamgauge.runtime.settings import Settings
from tests.conftest import SettingsFactory, TopicFactory
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(60)]
Write = Callable[[int, int, bool], None]


@pytest.fixture
def settings(settings_factory: SettingsFactory) -> Settings:
    return settings_factory()


@pytest.fixture
def topic(topic_factory: TopicFactory) -> str:
    """Three partitions; nothing is written to the last."""
    return topic_factory(partitions=3)


@pytest.fixture
def write(settings: Settings, topic: str) -> Iterator[Write]:
    """Write so many messages to a partition in one transaction, and commit or abort it."""
    producer = Producer({"bootstrap.servers": settings.bootstrap, "transactional.id": topic})
    producer.init_transactions(30)

    def one(partition: int, count: int, commit: bool) -> None:
        producer.begin_transaction()
        for _ in range(count):
            producer.produce(topic, b"x", partition=partition)
        producer.flush(30)
        (producer.commit_transaction if commit else producer.abort_transaction)(30)

    yield one
    producer.flush(5)


def test_ranges_end_where_they_are_told(settings: Settings, topic: str, write: Write) -> None:
    """Between markers and aborted messages too, and at the end of a partition that has nothing more."""
    write(0, 10, True)
    write(1, 10, True)
    write(0, 10, True)
    write(1, 10, False)
    got: Counter[int] = Counter()
    with closing(log_reader.consumer(settings, "nobody")) as reader:
        # Partition 0: offsets 0..9, marker, 11..20, marker; partition 1: 0..9, marker, ten aborted, marker.
        for end, expected in ((22, {0: 20, 1: 10}), (16, {0: 15, 1: 10}), (11, {0: 10, 1: 10}), (4, {0: 4, 1: 4})):
            got.clear()
            spans = {(topic, number): (0, end) for number in range(3)}
            log_reader.read_ranges(reader, spans, lambda _, run: got.update(message.partition() for message in run))
            assert got == expected


@pytest.mark.parametrize("at_once", [False, True])
def test_the_end_is_behind_markers_and_aborted_messages(
    settings: Settings, topic: str, write: Write, at_once: bool
) -> None:
    write(0, 5, True)
    write(1, 3, True)
    write(1, 4, False)
    counts: Counter[int] = Counter()
    ends: dict[Partition, int] = {}
    with closing(log_reader.consumer(settings, "nobody")) as reader:
        for fetched in log_reader.to_end(reader, log_reader.beginning(reader, topic), at_once=at_once, silence_s=30):
            counts.update(message.partition() or 0 for message in fetched.messages)
            ends |= fetched.ends
    assert counts == {0: 5, 1: 3}
    assert ends == {(topic, 0): 6, (topic, 1): 9, (topic, 2): 0}


def test_uncommitted_messages_only_where_they_are_asked_for(settings: Settings, topic: str) -> None:
    producer = Producer({"bootstrap.servers": settings.bootstrap, "transactional.id": topic})
    producer.init_transactions(30)
    producer.begin_transaction()
    for _ in range(5):
        producer.produce(topic, b"x", partition=0)
    producer.flush(30)
    for level, expected in (("read_committed", 0), ("read_uncommitted", 5)):
        with closing(log_reader.consumer(settings, "nobody", {"isolation.level": level})) as reader:
            starts = log_reader.beginning(reader, topic)
            assert sum(len(one.messages) for one in log_reader.to_end(reader, starts, silence_s=30)) == expected
    producer.abort_transaction(30)


def test_a_reader_follows_the_log_after_its_end(settings: Settings, topic: str, write: Write) -> None:
    write(0, 2, True)
    with closing(log_reader.consumer(settings, "nobody")) as reader:
        assert sum(len(one.messages) for one in log_reader.to_end(reader, log_reader.beginning(reader, topic))) == 2
        write(2, 3, True)
        got: list[int] = []

        def arrived() -> bool:
            got.extend(message.partition() or 0 for message in log_reader.fetch(reader, wait_s=0.1).messages)
            return len(got) == 3

        wait_until(arrived, "what was written after the end", 30.0)
        assert got == [2, 2, 2]


def test_no_group_is_joined_and_nothing_committed(settings: Settings, topic: str, write: Write) -> None:
    write(0, 2, True)
    with closing(log_reader.consumer(settings, f"group-{topic}")) as reader:
        list(log_reader.to_end(reader, [TopicPartition(topic, 0, OFFSET_BEGINNING)]))
        (committed,) = reader.committed([TopicPartition(topic, 0)], timeout=15)
        assert committed.offset == OFFSET_INVALID
        assert not reader.memberid()
