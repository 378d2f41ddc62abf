"""What is a bad event, and why: the closed set of reasons, and how msgspec's verdict becomes one of them."""

from __future__ import annotations

import re

import msgspec

from streamgauge.runtime.errors import InvalidEvent

REASONS = {
    "null_value": "The event has no value (a tombstone).",
    "oversized": "The value is larger than STREAMGAUGE_MAX_EVENT_BYTES.",
    "invalid_json": "The value is not JSON as RFC 8259 has it (NaN, Infinity and broken UTF-8 are not).",
    "missing_field": "A required field is not there.",
    "wrong_type": "A field has another type than its event class says.",
    "out_of_range": "A field is outside its bounds, its set of values, or 64 bits.",
    "unknown_event_type": "`event_type` is none of the stream's.",
    "future_event": "The event time lies more than STREAMGAUGE_MAX_FUTURE_S after the event reached Kafka.",
}

_PATH = re.compile(r" - at `(?P<path>[^`]*)`$")
_MISSING = re.compile(r"missing required field `(?P<name>[^`]*)`")


def judge(error: Exception) -> InvalidEvent:
    """The `InvalidEvent` for an exception that decoding raised."""
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return InvalidEvent("invalid_json", text)
    found = _PATH.search(text)
    path = found["path"] if found else "$"
    if missing := _MISSING.search(text):
        reason, path = "missing_field", f"{path}.{missing['name']}"
    elif text.startswith("Invalid enum value"):
        reason = "unknown_event_type" if path == "$.event_type" else "out_of_range"
    elif re.match(r"Expected `(\w| \| )+` (of length )?(>|<|matching|that)", text) or "out of range" in text.lower():
        reason = "out_of_range"
    elif text.startswith("Expected `"):
        reason = "wrong_type"
    else:
        # "Invalid UTF-8" and the like: what msgspec says without expecting a type.
        return InvalidEvent("invalid_json", text, path if found else None)
    return InvalidEvent(reason, text, path)
