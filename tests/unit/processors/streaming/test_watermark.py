"""Up to when all has been read."""

from __future__ import annotations

from processors.streaming.watermark import NEAR, Watermark

A, B = ("orders", 0), ("payments", 0)


def test_a_reader_at_the_end_has_read_everything() -> None:
    progress = Watermark()
    assert progress.observe(1_000, {A: (500, 500), B: (3, 4)}) == 1_000
    assert progress.observe(2_000, {A: (500, 500 + NEAR), B: (3, 4)}) == 2_000  # what is left may be markers


def test_a_reader_behind_has_read_up_to_when_the_end_was_at_its_position() -> None:
    progress = Watermark()
    assert progress.observe(1_000, {A: (0, 100), B: (0, 0)}) is None
    assert progress.observe(2_000, {A: (50, 200), B: (0, 0)}) is None
    assert progress.observe(3_000, {A: (110, 300), B: (0, 0)}) == 1_000
    assert progress.observe(4_000, {A: (250, 400), B: (0, 0)}) == 2_000
    assert progress.observe(5_000, {A: (400, 400), B: (0, 0)}) == 5_000


def test_a_steady_stream_that_is_never_at_its_end_still_moves_the_time() -> None:
    progress, seen = Watermark(), []
    for tick in range(100):
        seen.append(progress.observe(tick * 500, {A: (tick * 100, tick * 100 + 50)}))
    assert seen[50:] == [tick * 500 - 500 for tick in range(50, 100)]


def test_unknown_partitions_are_waited_for_and_revoked_ones_are_not() -> None:
    progress = Watermark()
    assert progress.observe(1_000, {A: (5, 5), B: (-1, -1001)}) is None
    assert progress.observe(2_000, {A: (5, 5), B: (0, 90)}) is None
    assert progress.observe(3_000, {A: (5, 5)}) == 3_000
    assert progress.observe(4_000, {}) is None


def test_a_long_backlog_keeps_few_marks() -> None:
    progress = Watermark()
    for tick in range(10_000):
        progress.observe(tick, {A: (0, 100 + tick)})
    assert progress.observe(10_000, {A: (150, 20_000)}) is not None
    assert sum(map(len, progress._marks.values())) <= 400
