"""A dead letter is whole where it fits, compressed or not; else it names its event, down to the smallest limit."""

from __future__ import annotations

import os

import pytest

from processors.analytics import dead_letters
from processors.analytics.decoder import DeadLetter, Record
from processors.analytics.transactions import Outgoing
from streamgauge.dead_letters import headers, reference
from streamgauge.dead_letters.headers import Position
from streamgauge.dead_letters.reference import SMALLEST_LETTER_BYTES

REDUNDANT, RANDOM = b"x" * 5_000_000, os.urandom(300_000)
TOPIC_ID = "wmUIDNSPQ7yzYR9zQWcU7g"


class Source:
    """The message, for its key and headers."""

    def __init__(self, key: bytes | None, named: list[tuple[str, bytes | None]]) -> None:
        self._key, self._named = key, named

    def key(self) -> bytes | None:
        """Its key."""
        return self._key

    def headers(self) -> list[tuple[str, bytes | None]]:
        """Its headers."""
        return self._named


def written(
    value: bytes | None,
    limit: int,
    key: bytes | None = b"k",
    named: list[tuple[str, bytes | None]] | None = None,
) -> Outgoing:
    """The message of a dead letter."""
    record = Record(value, 3, 4_711, 0, 0, Source(key, named or []))
    letter = DeadLetter("orders", record, "oversized", "d" * 500, 0, "$.a")
    return dead_letters.message(letter, TOPIC_ID, limit)


@pytest.mark.parametrize(
    ("value", "limit", "whole"),
    [
        (b"{}", 1_048_588, True),
        (None, 1_048_588, True),
        (REDUNDANT, 1_048_588, True),  # as the topic stores it, compressed
        (REDUNDANT, 10_000, False),
        (RANDOM, 1_048_588, True),
        (RANDOM, 100_000, False),
        (RANDOM, SMALLEST_LETTER_BYTES, False),
    ],
)
def test_whole_or_by_reference(value: bytes | None, limit: int, whole: bool) -> None:
    message = written(value, limit)
    assert (message.topic, message.stream) == ("orders.dlq", "orders")
    named = list(message.headers or ())
    error = headers.read(named)
    assert (error.position, error.reason) == (Position("orders", 3, 4_711, TOPIC_ID), "oversized")
    if whole:
        assert (message.value, message.key, reference.of(named)) == (value, b"k", None)
        return
    assert reference.of(named) == (reference.digest(b"k", value), len(value or b""))
    assert (value or b"").startswith(message.value or b"")
    size = len(message.value or b"") + len(message.key or b"") + sum(len(n) + len(v or b"") for n, v in named)
    assert size + 100 <= limit


def test_large_keys_and_headers_are_referred_to_as_well() -> None:
    again: list[tuple[str, bytes | None]] = [(headers.RETRY_OF, b"orders:1:2"), ("trace", RANDOM)]
    for message in (written(b"{}", 10_000, key=RANDOM), written(b"{}", 10_000, named=again)):
        named = dict(message.headers or ())
        assert reference.SHA256 in named
        assert "trace" not in named
        assert (message.value or b"") in b"{}"
    assert named[headers.RETRY_OF] == b"orders:1:2"


def test_another_record_at_the_same_place_is_no_original() -> None:
    assert len({reference.digest(*one) for one in [(b"ab", b"c"), (b"a", b"bc"), (None, b"abc"), (b"abc", None)]}) == 4
