"""The memory of ids against a plain dictionary: any log, in any batches, with restarts and rewinds at any point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.analytics.dedup_window import SLICES, DedupWindow

WITHIN_S = 8
WIDTH_MS = WITHIN_S * 1_000 // SLICES


@dataclass(frozen=True)
class Event:
    """One event of a partition."""

    id: int
    timestamp: int


# Few ids and times that jump, back too: many repeats at every distance around the horizon.
EVENTS = st.lists(st.builds(Event, st.integers(0, 12), st.integers(-3_000, 4_000)), min_size=1, max_size=60)


def log(steps: list[Event]) -> list[Event]:
    """Events whose timestamps are the steps added up."""
    now, made = 1_000_000, []
    for step in steps:
        now += step.timestamp
        made.append(Event(step.id, max(0, now)))
    return made


def oracle(events: list[Event]) -> list[bool]:
    """Event by event: the id came before, at most so many slices of the partition's time ago."""
    last: dict[int, int] = {}
    clock, repeated = 0, []
    for event in events:
        clock = max(clock, event.timestamp)
        number = clock // WIDTH_MS
        repeated.append(event.id in last and number - last[event.id] <= SLICES)
        last[event.id] = number
    return repeated


def filter(window: DedupWindow, events: list[Event], start: int, end: int) -> list[bool]:
    part = events[start:end]
    ids = np.array([event.id for event in part], np.uint64)
    times = np.array([event.timestamp for event in part], np.int64)
    # Offsets have gaps: markers and dead letters take some.
    return list(map(bool, window.add(ids, times, np.arange(start, end, dtype=np.int64) * 3)))


def recalled(events: list[Event], committed: int) -> DedupWindow:
    """What a replica reads back: from the first offset at which time reaches the horizon of the last event before."""
    window = DedupWindow(WITHIN_S)
    if committed:
        reach = window.reach_ms(events[committed - 1].timestamp)
        start = next(i for i, event in enumerate(events) if event.timestamp >= reach)
        filter(window, events, start, committed)
        window.confirm(committed * 3)
    return window


ACTIONS = st.lists(st.sampled_from(["read", "commit", "fail", "restart", "move"]), max_size=30)


@given(EVENTS, ACTIONS, st.data())
@settings(max_examples=400, deadline=None)
def test_a_window_agrees_with_a_plain_dictionary(steps: list[Event], actions: list[str], data: st.DataObject) -> None:
    events = log(steps)
    expected = oracle(events)
    window, committed, read = DedupWindow(WITHIN_S), 0, 0
    for does in actions:
        if does == "read" and read < len(events):
            end = data.draw(st.integers(read + 1, len(events)))
            assert filter(window, events, read, end) == expected[read:end]
            read = end
        elif does == "commit":
            committed = read
            window.confirm(committed * 3)
        elif does == "fail":
            assert window.rewind(committed * 3)
            read = committed
        elif does == "restart":
            window, read = recalled(events, committed), committed
        elif does == "move" and read < len(events):
            # Another replica goes on; when the partition comes back, only what is missing is read.
            committed = data.draw(st.integers(committed, len(events)))
            if window.rewind(committed * 3):
                start = 0 if window.end is None else (window.end + 2) // 3
                if start < committed:
                    filter(window, events, start, committed)
                    window.confirm(committed * 3)
            else:
                window = recalled(events, committed)
            read = committed
    if read < len(events):
        assert filter(window, events, read, len(events)) == expected[read:]


# Twelve ids a second or so apart: most repeats lie where the horizon ends.
SPREAD = st.lists(st.builds(Event, st.integers(0, 12), st.integers(0, 1_500)), min_size=20, max_size=40)


@given(SPREAD, st.integers(10, 19))
@settings(max_examples=100, deadline=None)
def test_a_restart_anywhere_reads_back_enough(steps: list[Event], cut: int) -> None:
    events = log(steps)
    assert filter(recalled(events, cut), events, cut, len(events)) == oracle(events)[cut:]


@given(EVENTS)
@settings(max_examples=100, deadline=None)
def test_repeats_are_found_within_the_horizon_and_never_a_slice_later(steps: list[Event]) -> None:
    """The promise in terms of time, for a partition whose timestamps rise."""
    events = log([Event(step.id, abs(step.timestamp)) for step in steps])
    repeated = filter(DedupWindow(WITHIN_S), events, 0, len(events))
    last: dict[int, int] = {}
    for event, again in zip(events, repeated, strict=True):
        ago = event.timestamp - last[event.id] if event.id in last else None
        assert again or ago is None or ago > WITHIN_S * 1_000
        assert not again or (ago is not None and ago < (WITHIN_S * 1_000 + WIDTH_MS))
        last[event.id] = event.timestamp


def test_what_is_older_than_the_horizon_is_dropped() -> None:
    window = DedupWindow(80)
    for second in range(2_000):
        ids = np.arange(second * 100, second * 100 + 100, dtype=np.uint64)
        window.add(ids, np.full(100, second * 1_000), np.arange(second * 100, second * 100 + 100))
        window.confirm(second * 100 + 100)
    assert 80 * 100 <= window.ids <= 101 * 100
    assert window.bytes == window.ids * 8


def test_a_rewind_behind_merged_runs_is_reported() -> None:
    """An operator moved the group back: only reading the log again helps."""
    window = DedupWindow(60)
    window.add(np.arange(10, dtype=np.uint64), np.full(10, 1_000), np.arange(10))
    window.confirm(10)
    assert not window.rewind(5)
    assert window.rewind(10)
