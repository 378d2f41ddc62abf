"""Invalid events: the closed set of reasons, and how an error of msgspec becomes one of them."""

from __future__ import annotations

import re

import msgspec

from streamgauge.runtime.errors import InvalidEvent

REASONS = {
    "null_value": "The event has no value (a tombstone), and its stream is not compacted, or it has no key.",
    "oversized": "The value is larger than STREAMGAUGE_MAX_EVENT_BYTES.",
    "invalid_json": "The value is not JSON as RFC 8259 has it (NaN, Infinity and broken UTF-8 are not).",
    "missing_field": "A required field is not there.",
    "wrong_type": "A field has another type than its event class says.",
    "out_of_range": "A field is outside its bounds, its set of values, or 64 bits.",
    "unknown_event_type": "`event_type` is none of the stream's.",
    "future_event": "The event time lies more than STREAMGAUGE_MAX_FUTURE_S after the event arrived.",
    "past_event": "The event time lies more than STREAMGAUGE_MAX_PAST_DAYS before the event arrived, as seconds do.",
}

# msgspec puts between backticks: a JSON path, which begins with `$`; kinds (`int`, `array`); a field's name.
_PATH = re.compile(r"`(\$[^`]*)`")
_NAME = re.compile(r"`([^`]+)`")
# A value, or a pattern; either may contain backticks and operators.
_QUOTED = re.compile(r"'.*'", re.DOTALL)
_BOUND = re.compile(r"[<>]=?")
# Of these the length is bounded, of the others the value.
_WITH_LENGTH = {"str", "array", "object"}


def judge(error: Exception, value: bytes = b"") -> InvalidEvent:
    """The `InvalidEvent` for an exception that decoding `value` raised.

    Its cause is built from reason, path and kinds: fingerprints must not change with msgspec's wording.
    """
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return InvalidEvent("invalid_json", text, cause=_malformed(value))
    # The last one: a value before it may look like a path.
    place = (_PATH.findall(text) or [""])[-1]
    path = place or "$"
    said = _QUOTED.sub("", text.replace(f"`{place}`", ""))
    names, words = _NAME.findall(said), said.lower()
    at = f" - at `{path}`" if place else ""
    if "missing" in words and names:
        return InvalidEvent(
            "missing_field", text, f"{path}.{names[0]}", f"Object missing required field `{names[0]}`{at}"
        )
    if "enum" in words:
        reason = "unknown_event_type" if path == "$.event_type" else "out_of_range"
        return InvalidEvent(reason, text, path, "Invalid enum value")
    if len(names) > 1:
        return InvalidEvent("wrong_type", text, path, f"Expected `{names[0]}`, got `{names[1]}`{at}")
    if names:
        bound = _BOUND.search(said)
        length = "of length " if bound and names[0] in _WITH_LENGTH else ""
        return InvalidEvent(
            "out_of_range", text, path, f"Expected `{names[0]}` {length}{bound[0] if bound else ''} #{at}"
        )
    if "range" in words:
        return InvalidEvent("out_of_range", text, path, f"Number out of range{at}")
    # "Invalid UTF-8" and the like: what msgspec says without expecting a type.
    return InvalidEvent("invalid_json", text, path if place else None, _malformed(value))


def _malformed(value: bytes) -> str:
    """What is wrong with a value that is not JSON, from the value alone."""
    try:
        text = value.decode().strip()
    except UnicodeDecodeError:
        return "not UTF-8"
    if not text.startswith(("{", "[")):
        return "neither an object nor an array"
    return "malformed" if text.endswith(("}", "]")) else "cut off"
