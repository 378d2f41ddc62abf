"""Deltas are let through a whole Kafka transaction at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa
from confluent_kafka import TIMESTAMP_CREATE_TIME
from hypothesis import given
from hypothesis import strategies as st

from streamgauge.catalog.loader import TOPIC_ID
from streamgauge.catalog.model import SINCE
from streamgauge.deltas import wire
from streamgauge.deltas.transaction_buffer import Ready, TransactionBuffer


@dataclass
class Delivered:
    """A message as the consumer gives it."""

    marks: list[tuple[str, bytes]]
    at: int
    number: int = 0
    body: bytes | None = b""

    def headers(self) -> list[tuple[str, bytes]]:
        return self.marks

    def topic(self) -> str:
        return "analytics"

    def partition(self) -> int:
        return self.number

    def offset(self) -> int:
        return self.at

    def timestamp(self) -> tuple[int, int]:
        return TIMESTAMP_CREATE_TIME, 1_000 + self.at

    def value(self) -> bytes | None:
        return self.body


def delta(model: str, producer: str, at: int, *, more: bool, partition: int = 0) -> Delivered:
    """A delta with one row that says where it was."""
    (encoded,) = wire.encode(model, pa.table({"at": [at]}), 1_000)
    return Delivered(wire.headers(model, producer, is_last=not more), at, partition, encoded.value)


def rows(ready: Ready) -> dict[str, list[int]]:
    """Rows by model."""
    return {model: [at for part in parts for at in part["at"].to_pylist()] for model, parts in ready.deltas.items()}


def test_nothing_of_a_transaction_is_ready_before_its_end() -> None:
    """Two of three messages have come: neither they nor their offsets may be stored."""
    buffer = TransactionBuffer(lambda _: True)
    buffer.add(delta("orders", "a", 5, more=True))
    buffer.add(delta("windows", "a", 6, more=True))
    assert buffer.take().offsets == {}
    buffer.add(delta("windows", "a", 7, more=False))
    ready = buffer.take()
    assert ready.offsets == {0: 8}
    assert rows(ready) == {"orders": [5], "windows": [6, 7]}
    assert buffer.take().offsets == {}


def test_a_partition_does_not_wait_for_another() -> None:
    """Each has its own transactions."""
    buffer = TransactionBuffer(lambda _: True)
    buffer.add(delta("orders", "a", 1, more=True))
    buffer.add(delta("orders", "b", 9, more=False, partition=1))
    assert buffer.take().offsets == {1: 10}


def test_a_message_that_is_no_delta_is_skipped_and_its_offset_counts() -> None:
    """An unknown model, a body that is not Arrow, a tombstone, a message without headers."""
    buffer = TransactionBuffer(lambda model: model == "orders")
    buffer.add(delta("gone", "a", 1, more=False))
    buffer.add(Delivered(wire.headers("orders", "a", is_last=True), 2, body=b"no"))
    buffer.add(Delivered(wire.headers("orders", "a", is_last=True), 3, body=None))
    buffer.add(Delivered([], 4))
    ready = buffer.take()
    assert ready.offsets == {0: 5}
    assert rows(ready) == {}


def test_rows_say_since_when_their_topic_is_known() -> None:
    """By the id in the delta's header, or in each row; rows of a topic without an id say nothing."""
    known = {"A": datetime(2026, 1, 1, tzinfo=UTC), "B": datetime(2026, 2, 1, tzinfo=UTC)}
    buffer = TransactionBuffer(lambda _: True, lambda topic_id, _ms: known[topic_id])
    (rows_of_a,) = wire.encode("orders", pa.table({"at": [1, 2]}), 1_000, "A")
    (letters,) = wire.encode("dead_letters", pa.table({"at": [1, 2, 3], TOPIC_ID: ["B", None, "A"]}), 1_000)
    (without,) = wire.encode("windows", pa.table({"at": [1]}), 1_000)
    for number, one in enumerate((rows_of_a, letters, without)):
        named = wire.headers(one.model, "a", is_last=True, topic_id=one.topic_id)
        buffer.add(Delivered(named, number, body=one.value))
    ready = buffer.take()
    assert ready.deltas["orders"][0][SINCE].to_pylist() == [known["A"]] * 2
    assert ready.deltas["dead_letters"][0][SINCE].to_pylist() == [known["B"], None, known["A"]]
    assert SINCE not in ready.deltas["windows"][0].column_names


def test_clear_drops_what_will_be_read_again() -> None:
    """After going back to the stored offsets the first half comes a second time."""
    buffer = TransactionBuffer(lambda _: True)
    buffer.add(delta("orders", "a", 1, more=True))
    buffer.clear()
    buffer.add(delta("orders", "a", 1, more=True))
    buffer.add(delta("orders", "a", 2, more=False))
    assert rows(buffer.take()) == {"orders": [1, 2]}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 4)), max_size=12), st.randoms(use_true_random=False))
def test_interleaved_transactions_are_whole_and_complete(transactions: list[tuple[str, int]], chance: object) -> None:
    """Replicas that share a partition: what is ready is whole transactions, each row once."""
    waiting = {
        name: [(number, left) for number, (who, size) in enumerate(transactions) if who == name for left in range(size)]
        for name in "abc"
    }
    buffer, seen, whole = TransactionBuffer(lambda _: True), [], {n: size for n, (_, size) in enumerate(transactions)}
    at = 0
    while any(waiting.values()):
        name = chance.choice([who for who, left in waiting.items() if left])  # type: ignore[attr-defined]
        number, index = waiting[name].pop(0)
        buffer.add(delta(str(number), name, at, more=index < whole[number] - 1))
        at += 1
        ready = buffer.take()
        for model, ats in rows(ready).items():
            assert len(ats) == whole[int(model)]
            seen.extend(ats)
    assert sorted(seen) == list(range(at))
