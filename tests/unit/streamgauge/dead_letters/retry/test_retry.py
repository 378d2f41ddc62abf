"""Rungs, batches, pace and edits of a retry. No Kafka."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


ODD = (
    b'\xef\xbb\xbf {"rule":7, "fee":0.30000000000000000001,\t"ratio":1234567890123456789.25,"exponent":1E3,\r\n'
    b'"note":"first","note":"second","slash":"a\\/b","e":"\\u00e9","\\u0061":NaN,"lone":"\\ud800","big":1e999,'
    b'"items":[1, {"n":[ ]} ,3],"in":{"x":1.10,"x":2.20} }\n'
)


@pytest.mark.parametrize(
    ("setting", "old", "new", "note"),
    [
        ("rule=none", b'"rule":7', b'"rule":"none"', '$.rule: 7 → "none"'),
        (
            "ratio=0.10000000000000000000000001",
            b"1234567890123456789.25",
            b"0.10000000000000000000000001",
            "$.ratio: 1234567890123456789.25 → 0.10000000000000000000000001",
        ),
        ("note=x", b'"second"', b'"x"', '$.note: "second" (the last of 2) → "x"'),
        ("in.x=1e2", b"2.20", b"1e2", "$.in.x: 2.20 (the last of 2) → 1e2"),
        ("items[1].n= [1, 2] ", b"[ ]", b"[1, 2]", "$.items[1].n: [ ] → [1, 2]"),
        ("items[1].m=null", b"[ ]}", b'[ ],"m":null}', "$.items[1].m: absent → null"),
        ("a=NaN", b"NaN", b'"NaN"', '$.a: NaN → "NaN"'),
        ("té=1", b"2.20} }", b'2.20},"t\xc3\xa9":1 }', "$.té: absent → 1"),
    ],
)
def test_every_other_byte_stays(setting: str, old: bytes, new: bytes, note: str) -> None:
    after = edit.apply(item(ODD), [edit.parse(setting)])
    assert ODD.count(old) == 1
    assert after.value == ODD.replace(old, new)
    assert after.edit == note


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab{[",\\ ', max_size=3), inner, max_size=3),
    max_leaves=12,
)


@given(
    st.dictionaries(st.text(max_size=3), JSON, max_size=4),
    JSON,
    JSON,
    st.sampled_from([None, 1]),
    st.booleans(),
)
def test_an_edit_is_what_a_parser_would_have_made(
    before: dict[str, object], value: object, other: object, indent: int | None, ascii_only: bool
) -> None:
    for event in ({**before, "f": value}, {"f": value, **before}, before):
        text = json.dumps(event, indent=indent, ensure_ascii=ascii_only)
        after = edit.apply(item(text.encode()), [edit.parse(f"f={json.dumps(other)}")])
        assert json.loads(after.value or b"") == {**event, "f": other}
        if "f" in event:
            again = edit.apply(replace(after, edit=None), [edit.parse(f"f={json.dumps(event['f'], indent=1)}")])
            assert json.loads(again.value or b"") == event


@pytest.mark.parametrize("text", ["currency", "=EUR", "a..b=1", "$=1", "a[x]=1", "a b[=1", "currency=\udcff"])
def test_what_is_no_setting(text: str) -> None:
    with pytest.raises(UsageError, match="field=value|UTF-8"):
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
        (b'{"a":1}', "a\xe9[0]=1"),
        (b"{'a':1}", "a=1"),
        (b'{"a":1} x', "a=1"),
        (b'{"a":1', "a=1"),
        (b"[" * 90_000, "a=1"),
    ],
)
def test_a_payload_that_cannot_be_edited_so_is_refused(value: bytes | None, setting: str) -> None:
    with pytest.raises(UsageError, match="orders:1:7"):
        edit.apply(item(value), [edit.parse(setting)])
