"""The log reader against a scripted consumer: what it stops at, and what it leaves to its caller.

tests/kafka/test_log_reader.py has the same on a real log, with transactions.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from streamgauge.runtime import log_reader
from streamgauge.runtime.errors import TransientError


@dataclass(frozen=True)
class Message:
    """What the reader uses of a message."""

    number: int
    at: int
    code: int | None = None

    def topic(self) -> str:
        return "t"

    def partition(self) -> int:
        return self.number

    def offset(self) -> int:
        return self.at

    def error(self) -> KafkaError | None:
        return None if self.code is None else KafkaError(self.code)


def end(number: int, at: int) -> Message:
    return Message(number, at, KafkaError._PARTITION_EOF)


@dataclass
class Scripted:
    """A consumer that delivers these batches, one a call, and nothing after them."""

    batches: list[list[Message]]
    assigned: list[tuple[int, int]] = field(default_factory=list)
    paused: list[int] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def assign(self, starts: list[TopicPartition]) -> None:
        self.assigned = [(at.partition, at.offset) for at in starts]

    def resume(self, _starts: list[TopicPartition]) -> None:
        self.calls.append("resume")

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.paused += [at.partition for at in partitions]

    def consume(self, most: int, wait_s: float) -> list[Message]:
        self.calls.append(f"consume {most} {wait_s:g}")
        return self.batches.pop(0) if self.batches else []

    def poll(self, wait_s: float) -> Message | None:
        self.calls.append(f"poll {wait_s:g}")
        return self.batches[0].pop(0) if self.batches and self.batches[0] else None


def scripted(*batches: list[Message]) -> Any:
    return Scripted([list(batch) for batch in batches])


def offsets(messages: list[Any]) -> list[tuple[int, int]]:
    return [(message.partition(), message.offset()) for message in messages]


def starts(*numbers: int) -> list[TopicPartition]:
    return [TopicPartition("t", number, 0) for number in numbers]


def test_a_fetch_separates_messages_ends_and_errors() -> None:
    reader = scripted([Message(0, 1), end(1, 7), Message(0, 2, KafkaError.TOPIC_AUTHORIZATION_FAILED), Message(1, 6)])
    fetched = log_reader.fetch(reader)
    assert offsets(fetched.messages) == [(0, 1), (1, 6)]
    assert fetched.ends == {("t", 1): 7}
    assert [(error.args[0].code(), error.args[1]) for error in fetched.errors] == [
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "t")
    ]
    with pytest.raises(KafkaException):
        fetched.raise_permanent()


def test_a_fetch_at_once_waits_for_one_message_and_takes_what_is_there() -> None:
    reader = scripted([Message(0, 1), Message(0, 2)])
    assert offsets(log_reader.fetch(reader, 500, 0.5, at_once=True).messages) == [(0, 1), (0, 2)]
    assert reader.calls == ["poll 0.5", "consume 499 0"]
    assert not any(log_reader.fetch(scripted(), at_once=True))


def test_to_end_ends_with_the_last_partition_and_passes_on_what_comes_meanwhile() -> None:
    late = [Message(0, 1)]  # partition 0 again, after its end was reached and before that of partition 1
    reader = scripted([Message(0, 0), end(0, 1)], [], late, [Message(1, 0), end(1, 1)], [Message(1, 1)])
    got = [offsets(fetched.messages) for fetched in log_reader.to_end(reader, starts(0, 1))]
    assert got == [[(0, 0)], [], [(0, 1)], [(1, 0)]]
    assert reader.assigned == [(0, 0), (1, 0)]


def test_nothing_to_read_asks_for_nothing() -> None:
    reader = scripted()
    assert list(log_reader.to_end(reader, [])) == []
    assert list(log_reader.in_ranges(reader, {("t", 0): (5, 5)})) == []
    assert not any(call.startswith("consume") for call in reader.calls)


def test_to_end_stops_when_it_may_not_go_on() -> None:
    may = iter([True, True, False])
    reader = scripted([Message(0, 0)], [Message(0, 1)], [Message(0, 2)])
    assert len(list(log_reader.to_end(reader, starts(0), keep_going=lambda: next(may)))) == 2


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The monotonic clock, ten seconds on at each look."""
    now = [0.0]

    def look() -> float:
        now[0] += 10.0
        return now[0]

    monkeypatch.setattr(time, "monotonic", look)


