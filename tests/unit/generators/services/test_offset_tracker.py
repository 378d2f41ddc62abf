"""Offset tracker: no offset after an unfinished request is committable."""

from __future__ import annotations

import pytest

from generators.services.engine import Position
from generators.services.offset_tracker import OffsetTracker


def at(offset: int) -> Position:
    return Position("payments", 0, offset)


@pytest.mark.parametrize(
    ("finished", "commit"),
    [
        pytest.param([], 3, id="nothing-finished"),
        pytest.param([4, 5], 3, id="the-first-waits"),
        pytest.param([3], 4, id="the-first-is-finished"),
        pytest.param([5, 3], 4, id="out-of-order"),
        pytest.param([3, 4, 5], 6, id="all-finished"),
    ],
)
def test_commit(finished: list[int], commit: int) -> None:
    offsets = OffsetTracker()
    assert all(offsets.take(at(offset)) for offset in (3, 4, 5))
    for offset in finished:
        offsets.finish(at(offset))
    assert offsets.committable() == {("payments", 0): commit}


def test_a_message_that_is_read_again_is_ignored() -> None:
    offsets = OffsetTracker()
    assert offsets.take(at(3))
    assert not offsets.take(at(3))
    assert offsets.take(at(4))
