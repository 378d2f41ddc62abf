"""Fitting: a dead letter as its topic takes it, whole, or by reference where even compressed it is too large."""

from __future__ import annotations

from typing import Literal, NamedTuple

import pyarrow as pa

from streamgauge.dead_letters import headers, reference
from streamgauge.dead_letters.headers import Headers, Position

PAYLOAD_SHOWN = 4_096
# A batch's header, and a record's.
OVERHEAD_BYTES = 100
COMPRESSION: Literal["lz4"] = "lz4"
# A topic's limit is on what is written, compressed; this one, of producers of letters, is on the message before.
MESSAGE_MAX_BYTES = 1_000_000_000
# Headers replaced at each failure; those of an earlier attempt are in that attempt's letter.
_RENEWED = {headers.ATTEMPT, headers.REASON, headers.FIELD, headers.FINGERPRINT, headers.TOPIC_ID}


class Fitted(NamedTuple):
    """Key, value and headers of a letter that its topic takes."""

    key: bytes | None
    value: bytes | None
    headers: Headers


def fit(
    key: bytes | None, value: bytes | None, original: Headers, added: Headers, position: Position, limit: int
) -> Fitted:
    """The letter of an event with its own headers (`original`) and those that dead-lettering `added`.

    An event that even compressed is larger than `limit` bytes, which the topic takes, is referred to instead: the
    letter has as much of its value as fits.
    """
    whole = [*(header for header in original if header[0] not in _RENEWED), *added]
    if _fits(key, value, whole, limit):
        return Fitted(key, value, whole)
    refers = reference.headers(key, value)
    again = [header for header in original if header[0] == headers.RETRY_OF]
    kept = [*added, *again, *refers]
    if _size(key, b"", kept) > limit:
        # Only what finds the original.
        reason = [header for header in added if header[0] in (headers.REASON, headers.CONSUMER)]
        key, kept = None, [*headers.place(position), *reason, *again, *refers]
    return Fitted(key, (value or b"")[: max(0, min(PAYLOAD_SHOWN, limit - _size(key, b"", kept)))], kept)


def _size(key: bytes | None, value: bytes | None, with_headers: Headers) -> int:
    """The bytes of a batch of this message alone, a little too many."""
    named = sum(len(name.encode()) + len(text or b"") + 6 for name, text in with_headers)
    return len(key or b"") + len(value or b"") + named + OVERHEAD_BYTES


def _fits(key: bytes | None, value: bytes | None, with_headers: Headers, limit: int) -> bool:
    size = _size(key, value, with_headers)
    if size <= limit:
        return True
    parts = (key, value, *(text for _, text in with_headers))
    together = b"".join(part for part in parts if part)
    names = size - len(together)
    # Compressed as the producer does, and some more: it need not do it to the byte alike.
    return names + int(1.05 * len(pa.compress(together, codec=COMPRESSION, asbytes=True))) <= limit
