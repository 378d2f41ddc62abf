"""What is left out of a batch: repeats from every relation but `*`, dead letters never; and the setting's mistakes."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from processors.analytics.arrival import Bounds
from processors.analytics.batch import Batch
from processors.analytics.decoder import Decoder, Records
from processors.analytics.dedup import Deduplicator
from streamgauge.catalog import deduplication as rules
from streamgauge.catalog.commerce import STREAMS
from streamgauge.catalog.stream import Stream
from streamgauge.runtime.errors import UsageError
from tests.unit.processors.analytics.test_decoder import NOW, ORDER, ORDERS

ALL = {stream.topic: stream for stream in STREAMS}


def event(event_id: str, **changes: Any) -> bytes:
    return json.dumps({**ORDER, "event_id": event_id, **changes}).encode()


def batch_of(*values: bytes, first: int = 0, partition: int = 0) -> Batch:
    """A batch of one chunk of orders, at offsets from `first` on."""
    decoder = Decoder(ORDERS, Bounds(3_600_000), max_bytes=2_000)
    count = len(values)
    offsets = list(range(first, first + count))
    chunk = decoder.chunk(
        Records(list(values), [partition] * count, offsets, [NOW] * count, [NOW] * count, [None] * count), NOW
    )
    batch = Batch(events=count, next_offsets={("orders", partition): first + count})
    batch.chunks["orders"].append(chunk)
    return batch


def kept(batch: Batch, deduplicator: Deduplicator) -> list[str]:
    """Ids that the stream's models get to see; that the messages say the same is checked on the way."""
    tables = batch.relations(NOW, deduplicator)
    ids: list[str] = tables["orders"]["event_id"].to_pylist()
    marked = dict(zip(tables["*"]["kafka_offset"].to_pylist(), tables["*"]["repeated"].to_pylist(), strict=True))
    assert {offset for offset, repeated in marked.items() if not repeated} == set(
        tables["orders"]["kafka_offset"].to_pylist()
    )
    assert batch.repeated["orders"] == sum(marked.values())
    return ids


def test_a_repeat_is_left_out_within_a_batch_and_in_the_next() -> None:
    deduplicator = Deduplicator({"orders": 60})
    assert kept(batch_of(event("a"), event("b"), event("a")), deduplicator) == ["a", "b"]
    assert kept(batch_of(event("b"), event("c"), first=3), deduplicator) == ["c"]


def test_a_discarded_batch_leaves_the_window() -> None:
    deduplicator = Deduplicator({"orders": 60})
    first = batch_of(event("a"), event("b"))
    assert kept(first, deduplicator) == ["a", "b"]
    deduplicator.rewind([("orders", 0, 0)])
    assert kept(first, deduplicator) == ["a", "b"]
    deduplicator.confirm(first.next_offsets)
    deduplicator.rewind([("orders", 0, 2)])
    assert kept(batch_of(event("b"), event("c"), first=2), deduplicator) == ["c"]


def test_partitions_and_streams_are_independent() -> None:
    deduplicator = Deduplicator({"orders": 60})
    assert kept(batch_of(event("a")), deduplicator) == ["a"]
    assert kept(batch_of(event("a"), partition=1), deduplicator) == ["a"]
    off = batch_of(event("a"), event("a"))
    assert off.relations(NOW, Deduplicator({"payments": 60}))["orders"].num_rows == 2
    assert off.repeated == {}


def test_a_dead_letter_is_never_a_repeat_nor_the_original_of_one() -> None:
    """So a dead letter that was corrected and sent again counts, once."""
    deduplicator = Deduplicator({"orders": 60})
    decoder = Decoder(ORDERS, Bounds(3_600_000), max_bytes=2_000)
    values: list[bytes | None] = [event("a", amount_cents="1"), event("a", occurred_at=NOW + 9_999_999), event("a")]
    records = Records([*values, event("a")], [0] * 4, [0, 1, 2, 3], [NOW] * 4, [NOW] * 4, [None] * 4)
    batch = Batch(events=4)
    batch.chunks["orders"].append(decoder.chunk(records, NOW))
    assert batch.relations(NOW, deduplicator)["orders"]["kafka_offset"].to_pylist() == [2]
    assert decoder.identities(records, NOW)["kafka_offset"].to_pylist() == [2, 3]


def test_a_timestamp_from_the_future_counts_as_now() -> None:
    """One such producer must not make everything else seem older than the horizon."""
    deduplicator = Deduplicator({"orders": 60})
    decoder = Decoder(ORDERS, Bounds(3_600_000), max_bytes=2_000)
    values: list[bytes | None] = [event("a"), event("b"), event("a")]
    batch = Batch(events=3)
    batch.chunks["orders"].append(
        decoder.chunk(Records(values, [0] * 3, [0, 1, 2], [NOW, NOW + 10**9, NOW], [NOW] * 3, [None] * 3), NOW)
    )
    assert batch.relations(NOW, deduplicator)["orders"]["event_id"].to_pylist() == ["a", "b"]


def test_the_setting_comes_before_the_catalog() -> None:
    streams = {**ALL, "payments": Stream("payments", ALL["payments"].event, "order_id", repeats_within_s=60)}
    assert rules.horizons(streams, None) == {"payments": 60}
    assert rules.horizons(streams, " orders = 600 ,payments=0") == {"orders": 600}
    assert rules.horizons(streams, "payments=90,") == {"payments": 90}


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("orders", "`orders` is not"),
        ("orders=ten", "`orders=ten` is not"),
        ("orders=-1", "is not"),
        ("orders=999999999", "whole seconds from 1 to 604800"),
        ("order=60", "no stream `order`; there are: orders, inventory"),
        ("products=60", "compacted"),
    ],
)
def test_a_wrong_setting_is_one_line(setting: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        rules.horizons(ALL, setting)
    assert str(raised.value).startswith("STREAMGAUGE_DEDUPLICATE")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


class Nameless(msgspec.Struct, gc=False):
    """An event without an id."""

    key: str
    occurred_at: int


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (Stream("x", Nameless, "key", repeats_within_s=60), "no field `event_id`"),
        (Stream("x", ORDERS.event, "order_id", repeats_within_s=0), "not 0"),
        (Stream("x", ORDERS.event, "order_id", repeats_within_s=True), "not True"),
        (Stream("x", ORDERS.event, "order_id", repeats_within_s=60, compacted=True), "compacted"),
    ],
)
def test_a_stream_that_cannot_be_deduplicated_is_refused(stream: Stream, said: str) -> None:
    assert said in str(rules.obstacle(stream, stream.repeats_within_s))
