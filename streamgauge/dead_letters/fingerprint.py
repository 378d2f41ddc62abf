"""Fingerprints of causes: failures of one cause share one, whatever ids, numbers and values their messages contain."""

from __future__ import annotations

import hashlib
import re

# Longer messages are stack traces, which differ from run to run towards their end.
MESSAGE_USED = 1_000
_INDEX = re.compile(r"\[(\d+|\.\.\.)\]")
# The value after it is not escaped and may contain quotes.
_VALUE = re.compile(r"^(Invalid enum value) .*$", re.DOTALL)
# An apostrophe inside a word (can't) is no quote; an unterminated quotation extends to the end.
_QUOTED = re.compile(r"(?<!\w)'[^']*(?:'|$)|\"[^\"]*(?:\"|$)", re.DOTALL)
_WITH_DIGIT = re.compile(r"[\w.:@-]*\d(?:[\w:@-]|[.,](?=\w))*")
_BETWEEN_BACKTICKS = re.compile(r"(`[^`]*`)")


def normalise(message: str) -> str:
    """The message without what varies between events: quoted values, and words with a digit (ids, numbers).

    Names between backticks (types and fields) stay, without the indices of lists.
    """
    message = _VALUE.sub(r"\1", _INDEX.sub("[*]", message[:MESSAGE_USED]))
    parts = _BETWEEN_BACKTICKS.split(message)
    # Odd parts are between backticks.
    parts[::2] = [_WITH_DIGIT.sub("#", _QUOTED.sub("'…'", part)) for part in parts[::2]]
    return " ".join("".join(parts).split())


def fingerprint(stream: str, reason: str, field: str | None, message: str) -> str:
    """Twelve hexadecimal digits for a cause of failure; the same in every process and version.

    `message` is `InvalidEvent.cause` for an event that analytics rejects: it does not change with a library's wording.
    For letters of other services it is their exception's text, there is nothing else.
    """
    path = _INDEX.sub("[*]", field or "")
    text = "\n".join((stream, reason, path, normalise(message)))
    return hashlib.blake2s(text.encode("utf-8", "replace"), digest_size=6).hexdigest()
