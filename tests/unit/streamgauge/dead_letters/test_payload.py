"""The wrong field is marked where it is, or where it ought to be, whatever the payload is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgauge.dead_letters.payload import LINES_SHOWN, Line, lines, steps

ORDER: dict[str, Any] = {
    "order_id": "O-1",
    "amount_cents": "100",
    "items": [{"sku": "S", "quantity": 1}, {"sku": "T", "quantity": 0}],
    "note": None,
}


def marked(value: bytes | None, reason: str, field: str | None, detail: str = "d") -> list[str]:
    return [line.text.strip() for line in lines(value, reason, field, detail) if line.wrong]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("$.amount_cents", ['"amount_cents": "100",']),
        ("$.items[1].quantity", ['"quantity": 0']),
        ("$.items[0]", ["{"]),
        ("$.items", ['"items": [']),
        ("$.note", ['"note": null']),
        ("$", ["{"]),
        ("$.currency", ['"currency": ?']),
        ("$.items[1].price", ['"price": ?']),
        ("$.items[9].price", []),
        ("$.order_id.deeper", []),
        (None, []),
    ],
)
def test_the_wrong_field_is_marked(field: str | None, expected: list[str]) -> None:
    assert marked(json.dumps(ORDER).encode(), "wrong_type", field) == expected


def test_what_is_shown_is_the_payload() -> None:
    shown = lines(json.dumps(ORDER).encode(), "wrong_type", "$.amount_cents", "Expected `int`")
    assert json.loads("\n".join(line.text for line in shown)) == ORDER
    assert [line.wrong for line in shown if line.wrong] == ["wrong_type: Expected `int`"]


def test_values_are_shown_as_they_are_written() -> None:
    written = [
        '"fee": 0.30000000000000000001,',
        '"exponent": 1E3,',
        '"note": "first",',
        '"note": "second",',
        '"slash": "a\\/b",',
        '"\\u00e9": "\\u001b[2J",',
        '"huge": 1e999',
    ]
    value = "{" + "".join(written).replace(": ", ":") + "}"
    shown = [line.text.strip() for line in lines(value.encode(), "wrong_type", "$.note", "d")]
    assert shown == ["{", *written, "}"]


@pytest.mark.parametrize(
    ("value", "reason", "detail", "expected"),
    [
        (None, "null_value", "", [Line("null: the message has no value", "null_value")]),
        (b"", "invalid_json", "", [Line("empty: the value has no bytes", "invalid_json")]),
        (
            b'{"a":NaN}',
            "invalid_json",
            "JSON is malformed: invalid character (byte 5)",
            [Line('{"a":NaN}'), Line("     ^", "invalid_json: JSON is malformed: invalid character (byte 5)")],
        ),
        (b"caf\xe9 \x1b[31m", "oversized", "d", [Line("caf\\xe9 \\x1b[31m", "oversized: d")]),
    ],
)
def test_what_is_no_json_is_shown_as_it_is(value: bytes | None, reason: str, detail: str, expected: list[Line]) -> None:
    assert lines(value, reason, None, detail) == expected


def test_huge_payloads_are_cut_and_the_wrong_field_stays() -> None:
    event = {"padding": "x" * 300_000, "items": list(range(10_000)), **{f"f{n}": n for n in range(1_000)}, "last": "no"}
    shown = lines(json.dumps(event).encode(), "wrong_type", "$.last", "d")
    assert len(shown) <= LINES_SHOWN + 2
    assert max(len(line.text) for line in shown) < 300
    assert [line.text.strip() for line in shown if line.wrong] == ['"last": "no"']
    far = lines(json.dumps({"items": list(range(10_000))}).encode(), "wrong_type", "$.items[9000]", "d")
    assert [line.text.strip() for line in far if line.wrong] == ["9000,"]
    deep = lines(b"[" * 90_000 + b"]" * 90_000, "wrong_type", "$", "d")
    assert len(deep) == 1


def test_a_malformed_end_is_shown_around_its_byte() -> None:
    value = b'{"a":"' + b"x" * 5_000 + b'",}'
    (text, caret) = lines(value, "invalid_json", None, f"trailing comma (byte {len(value) - 1})")
    assert text.text.startswith("…xxx")
    assert text.text[caret.text.index("^")] == "}"


@given(st.binary(max_size=60), st.sampled_from(["$", "$.a", "$.a[0]", "$.[", "x", ""]), st.text(max_size=20))
def test_no_payload_is_too_strange(value: bytes, field: str, detail: str) -> None:
    for reason in ("invalid_json", "wrong_type"):
        for line in lines(value, reason, field, detail):
            assert line.text.isprintable()


def test_steps_of_a_path() -> None:
    assert steps("$.items[3].quantity") == ("items", 3, "quantity")
    assert steps("$") == ()
    assert steps(None) is None
