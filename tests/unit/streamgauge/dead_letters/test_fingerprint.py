"""One cause, one fingerprint: ids, numbers and values do not matter; stream, reason, field and words do."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamgauge.dead_letters.fingerprint import fingerprint, normalise

SAME = [
    ("Expected `int`, got `str` - at `$.items[0].quantity`", "Expected `int`, got `str` - at `$.items[7].quantity`"),
    ("Invalid enum value 'fax' - at `$.channel`", "Invalid enum value 'it's a \"fax\"' - at `$.channel`"),
    ("JSON is malformed: invalid character (byte 12)", "JSON is malformed: invalid character (byte 1044)"),
    ("262,400 bytes, the limit is 262,144", "1,000,000 bytes, the limit is 262,144"),
    ("`occurred_at` lies 3,700 s after the event", "`occurred_at` lies 99 s after the event"),
    ("DataException: order 8d1f-22 of 'Anna' is unknown", "DataException: order ff03-19 of 'Bob' is unknown"),
    ('no customer "C-17"', 'no customer "C-4'),
    ("can't decode byte 0xff in position 3", "can't decode byte 0x80 in position 44"),
]
DIFFERENT = [
    ("Expected `int`, got `str`", "Expected `int`, got `null`"),
    ("Object missing required field `a`", "Object missing required field `b`"),
    ("Field 'x' is missing", "Field 'x' is invalid"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_differs_from_event_to_event_does_not_matter(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_what_is_wrong_does(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


def test_stream_reason_and_field_matter_and_the_index_of_a_list_does_not() -> None:
    base = fingerprint("orders", "wrong_type", "$.items[0].quantity", "m")
    assert re.fullmatch("[0-9a-f]{12}", base)
    assert base == fingerprint("orders", "wrong_type", "$.items[12].quantity", "m")
    others = [("payments", "wrong_type", "$.a"), ("orders", "out_of_range", "$.a"), ("orders", "wrong_type", "$.b")]
    assert len({base, *(fingerprint(*other, "m") for other in others)}) == 4
    assert fingerprint("orders", "unknown", None, "m") == fingerprint("orders", "unknown", "", "m")


def test_it_is_the_same_in_every_version() -> None:
    """Fingerprints stand in runbooks and in rows: changing the rule is changing them all."""
    assert fingerprint("orders", "wrong_type", "$.amount_cents", "Expected `int`, got `str`") == "2ed6858bd504"


@given(st.text(max_size=1_500))
def test_no_message_is_too_strange(message: str) -> None:
    assert fingerprint("s", "r", message, message) == fingerprint("s", "r", message, message)
