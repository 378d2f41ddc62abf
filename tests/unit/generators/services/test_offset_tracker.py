"""What may be committed: nothing behind a request that is not finished."""

from __future__ import annotations

import pytest

from generators.services.engine import Place
from generators.services.offset_tracker import Places


def at(offset: int) -> Place:
    return Place("payments", 0, offset)


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
    places = Places()
    assert all(places.take(at(offset)) for offset in (3, 4, 5))
    for offset in finished:
        places.finish(at(offset))
    assert places.committable() == {("payments", 0): commit}


def test_what_is_read_again_is_not_taken_again() -> None:
    places = Places()
    assert places.take(at(3))
    assert not places.take(at(3))
    assert places.take(at(4))
