"""Each invalid event is invalid for the reason on its label, by hand-written rules and by the catalog."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

import pytest

from generators.encode import Event
from generators.faults import WEIGHTS
from generators.shop import Shop
from tests.unit.generators.contract import COMMON, KEYS, REQUIRED, TYPES

START = 1_760_000_000_000
LIMIT = 10_000
# The end of the year 9999; what is later is no date.
LAST_MS = 253_402_300_799_999


@pytest.fixture(scope="module")
def bad() -> list[Event]:
    shop = Shop(7, START, 2_000.0, invalid=0.5, max_event_bytes=LIMIT)
    return [event for event in shop.events(30_000) if not event[3]]


def refuse(literal: str) -> Any:
    raise ValueError(literal)


def reason_for(topic: str, value: bytes | None) -> str:
    """The first rule violated, in the order in which a consumer checks them; "" for a valid event."""
    if value is None:
        return "null_value"
    if len(value) > LIMIT:
        return "oversized"
    try:
        event = json.loads(value, parse_constant=refuse)
    except ValueError:
        return "invalid_json"
    if not isinstance(event, dict):
        return "wrong_type"
    fields = COMMON | REQUIRED[topic]
    if fields.keys() - event.keys():
        return "missing_field"
    if any(type(event[name]) is not kind for name, kind in fields.items()):
        return "wrong_type"
    lines = event.get("items", [])
    for line in lines:
        if not isinstance(line, dict):
            return "wrong_type"
        if {"sku", "quantity", "unit_price_cents"} - line.keys():
            return "missing_field"
        if type(line["quantity"]) is not int:
            return "wrong_type"
    if event["event_type"] not in TYPES[topic]:
        return "unknown_event_type"
    numbers = [event[name] for name, kind in fields.items() if kind is int]
    if any(not 0 <= number < 2**63 for number in numbers) or event["occurred_at"] > LAST_MS:
        return "out_of_range"
    if event.get("quantity", 1) < 1 or any(line["quantity"] < 1 for line in lines):
        return "out_of_range"
    if event["occurred_at"] < (time.time() - 3_650 * 86_400) * 1_000:
        return "past_event"
    return "future_event" if event["occurred_at"] > (time.time() + 3_600) * 1_000 else ""


def test_every_label_is_the_reason(bad: list[Event]) -> None:
    for topic, _, value, _, _, reason, *_ in bad:
        assert reason_for(topic, value) == reason, (value or b"")[:600]


def test_every_reason_occurs_in_every_stream(bad: list[Event]) -> None:
    found = Counter((event[0], event[5]) for event in bad)
    for topic in KEYS:
        assert {reason for stream, reason in found if stream == topic} >= set(WEIGHTS) - {"oversized"}
    assert any(reason == "oversized" for _, reason in found)


def test_faults_keep_the_key_and_have_a_new_id(bad: list[Event]) -> None:
    ids = Counter[str]()
    for topic, key, value, _, _, reason, *_ in bad:
        if reason in ("out_of_range", "future_event", "unknown_event_type"):
            event = json.loads(value or b"")
            assert event[KEYS[topic]] == key
            ids[event["event_id"]] += 1
    assert max(ids.values()) == 1


def test_faults_leave_valid_events_complete() -> None:
    """A fault is a copy: stock levels still add up with every second event invalid."""
    good = [event for event in Shop(7, START, 2_000.0, invalid=0.5).events(20_000) if event[3]]
    assert all(reason_for(event[0], event[2]) == "" for event in good)


def test_no_event_exceeds_the_broker_limit() -> None:
    shop = Shop(7, START, 2_000.0, invalid=0.5, max_event_bytes=2_000_000)
    assert all(len(event[2] or b"") < 5_000 for event in shop.events(10_000))


def test_reasons_are_those_of_the_catalog() -> None:
    validation = pytest.importorskip("streamgauge.catalog.validation")
    assert set(WEIGHTS) == set(validation.REASONS)
