"""An error of msgspec as a reason, a path and a cause: its wording matters to none of them."""

from __future__ import annotations

import msgspec
import pytest

from streamgauge.catalog import validation
from streamgauge.dead_letters.fingerprint import fingerprint

# As msgspec 0.22 has it, and as another version might.
WORDINGS = [
    (
        "wrong_type",
        "$.n",
        "Expected `int`, got `str` - at `$.n`",
        "got something else at `$.n`: `int` was due, `str` came",
    ),
    ("wrong_type", "$.n", "Expected `int | null`, got `str` - at `$.n`", "Wanted `int | null` not `str` (`$.n`)"),
    ("wrong_type", "$", "Expected `object`, got `array`", "Expected an `object` but got an `array`"),
    ("missing_field", "$.a", "Object missing required field `a`", "Required field `a` is missing"),
    ("missing_field", "$.l[0].a", "Object missing required field `a` - at `$.l[0]`", "Missing: `a`, in `$.l[0]`"),
    ("out_of_range", "$.n", "Expected `int` >= 0 - at `$.n`", "`int` must be >= 0, at `$.n`"),
    ("out_of_range", "$.s", "Expected `str` of length <= 3 - at `$.s`", "`str` too long: must be <= 3 (`$.s`)"),
    ("out_of_range", "$.s", "Expected `str` matching regex '^[<`]$' - at `$.s`", "`str` is not like '^[<`]$' - `$.s`"),
    ("out_of_range", "$.f", "Number out of range - at `$.f`", "The number is out of range at `$.f`"),
    ("out_of_range", "$.c", "Invalid enum value 'fax' - at `$.c`", "Unknown enum member 'fax', at `$.c`"),
    ("unknown_event_type", "$.event_type", "Invalid enum value 'it`s' - at `$.event_type`", "enum: `$.event_type` 'x'"),
]


def judged(text: str) -> tuple[str, str | None, str]:
    """Reason, field and fingerprint of an event that fails with that text."""
    error = validation.judge(msgspec.ValidationError(text), b"{}")
    assert error.detail == text
    return error.reason, error.field, fingerprint("orders", error.reason, error.field, error.cause)


@pytest.mark.parametrize(("reason", "field", "one", "other"), WORDINGS)
def test_two_wordings_of_one_failure_have_one_fingerprint(reason: str, field: str, one: str, other: str) -> None:
    assert judged(one)[:2] == (reason, field)
    assert judged(one) == judged(other)


def test_different_failures_have_different_fingerprints() -> None:
    assert len({judged(one) for _, _, one, _ in WORDINGS}) == len(WORDINGS)
    assert judged("Expected `int` >= 0 - at `$.n`") != judged("Expected `int` <= 9 - at `$.n`")


@pytest.mark.parametrize("text", [one for _, _, one, _ in WORDINGS if "regex" not in one])
def test_the_cause_is_what_msgspec_0_22_said(text: str) -> None:
    """So fingerprints in runbooks and tables stay what they were."""
    reason, field, found = judged(text)
    assert found == fingerprint("orders", reason, field, text)


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        (b"", "neither an object nor an array"),
        (b"not json", "neither an object nor an array"),
        (b'{"a": 1', "cut off"),
        (b'{"a": 1,}', "malformed"),
        (b'{"a": "\xff"}', "not UTF-8"),
    ],
)
def test_values_that_are_not_json_are_distinguished(value: bytes, cause: str) -> None:
    """msgspec raised a UnicodeDecodeError for broken UTF-8, and a DecodeError since 0.23."""
    for error in (
        msgspec.DecodeError("Invalid UTF-8 encoded string"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    ):
        found = validation.judge(error, value)
        assert (found.reason, found.field, found.cause) == ("invalid_json", None, cause)
