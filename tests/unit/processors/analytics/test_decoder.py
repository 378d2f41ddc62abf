"""What is a bad event and why, and that a chunk's columns are the events, whatever their neighbours are."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.analytics.arrival import ABSENT, DAY_MS, Bounds
from processors.analytics.decoder import Chunk, Decoder, Records
from streamgauge.catalog.commerce import STREAMS
from streamgauge.catalog.commerce.events import OrderEvent
from streamgauge.catalog.validation import REASONS

NOW = 1_800_000_000_000
ORDERS = STREAMS[0]
ORDER: dict[str, Any] = {
    "event_id": "e1",
    "event_type": "order.placed",
    "occurred_at": NOW - 1_000,
    "source": "storefront",
    "schema_version": 1,
    "order_id": "O-1",
    "customer_id": "C-1",
    "region": "eu",
    "channel": "web",
    "payment_method": "card",
    "currency": "EUR",
    "amount_cents": 1_999,
    "items": [
        {"sku": "S-1", "quantity": 2, "unit_price_cents": 999},
        {"sku": "S-2", "quantity": 1, "unit_price_cents": 1},
    ],
}


def decoder() -> Decoder:
    return Decoder(ORDERS, Bounds(3_600_000), max_bytes=2_000)


def records(*values: bytes | None) -> Records:
    count = len(values)
    return Records(list(values), [0] * count, list(range(count)), [NOW] * count, [NOW] * count, [None] * count)


def claimed(timestamp: int, *values: bytes | None, arrival: int = NOW) -> Records:
    """Records whose producer says that timestamp."""
    count = len(values)
    return records(*values)._replace(timestamps=[timestamp] * count, arrivals=[arrival] * count)


def encode(**changes: Any) -> bytes:
    return json.dumps({**ORDER, **changes}).encode()


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in ORDER.items() if key != name}).encode()


GOOD = encode()
BAD = [
    (None, "null_value", "no value"),
    (b"", "invalid_json", "truncated"),
    (b"{", "invalid_json", "truncated"),
    (b"not json", "invalid_json", "invalid character"),
    (GOOD[:-1] + b",}", "invalid_json", "trailing comma"),
    (GOOD + b"x", "invalid_json", "trailing characters"),
    (GOOD.replace(b"1999", b"NaN"), "invalid_json", "invalid character"),
    (GOOD.replace(b"1999", b"Infinity"), "invalid_json", "invalid character"),
    (GOOD.replace(b"1999", b"-Infinity"), "invalid_json", "invalid"),
    (GOOD.replace(b"storefront", b"\xff\xfe"), "invalid_json", "utf-8"),
    (GOOD.replace(b"storefront", b"\\ud800"), "invalid_json", "surrogate"),
    (b"[" * 100_000, "oversized", "100,000 bytes"),
    (b"[" * 1_900, "wrong_type", "Expected `object`, got `array`"),
    (b"null", "wrong_type", "Expected `object`, got `null`"),
    (b"42", "wrong_type", "Expected `object`, got `int`"),
    (encode(source="x" * 3_000), "oversized", "the limit is 2,000"),
    (without("order_id"), "missing_field", "`order_id`"),
    (encode(items=[{"sku": "S-1", "quantity": 1}]), "missing_field", "`unit_price_cents` - at `$.items[0]`"),
    (encode(amount_cents="1999"), "wrong_type", "at `$.amount_cents`"),
    (encode(amount_cents=19.99), "wrong_type", "got `float`"),
    (encode(amount_cents=True), "wrong_type", "got `bool`"),
    (encode(order_id=None), "wrong_type", "got `null` - at `$.order_id`"),
    (encode(items={}), "wrong_type", "at `$.items`"),
    (encode(event_type="order.exploded"), "unknown_event_type", "'order.exploded'"),
    (encode(schema_version=2), "out_of_range", "at `$.schema_version`"),
    (encode(channel="fax"), "out_of_range", "at `$.channel`"),
    (encode(amount_cents=-1), "out_of_range", ">= 0"),
    (encode(amount_cents=2**63), "out_of_range", "at `$.amount_cents`"),
    (encode(amount_cents=10**40), "out_of_range", "at `$.amount_cents`"),
    (encode(items=[{"sku": "S-1", "quantity": 0, "unit_price_cents": 1}]), "out_of_range", "at `$.items[0].quantity`"),
    (encode(order_id=""), "out_of_range", "length"),
    (encode(occurred_at=253_402_300_799_000), "future_event", "after the event arrived"),
    (encode(occurred_at=NOW + 3_600_001), "future_event", "3,600 s"),
    (encode(occurred_at=NOW // 1_000), "past_event", "it looks like seconds, and must be milliseconds"),
    (encode(occurred_at=NOW * 1_000), "out_of_range", "it looks like microseconds, and must be milliseconds"),
    (encode(occurred_at=NOW * 1_000_000), "out_of_range", "it looks like nanoseconds, and must be milliseconds"),
    (encode(occurred_at=0), "past_event", "20,833 days before the event arrived: see STREAMGAUGE_MAX_PAST_DAYS"),
    (encode(occurred_at=NOW - 3_650 * DAY_MS - 1), "past_event", "3,650 days"),
]


@pytest.mark.parametrize(("value", "reason", "detail"), BAD)
def test_each_kind_of_bad_event_has_its_reason(value: bytes | None, reason: str, detail: str) -> None:
    chunk = decoder().chunk(records(GOOD, value, GOOD), NOW)
    assert [(letter.reason, letter.record.offset) for letter in chunk.dead] == [(reason, 1)]
    assert detail in chunk.dead[0].detail
    assert chunk.events.column("kafka_offset").to_pylist() == [0, 2]


def test_every_reason_is_listed_and_met() -> None:
    assert {reason for _, reason, _ in BAD} == set(REASONS)


def test_columns_are_the_fields_of_the_events() -> None:
    chunk = decoder().chunk(records(GOOD, encode(order_id="O-2", items=[], campaign_id="c", unknown={"a": [1]})), NOW)
    first, second = chunk.events.to_pylist()
    assert first["items"] == ORDER["items"]
    assert first["campaign_id"] is None
    assert (second["order_id"], second["items"], second["campaign_id"]) == ("O-2", [], "c")
    assert first["occurred_at"].timestamp() * 1000 == ORDER["occurred_at"]
    assert chunk.messages.column("bytes").to_pylist()[0] == len(GOOD)


def test_an_event_up_to_the_limit_ahead_is_good() -> None:
    assert decoder().chunk(records(encode(occurred_at=NOW + 3_600_000)), NOW).dead == []


def test_an_event_down_to_the_limit_in_the_past_is_good() -> None:
    assert decoder().chunk(records(encode(occurred_at=NOW - 3_650 * DAY_MS)), NOW).dead == []


@pytest.mark.parametrize("timestamp", [ABSENT, NOW // 1_000, NOW - 3 * DAY_MS, NOW + 9 * DAY_MS])
def test_what_a_producer_says_of_the_time_makes_no_good_event_bad(timestamp: int) -> None:
    chunk = decoder().chunk(claimed(timestamp, GOOD), NOW)
    assert (chunk.dead, chunk.messages["occurred_at"].cast("int64").to_pylist()) == ([], [ORDER["occurred_at"]])
    row = chunk.events.to_pylist()[0]
    assert row["arrived_at"].timestamp() * 1_000 == NOW
    assert (row["kafka_timestamp"] is None) == (timestamp == ABSENT)
    assert chunk.messages["latency_ms"].to_pylist() == [max(0, NOW - timestamp) if timestamp > 0 else 0]


def test_a_clock_ahead_makes_no_event_good() -> None:
    """A producer whose clock is ahead stamps the record with the same time as the event."""
    ahead = NOW + 9 * DAY_MS
    assert [letter.reason for letter in decoder().chunk(claimed(ahead, encode(occurred_at=ahead)), NOW).dead] == [
        "future_event"
    ]


@pytest.mark.parametrize(
    ("timestamp", "counted"),
    [(NOW - 5, NOW - 5), (NOW - 100 * DAY_MS, NOW), (NOW + 9 * DAY_MS, NOW), (ABSENT, NOW), (NOW // 1_000, NOW)],
)
def test_what_has_no_time_of_its_own_counts_where_a_window_is(timestamp: int, counted: int) -> None:
    """Dead letters, and events that are older than any window: they never vanish from the count."""
    old = NOW - 91 * DAY_MS
    chunk = decoder().chunk(claimed(timestamp, b"{", encode(occurred_at=old), GOOD), NOW)
    assert [letter.counted_at for letter in chunk.dead] == [counted]
    assert chunk.messages["occurred_at"].cast("int64").to_pylist() == [counted, ORDER["occurred_at"]]
    assert (chunk.messages["outdated"].to_pylist(), chunk.outdated) == ([True, False], 1)
    assert chunk.events["occurred_at"].cast("int64").to_pylist() == [old, ORDER["occurred_at"]]


def test_an_event_from_the_future_makes_those_after_it_no_later() -> None:
    chunk = decoder().chunk(records(encode(occurred_at=NOW + 3_000_000), GOOD, encode(occurred_at=NOW - 11_000)), NOW)
    assert chunk.messages["late"].to_pylist() == [False, False, True]
    assert chunk.late_by_ms == [11_000]
    made = decoder()
    made.chunk(records(encode(occurred_at=NOW + 3_000_000)), NOW)
    assert made.chunk(records(GOOD, encode(occurred_at=NOW - 11_000)), NOW).late_by_ms == [11_000]


def test_late_events_are_counted_with_their_lateness() -> None:
    made = decoder()
    chunk = made.chunk(records(GOOD, encode(occurred_at=ORDER["occurred_at"] - 60_000)), NOW)
    assert chunk.messages.column("late").to_pylist() == [False, True]
    assert chunk.late_by_ms == [60_000]
    made.forget()
    assert made.chunk(records(encode(occurred_at=ORDER["occurred_at"] - 60_000)), NOW).late_by_ms == []


def test_an_empty_chunk_is_empty() -> None:
    assert decoder().chunk(records(), NOW).events.num_rows == 0


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def orders(draw: st.DrawFn) -> bytes:
    """Orders, whole or damaged: a field replaced by any JSON, dropped, or bytes of the text changed."""
    event = dict(ORDER)
    for name in draw(st.lists(st.sampled_from([*ORDER, "reason", "campaign_id", "zz"]), max_size=2)):
        event[name] = draw(_json)
    for name in draw(st.lists(st.sampled_from(list(ORDER)), max_size=1)):
        event.pop(name, None)
    text = json.dumps(event).encode("utf-8", "surrogatepass")
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.binary(max_size=2)) + text[at + draw(st.integers(0, 2)) :]
    return text


def decoded(value: bytes) -> OrderEvent | None:
    """msgspec's own verdict on one event, by itself."""
    try:
        return msgspec.json.decode(value, type=OrderEvent)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


@given(st.lists(orders(), max_size=6))
@settings(max_examples=300, deadline=None)
def test_a_chunk_agrees_with_each_event_alone(values: list[bytes]) -> None:
    """Good or dead, and the columns' contents, are what msgspec says of each event by itself."""
    chunk: Chunk = decoder().chunk(records(*values), NOW)
    alone = {offset: event for offset, value in enumerate(values) if (event := decoded(value)) is not None}
    alone = {
        offset: event for offset, event in alone.items() if -3_650 * DAY_MS <= event.occurred_at - NOW <= 3_600_000
    }
    rows = {row["kafka_offset"]: row for row in chunk.events.to_pylist()}
    assert rows.keys() == alone.keys()
    assert {letter.record.offset for letter in chunk.dead} == set(range(len(values))) - alone.keys()
    for offset, event in alone.items():
        row = rows[offset]
        assert round(row.pop("occurred_at").timestamp() * 1000) == event.occurred_at
        expected = msgspec.to_builtins(event)
        expected.pop("occurred_at")
        assert {name: row[name] for name in expected} == expected
