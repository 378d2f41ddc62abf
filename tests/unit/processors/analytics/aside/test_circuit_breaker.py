"""The breaker opens at nothing but bad events, not at a few, and goes on counting after a restart."""

from __future__ import annotations

import pytest

from processors.analytics.aside.circuit_breaker import CircuitBreaker
from processors.analytics.aside.streams import StreamsStopped
from processors.analytics.decoder import DeadLetter, Record, Records

NOW = 1_800_000_000_000


def bad(count: int, reason: str = "wrong_type", first: int = 0) -> list[DeadLetter]:
    return [
        DeadLetter("orders", Record(b"", 0, first + number, 0, 0, None), reason, "detail", 0, "$.amount_cents")
        for number in range(count)
    ]


def records(count: int, first: int = 0, partition: int = 0) -> Records:
    offsets = list(range(first, first + count))
    return Records([b""] * count, [partition] * count, offsets, [0] * count, [0] * count, [None] * count)


def stopped(breaker: CircuitBreaker, *chunks: tuple[int, int]) -> int | None:
    """The chunk at which the breaker opens."""
    for number, (events, dead) in enumerate(chunks):
        try:
            breaker.record("orders", records(events), bad(dead))
        except StreamsStopped:
            return number
    return None


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ([(99, 99)], None),  # too few to judge
        ([(100, 90)], 0),
        ([(100, 89)], None),
        ([(50, 50), (49, 49), (1, 1)], 2),  # counted over chunks
        ([(100, 0), (100, 99)], 1),  # only the most recent count
        ([(100, 0), (50, 50), (49, 49)], None),
        ([(90, 90), (5, 0), (5, 5)], 2),
        ([(90, 90), (10, 0), (10, 0), (1, 0)], None),  # mended: good events get through
        ([(1_000, 10)] * 50, None),
        ([(0, 0)], None),
    ],
)
def test_where_the_breaker_opens(chunks: list[tuple[int, int]], expected: int | None) -> None:
    assert stopped(CircuitBreaker(0.9, 100), *chunks) == expected


def test_it_can_be_switched_off_and_streams_are_independent() -> None:
    assert stopped(CircuitBreaker(0.9, 0), *[(1_000, 1_000)] * 10) is None
    breaker = CircuitBreaker(0.9, 100)
    breaker.record("payments", records(90), bad(90))
    assert stopped(breaker, (90, 90)) is None


def test_the_error_says_which_stream_why_and_what_to_do() -> None:
    with pytest.raises(StreamsStopped) as caught:
        CircuitBreaker(0.5, 10).record("orders", records(12), [*bad(3, "null_value"), *bad(8)])
    text = str(caught.value)
    assert [obstacle[:2] for obstacle in caught.value.obstacles] == [("orders", "bad_events")]
    for part in ("11 of the last 12 events", "`wrong_type` at `$.amount_cents`", "`streamgauge streams close orders`"):
        assert part in text
    assert "\n" not in text


def test_a_restart_continues_from_the_newest_committed_counts() -> None:
    before = CircuitBreaker(0.9, 100)
    assert stopped(before, (60, 60), (39, 39)) is None
    note = before.metadata("orders", NOW)
    after = CircuitBreaker(0.9, 100)
    after.restore([("orders", "bad=0 of=500 at=1"), ("orders", note), ("orders", ""), ("orders", None), ("x", "hello")])
    assert after.metadata("orders", NOW) == note
    assert stopped(after, (1, 1)) == 0
    fresh = CircuitBreaker(0.9, 100)
    assert stopped(fresh, (1, 1)) is None
    assert fresh.metadata("payments", NOW) == f"bad=0 of=0 at={NOW}"


def test_a_restore_replaces_uncommitted_counts() -> None:
    breaker = CircuitBreaker(0.9, 100)
    assert stopped(breaker, (99, 99)) is None
    breaker.restore([])
    assert stopped(breaker, (1, 1)) is None


def test_closed_it_accepts_what_was_there_and_judges_what_comes_after() -> None:
    """Up to offset 500 of partition 0 and 50 of partition 1; a chunk may lie on both sides."""
    breaker = CircuitBreaker(0.9, 100)
    assert stopped(breaker, (100, 100)) == 0
    breaker.accept("orders", {0: 500, 1: 50})
    breaker.record("orders", records(400), bad(400))
    assert breaker.metadata("orders", NOW) == f"bad=0 of=0 at={NOW}"
    breaker.record("orders", records(199, first=400), bad(199, first=400))
    assert breaker.metadata("orders", NOW) == f"bad=99 of=99 at={NOW}"
    breaker.record("orders", records(50, first=450), bad(50, first=450))  # read again, its transaction failed
    with pytest.raises(StreamsStopped):
        breaker.record("orders", records(1, first=599), bad(1, first=599))


def test_what_is_committed_is_accepted_no_longer() -> None:
    breaker = CircuitBreaker(0.9, 100)
    breaker.accept("orders", {0: 500, 1: 50})
    breaker.committed({("orders", 0): 499, ("orders", 1): 50, ("payments", 0): 900})
    breaker.record("orders", records(99), bad(99))
    assert breaker.metadata("orders", NOW) == f"bad=0 of=0 at={NOW}"
    breaker.committed({("orders", 0): 500})
    breaker.record("orders", records(99), bad(99))
    assert breaker.metadata("orders", NOW) == f"bad=99 of=99 at={NOW}"
