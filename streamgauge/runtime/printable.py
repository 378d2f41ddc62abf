"""Text from Kafka, made safe for a terminal: control sequences are shown, not obeyed."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder(decimal_format="number")
# What a terminal may act on, or that changes the order of what is read. JSON itself escapes what is below a space.
_ACTIVE = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def printable(text: str, keep: str = "") -> str:
    """Escape every character that is not printable, line ends too: names and fields may contain control sequences.

    Those of `keep` stay.
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter in keep else letter.encode("unicode_escape").decode()
        for letter in text
    )


def json_text(value: Any, *, spaced: bool = False) -> str:
    """JSON: every digit of decimals, NaN and infinity as null, characters that a terminal acts on escaped."""
    encoded = _ENCODER.encode(value)
    text = (msgspec.json.format(encoded, indent=0) if spaced else encoded).decode()
    return _ACTIVE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
