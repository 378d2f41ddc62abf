"""What is logged, processed, due: from offsets alone."""

from __future__ import annotations

from streamgauge.cli.local.live_count import Count, Observation

ORDERS, ANALYTICS = ("orders", 0), ("analytics", 0)


def counted(*offsets: int) -> Count:
    count = Count(["orders"])
    for offset in offsets:
        count.read(ORDERS, offset)
    count.pause()
    return count


def observe(count: Count, committed: int, end: int, analytics: int, at_ms: int = 1) -> None:
    processed = count.processed({ORDERS: committed})
    count.observe(Observation(at_ms, {ORDERS: end}, processed, {ANALYTICS: analytics}))


def test_offsets_are_not_events() -> None:
    # 2 and 5 are the markers of transactions.
    assert counted(0, 1, 3, 4).logged() == {"orders": 4}


def test_processed_is_what_lies_before_the_committed_offset() -> None:
    count = counted(0, 1)
    count.read(ORDERS, 3)
    count.pause()
    assert count.processed({ORDERS: 1}) == {"orders": 0}
    assert count.processed({ORDERS: 3}) == {"orders": 2}
    assert count.processed({ORDERS: 4}) == {"orders": 3}


def test_due_is_what_was_processed_before_the_warehouse_was_as_far() -> None:
    count = counted(0, 1, 2)
    observe(count, committed=3, end=3, analytics=10)
    count.settle({ANALYTICS: 8})
    assert count.due == {"orders": 0}
    # The last offset may be a marker.
    count.settle({ANALYTICS: 9})
    assert count.due == {"orders": 3}


def test_the_count_holds_as_of_the_moment_whose_ends_were_reached() -> None:
    count = counted(0, 1)
    observe(count, committed=0, end=4, analytics=0, at_ms=7)
    count.settle({})
    assert count.counted_ms == 0
    count.read(ORDERS, 2)
    count.settle({})
    assert count.counted_ms == 0
    # A marker is at the end: nothing to read, and it is reached.
    count.ended(ORDERS, 4)
    count.settle({})
    assert count.counted_ms == 7
