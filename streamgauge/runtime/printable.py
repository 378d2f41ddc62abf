"""Untrusted text, made safe for a terminal."""


def printable(text: str) -> str:
    """Escape every character that is not printable: fields of events may contain terminal control sequences."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)
