"""Provenance of a file: ranges join, gaps stay, offsets read twice are reported, and the file stores it."""

from __future__ import annotations

import logging
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgauge.catalog import loader
from streamgauge.catalog.loader import Catalog
from streamgauge.deltas import wire
from streamgauge.deltas.provenance import InputOffsets, Lost, Provenance, joined
from streamgauge.deltas.transaction_buffer import TransactionBuffer
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.store import Store, connect
from tests.unit.streamgauge.deltas.test_transaction_buffer import Delivered


def read(first: int, following: int, topic: str = "orders", partition: int = 0) -> InputOffsets:
    return InputOffsets("m", {topic: {partition: (first, following)}})


def test_input_offsets_begin_where_the_partition_begins_when_the_first_is_unknown() -> None:
    found = InputOffsets.between("m", {("orders", 0): 7}, {("orders", 0): 9, ("orders", 3): 4})
    assert found == InputOffsets("m", {"orders": {0: (7, 9), 3: (0, 4)}})


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), max_size=20))
def test_joining_keeps_every_offset_and_counts_those_that_came_twice(spans: list[tuple[int, int]]) -> None:
    ranges = [(first, first + length) for first, length in spans]
    result, twice = joined(ranges)
    once = {offset for first, following in ranges for offset in range(first, following)}
    assert {offset for first, following in result for offset in range(first, following)} == once
    assert twice == sum(length for _, length in spans) - len(once)
    assert all(left[1] < right[0] for left, right in zip(result, result[1:], strict=False))


def test_a_gap_closes_when_the_other_replicas_deltas_arrive(caplog: pytest.LogCaptureFixture) -> None:
    held = Provenance().after([read(0, 5), read(9, 12)])
    assert held.ranges == {("orders", 0): [(0, 5), (9, 12)]}
    with caplog.at_level(logging.ERROR):
        held = held.after([read(5, 9)])
    assert held.ranges == {("orders", 0): [(0, 12)]}
    assert not caplog.records


def test_events_that_analytics_read_twice_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    """Somebody moved the group's offsets back."""
    Provenance().after([read(0, 10)]).after([read(4, 12)])
    assert "up to 6 offsets" in caplog.text


def anew(first: int, following: int, topic_id: str) -> InputOffsets:
    return InputOffsets("m", {"orders": {0: (first, following)}}, {"orders": topic_id})


def test_a_topic_made_anew_has_ranges_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    """The same offsets are other events, and nobody says that they count twice; those of one topic still do."""
    held = Provenance().after([anew(0, 100, "A")]).after([anew(0, 50, "B")])
    assert (held.ranges, held.topic_ids) == ({("orders", 0): [(0, 50)]}, {"orders": "B"})
    assert held.earlier == {"A": {("orders", 0): [(0, 100)]}}
    assert "twice" not in caplog.text
    assert "orders was deleted and made anew" in caplog.text
    held.after([anew(40, 60, "B")])
    assert "up to 10 offsets" in caplog.text


def test_a_straggler_adds_to_the_earlier_topic() -> None:
    """Another replica's last transaction of the old topic comes after the first of the new one."""
    held = Provenance().after([anew(0, 100, "A")]).after([anew(0, 50, "B")]).after([anew(100, 120, "A")])
    assert held.ranges == {("orders", 0): [(0, 50)]}
    assert held.earlier == {"A": {("orders", 0): [(0, 120)]}}


def test_ids_are_in_the_order_in_which_they_were_written_not_in_which_they_are_read() -> None:
    """A file that is built anew may read the partition of `analytics` with the newer topic first."""
    held = Provenance()
    new, old = held.since_of("B", 2_000), held.since_of("A", 1_000)
    assert old < new
    held = held.after([anew(0, 50, "B")]).after([anew(0, 100, "A")])
    assert held.topic_ids == {"orders": "B"}
    assert held.since_of("B", 9_000) == new
    assert len({held.since_of(one, 2_000) for one in "BCD"}) == 3


def test_provenance_is_stored_in_the_file(tmp_path: Path) -> None:
    """After each merge, what is stored is what is held; a transaction that does not say is remembered as such."""
    db = connect(Settings(data_dir=tmp_path))
    store = Store(db, Catalog("test", {}, (), ()), "cluster")
    steps: list[list[InputOffsets | None]] = [
        [read(0, 5)],
        [read(9, 12), read(0, 3, "payments")],
        [read(5, 9)],
        [None],
        [InputOffsets("m", {"stock": {0: (0, 9)}}, {"stock": "A"})],
        [InputOffsets("m", {"stock": {0: (0, 2)}}, {"stock": "B"})],
    ]
    held = Provenance()
    for number, step in enumerate(steps):
        store.merge({}, {0: number}, step)
        held = held.after(step)
        assert Provenance.load(db) == held
    assert held.unrecorded
    assert held.ranges == {("orders", 0): [(0, 12)], ("payments", 0): [(0, 3)], ("stock", 0): [(0, 2)]}
    assert held.earlier == {"A": {("stock", 0): [(0, 9)]}}
    db.close()


LOST = Lost("shipments", "id", 1, 50, 110, 1_700_000_000_000)


def test_what_was_lost_is_stored_once_and_shown(tmp_path: Path) -> None:
    db = connect(Settings(data_dir=tmp_path))
    store = Store(db, loader.load("streamgauge.catalog.commerce"), "cluster")
    named = InputOffsets.between("m", {("shipments", 1): 110}, {("shipments", 1): 110}, {"shipments": "id"}, [LOST])
    (value, headers) = next(wire.messages([], "replica", named))
    # A transaction without rows is merged as any other.
    buffer = TransactionBuffer(store.knows, store.since)
    buffer.add(Delivered(headers, 7, 0, value))
    ready = buffer.take()
    store.merge({}, ready.offsets, ready.read)
    store.merge({}, {0: 9}, [read(0, 5)])
    assert Provenance.load(db).lost == [LOST]
    columns = "stream, topic_id, partition, first_offset, last_offset, events, recent_events"
    assert db.execute(f"SELECT {columns} FROM lost_events").fetchall() == [("shipments", "id", 1, 50, 109, 60, 0)]
    db.close()


def test_a_merge_that_fails_reflects_nothing(tmp_path: Path) -> None:
    db = connect(Settings(data_dir=tmp_path))
    store = Store(db, Catalog("test", {}, (), ()), "cluster")
    with pytest.raises((KeyError, duckdb.Error)):
        store.merge({"nowhere": None}, {0: 1}, [read(0, 5)])
    assert Provenance.load(db).ranges == {}
    db.close()