@pytest.mark.usefixtures("clock")
def test_silence_is_an_error_only_where_a_limit_is_given() -> None:
    with pytest.raises(TransientError, match="nothing arrived for 15 s"):
        list(log_reader.to_end(scripted([Message(0, 0)]), starts(0), silence_s=15))
    patient = log_reader.to_end(scripted(*[[]] * 20, [end(0, 0)]), starts(0))
    assert len(list(patient)) == 21


@pytest.mark.usefixtures("clock")
def test_an_error_is_no_silence() -> None:
    """The broker answers: what it says is for the caller."""
    busy = [[Message(0, 0, KafkaError.LEADER_NOT_AVAILABLE)] for _ in range(5)]
    assert len(list(log_reader.to_end(scripted(*busy, [end(0, 0)]), starts(0), silence_s=15))) == 6


def test_a_range_ends_at_its_last_offset_beyond_it_or_at_the_end_of_the_log() -> None:
    last = scripted([Message(0, 3), Message(0, 4), Message(0, 5)])
    (fetched,) = log_reader.in_ranges(last, {("t", 0): (3, 5)})
    assert (offsets(fetched.messages), fetched.ends, last.paused) == ([(0, 3), (0, 4)], {("t", 0): 5}, [0])

    # The last offset is a transaction marker: the next message lies beyond it.
    marker = scripted([Message(0, 3)], [Message(0, 6)])
    got = list(log_reader.in_ranges(marker, {("t", 0): (3, 5)}))
    assert [offsets(one.messages) for one in got] == [[(0, 3)], []]
    assert got[-1].ends == {("t", 0): 5}

    at_the_end = scripted([Message(0, 3), end(0, 4)])
    (fetched,) = log_reader.in_ranges(at_the_end, {("t", 0): (3, 9)})
    assert (offsets(fetched.messages), fetched.ends) == ([(0, 3)], {("t", 0): 9})


def test_a_finished_partition_gives_nothing_more_while_others_are_read() -> None:
    reader = scripted([Message(0, 0), Message(0, 1)], [Message(0, 2), Message(1, 0)], [Message(1, 1)])
    got = [offsets(fetched.messages) for fetched in log_reader.in_ranges(reader, {("t", 0): (0, 2), ("t", 1): (0, 2)})]
    assert got == [[(0, 0), (0, 1)], [(1, 0)], [(1, 1)]]
    assert reader.paused == [0, 1]


def test_read_ranges_gives_the_messages_of_one_partition_at_a_time() -> None:
    reader = scripted([Message(0, 0), Message(1, 0), Message(0, 1), Message(1, 1)])
    got: list[list[tuple[int, int]]] = []
    log_reader.read_ranges(
        reader, {("t", 0): (0, 2), ("t", 1): (0, 2)}, lambda _topic, messages: got.append(offsets(messages))
    )
    assert got == [[(0, 0), (0, 1)], [(1, 0), (1, 1)]]


class Refusing:
    """A consumer of a broker that lets nobody see the topic `secret`; offsets are times over ten elsewhere."""

    error = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)

    def get_watermark_offsets(self, at: TopicPartition, timeout: float) -> tuple[int, int]:
        if at.topic == "secret":
            raise KafkaException(self.error)
        return 3, 7

    def offsets_for_times(self, wanted: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        if any(at.topic == "secret" for at in wanted):
            raise KafkaException(self.error)
        return [TopicPartition(at.topic, at.partition, at.offset // 10) for at in wanted]


def test_a_refusal_names_its_topic() -> None:
    reader: Any = Refusing()
    assert log_reader.span(reader, ("open", 0)) == (3, 7)
    wanted = [TopicPartition("open", 0, 50), TopicPartition("open", 1, 60)]
    assert [(at.topic, at.partition, at.offset) for at in log_reader.at_times(reader, wanted)] == [
        ("open", 0, 5),
        ("open", 1, 6),
    ]
    with pytest.raises(KafkaException) as refused:
        log_reader.span(reader, ("secret", 0))
    assert refused.value.args == (Refusing.error, "secret")
    with pytest.raises(KafkaException) as refused:
        log_reader.at_times(reader, [*wanted, TopicPartition("secret", 0, 50)])
    assert refused.value.args[1] == "secret"
