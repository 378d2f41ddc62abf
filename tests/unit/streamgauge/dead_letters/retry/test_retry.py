"""Rungs, batches, pace and edits of a retry. No Kafka."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from streamgauge.dead_letters.headers import Position
from streamgauge.dead_letters.letter import Letter
from streamgauge.dead_letters.retry import canary, edit
from streamgauge.dead_letters.retry.records import Record
from streamgauge.dead_letters.retry.retrier import Sendable
from streamgauge.runtime.errors import UsageError

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("letters", "expected"),
    [(0, []), (1, [1]), (2, [1, 1]), (26, [1, 5, 20]), (127, [1, 5, 20, 100, 1]), (3_126, [1, 5, 20, 100, 500, 2_500])],
)
def test_the_ladder(letters: int, expected: list[int]) -> None:
    rungs = canary.rungs(range(letters))
    assert [len(rung) for rung in rungs] == expected
    assert [item for rung in rungs for item in rung] == list(range(letters))


@pytest.mark.parametrize(("rate", "expected"), [(0.1, 1), (50, 25), (1_000_000, 100)])
def test_a_transaction_is_short(rate: float, expected: int) -> None:
    parts = canary.batches(range(101), rate)
    assert max(map(len, parts)) == expected
    assert [item for part in parts for item in part] == list(range(101))


def test_the_rate_holds_over_rungs_and_time_lost_is_not_made_up() -> None:
    pace = canary.Pace(10, 100.0)
    assert pace.wait_s(1, 100.0) == 0
    assert pace.wait_s(5, 100.0) == pytest.approx(0.1)
    assert pace.wait_s(5, 100.1) == pytest.approx(0.5)
    assert pace.wait_s(5, 200.0) == 0
    assert pace.wait_s(5, 200.0) == pytest.approx(0.5)


def item(value: bytes | None) -> Sendable:
    position = Position("orders", 1, 7)
    letter = Letter(position, "orders", "r", "f" * 12, None, "", 1, position, None, "orders.dlq", NOW)
    return Sendable(letter, Record(Position("orders.dlq", 0, 0), None, value, [], 0), value)


@pytest.mark.parametrize(
    ("setting", "expected", "note"),
    [
        ("amount_cents=100", {"amount_cents": 100, "items": [{"n": 1}]}, '$.amount_cents: "1" → 100'),
        ("currency=EUR", {"amount_cents": "1", "items": [{"n": 1}], "currency": "EUR"}, '$.currency: absent → "EUR"'),
        ("$.items[0].n=null", {"amount_cents": "1", "items": [{"n": None}]}, "$.items[0].n: 1 → null"),
        ('note="=5"', {"amount_cents": "1", "items": [{"n": 1}], "note": "=5"}, '$.note: absent → "=5"'),
    ],
)
def test_a_field_is_set_and_the_original_stays(setting: str, expected: object, note: str) -> None:
    before = item(b'{"amount_cents":"1","items":[{"n":1}]}')
    after = edit.apply(before, [edit.parse(setting)])
    assert json.loads(after.value or b"") == expected
    assert after.edit == note
    assert after.record == before.record


@pytest.mark.parametrize("text", ["currency", "=EUR", "a..b=1", "$=1", "a[x]=1", "a b[=1"])
def test_what_is_no_setting(text: str) -> None:
    with pytest.raises(UsageError, match="field=value"):
        edit.parse(text)


@pytest.mark.parametrize(
    ("value", "setting"),
    [
        (None, "a=1"),
        (b"\xff", "a=1"),
        (b"[1]", "a=1"),
        (b'{"a":1}', "a.b=1"),
        (b'{"a":[1]}', "a[1]=1"),
        (b'{"a":{}}', "a[0]=1"),
        (b'{"a":1e999}', "b=1"),
        (b'{"a":"\\ud800"}', "b=1"),
    ],
)
def test_a_payload_that_cannot_be_edited_so_is_refused(value: bytes | None, setting: str) -> None:
    with pytest.raises(UsageError, match="orders:1:7"):
        edit.apply(item(value), [edit.parse(setting)])
