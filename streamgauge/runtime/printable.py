"""Text from Kafka, made safe for a terminal: control sequences are shown, not obeyed."""

import re

# What a terminal may act on, or that changes the order of what is read. JSON itself escapes what is below a space.
_ACTIVE = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Escape every character that is not printable, line ends too: names and fields may contain control sequences."""
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def printable_json(text: str) -> str:
    """The same JSON, with the characters escaped that a terminal may act on."""
    return _ACTIVE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
