"""Letters by reference: where the event does not fit its dead-letter topic, the letter names the original record.

Such a letter has the cause and position as every letter, the first bytes of the value, and the checksum of the original
in these headers. `records.fetch` reads the original instead; after retention has deleted it, the beginning is left.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

# Cause, position and checksum alone need as much. Far smaller topics do not even take the marker that ends a
# transaction, and the broker would block the transactional id for good.
SMALLEST_LETTER_BYTES = 500
SHA256, BYTES = "streamgauge.original-sha256", "streamgauge.original-bytes"


def headers(key: bytes | None, value: bytes | None) -> list[tuple[str, bytes | None]]:
    """The headers that refer to an original."""
    return [(SHA256, digest(key, value).encode()), (BYTES, str(len(value or b"")).encode())]


def of(headers: Iterable[tuple[str, bytes | None]]) -> tuple[str, int] | None:
    """Checksum and bytes of the original that a letter refers to; None for a letter that is whole."""
    named = {name: (value or b"").decode(errors="replace") for name, value in headers if name in (SHA256, BYTES)}
    size = named.get(BYTES, "")
    return (named[SHA256], int(size) if size.isdecimal() and len(size) < 12 else 0) if SHA256 in named else None


def digest(key: bytes | None, value: bytes | None) -> str:
    """The checksum that identifies an original: its position may belong to another record by now."""
    return hashlib.sha256(b"%d:%b%b" % (len(key or b""), key or b"", value or b"")).hexdigest()
