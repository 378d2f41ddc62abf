"""The rules, each with its near-misses. A window is written as (committed, end) pairs, a sample every 10 s."""

from __future__ import annotations

from typing import get_args

import duckdb
import pytest

from streamgauge.catalog.builtin.lag import Status
from streamgauge.domain import lag_status
from streamgauge.domain.lag_status import Sample, Seen, Watch

SIZE = 4
Pairs = list[tuple[int | None, int]]


def window(pairs: Pairs, held: bool = True) -> list[Sample]:
    return [Sample(10_000 * n, committed, end, held) for n, (committed, end) in enumerate(pairs)]


@pytest.mark.parametrize(
    ("pairs", "held", "expected"),
    [
        pytest.param([(10, 20), (10, 30), (10, 40)], True, "UNKNOWN", id="0-the-window-is-not-full"),
        pytest.param([(20, 20), (30, 30), (40, 40)], True, "UNKNOWN", id="0-nor-is-a-good-one"),
        pytest.param([(10, 20), (11, 30), (12, 40), (None, 50)], True, "UNKNOWN", id="0-no-commit-any-more"),
        pytest.param([(None, 20), (11, 30), (12, 40), (13, 50)], True, "UNKNOWN", id="0-a-sample-is-not-known"),
        pytest.param([(10, 20), (11, 30), (12, 40), (60, 50)], True, "UNKNOWN", id="0-ahead-of-the-log"),
        pytest.param([(5, 20), (5, 20), (5, 20), (20, 20)], True, "OK", id="1-caught-up-now"),
        pytest.param([(19, 20)] * 4, False, "OK", id="1-a-marker-is-nothing-to-read"),
        pytest.param([(19, 20), (29, 30), (39, 40), (49, 50)], True, "OK", id="1-a-marker-at-each-sample"),
        pytest.param([(18, 20)] * 4, True, "STALL", id="1-two-are-no-marker"),
        pytest.param([(10, 10), (10, 20), (10, 30), (10, 40)], True, "OK", id="2-was-caught-up"),
        pytest.param([(10, 10), (10, 20), (10, 30), (10, 40), (10, 50)], True, "STALL", id="2-but-no-longer"),
        pytest.param([(10, 20), (10, 30), (10, 40), (10, 50)], False, "STOP", id="3-nobody-holds-it"),
        pytest.param([(10, 20), (10, 20), (10, 20), (10, 20)], False, "STOP", id="3-nothing-new-either"),
        pytest.param([(10, 20), (10, 30), (10, 40), (11, 50)], False, "WARN", id="3-it-commits-without-a-member"),
        pytest.param([(30, 40), (12, 40), (14, 40), (16, 40)], True, "REWIND", id="4-went-back"),
        pytest.param([(30, 40), (32, 50), (34, 60), (10, 70)], True, "REWIND", id="4-just-now"),
        pytest.param([(30, 40), (12, 45), (25, 50), (31, 60)], True, "OK", id="4-and-came-back"),
        pytest.param([(10, 20), (10, 30), (10, 40), (10, 50)], True, "STALL", id="5-a-member-holds-it"),
        pytest.param([(10, 20), (11, 30), (12, 40), (13, 50)], True, "WARN", id="6-slower-than-its-producers"),
        pytest.param([(10, 20), (20, 30), (30, 40), (40, 50)], True, "WARN", id="6-never-shrinks"),
        pytest.param([(10, 20), (11, 30), (29, 40), (30, 50)], True, "OK", id="7-shrank-once"),
        pytest.param([(10, 60), (20, 61), (30, 62), (40, 63)], True, "OK", id="7-recovers-slowly"),
    ],
)
def test_verdicts(pairs: Pairs, held: bool, expected: Status) -> None:
    assert lag_status.judge(window(pairs, held), SIZE) == expected


NOBODY, THERE = None, 5_000


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param([(NOBODY, THERE, True)] * 4, "STALL", id="stuck-at-its-first-event"),
        pytest.param([(NOBODY, 2, True)] * 4, "STALL", id="two-are-enough"),
        pytest.param([(NOBODY, 1, True)] * 4, "UNKNOWN", id="one-may-be-a-marker"),
        pytest.param([(NOBODY, THERE, True)] * 3, "UNKNOWN", id="not-a-whole-window"),
        pytest.param([(NOBODY, 0, True), *[(NOBODY, THERE, True)] * 3], "UNKNOWN", id="nothing-there-at-first"),
        pytest.param([(NOBODY, THERE, False), *[(NOBODY, THERE, True)] * 3], "UNKNOWN", id="not-held-at-first"),
        pytest.param([(NOBODY, THERE, False)] * 4, "UNKNOWN", id="nobody-holds-it"),
        pytest.param([(3, THERE, True), *[(NOBODY, THERE, True)] * 3], "UNKNOWN", id="the-commit-was-deleted"),
        pytest.param([(NOBODY, 0, True)] * 4, "OK", id="an-empty-partition"),
        pytest.param([(NOBODY, 0, False)] * 4, "OK", id="that-nobody-holds"),
    ],
)
def test_without_a_commit(samples: list[tuple[int | None, int, bool]], expected: Status) -> None:
    window = [Sample(10_000 * n, committed, end, held) for n, (committed, end, held) in enumerate(samples)]
    assert lag_status.judge(window, SIZE) == expected
    lag = 0 if expected == "OK" else None
    assert (window[-1].lag, window[-1].most) == (lag, samples[-1][1])


HOUR = 3_600_000


@pytest.mark.parametrize(
    ("ends", "since", "expected"),
    [
        pytest.param([100] * 4, 0, "STALL", id="older-ones-alarm"),
        pytest.param([100] * 4, -HOUR, "UNKNOWN", id="but-not-for-ever"),
        pytest.param([102] * 4, -HOUR, "STALL", id="two-came-since"),
        pytest.param([101] * 4, -HOUR, "UNKNOWN", id="one-may-be-a-marker"),
        pytest.param([100, 102, 102, 102], -HOUR, "UNKNOWN", id="not-through-the-window"),
    ],
)
def test_without_a_commit_what_came_since_the_member_is_there_alarms_until_it_commits(
    ends: list[int], since: int, expected: Status
) -> None:
    watch = Watch(since, "c", 100)
    window = [Sample(10_000 * n, None, end, True, watch=watch) for n, end in enumerate(ends)]
    assert lag_status.judge(window, SIZE) == expected


def test_without_a_commit_one_event_that_was_seen_alarms() -> None:
    sample = Sample(0, None, 1, True, seen=Seen(0, True, 1), watch=Watch(-2 * HOUR, "c", 0))
    assert lag_status.judge([sample] * SIZE, SIZE) == "STALL"


def test_a_member_has_its_start_at_the_second_sample_and_another_one_looks_anew() -> None:
    watch = Watch(0, "c").then("c", 105)
    assert watch == Watch(0, "c", 105) == watch.then("c", 200)
    assert watch.then("d", 200) == Watch(0, "d") == watch.then(None, 150).then("d", 200)


def test_without_a_commit_a_group_of_ours_begins_at_the_oldest_event() -> None:
    window = [Sample(10_000 * n, None, 100, held=False, oldest=40, from_oldest=True) for n in range(SIZE)]
    assert window[-1].lag == 60
    assert lag_status.judge(window, SIZE) == "STOP"


@pytest.mark.parametrize(
    ("sample", "lag", "lost"),
    [
        pytest.param(Sample(0, 1_000, 8_000, True, oldest=8_000), 0, 7_000, id="all-that-was-unread-is-deleted"),
        pytest.param(Sample(0, 1_000, 8_000, True, oldest=5_000), 3_000, 4_000, id="part-of-it"),
        pytest.param(Sample(0, 1_000, 8_000, True, oldest=1_000), 7_000, 0, id="nothing-yet"),
        pytest.param(Sample(0, 7_999, 8_000, True, oldest=8_000), 0, 0, id="a-marker-is-no-loss"),
        pytest.param(Sample(0, 900, 1_000, True, 0, Seen(1_000, False, 1_000)), 0, 0, id="aborted"),
        pytest.param(Sample(0, 900, 1_000, True, 1_000, Seen(1_000, False, 1_000)), 0, 0, id="aborted-and-deleted"),
        pytest.param(Sample(0, 900, 1_005, True, 0, Seen(1_000, False, 1_000)), 5, 0, id="new-after-the-aborted"),
        pytest.param(Sample(0, 900, 1_000, True, 0, Seen(960, True, 1_000)), 40, 0, id="an-event-after-the-aborted"),
        pytest.param(Sample(0, None, 8_000, True, oldest=8_000), 0, None, id="never-committed-and-empty"),
        pytest.param(Sample(0, None, 8_000, True, oldest=5_000), None, None, id="never-committed"),
        pytest.param(Sample(0, 9_000, 8_000, True, oldest=5_000), None, 0, id="beyond-the-end"),
        pytest.param(Sample(0, 5, 8, True, oldest=9), 0, 4, id="deleted-beyond-the-end-that-was-read-before"),
    ],
)
def test_to_read_and_lost(sample: Sample, lag: int | None, lost: int | None) -> None:
    assert (sample.lag, sample.lost) == (lag, lost)


def test_what_is_undecided_waits_for_its_producer() -> None:
    """From 960 on an open transaction: nobody can read it, so nobody is behind."""
    sample = Sample(0, 900, 1_000, True, 0, Seen(960, False, 1_000))
    assert (sample.lag, sample.undecided) == (0, 40)
    assert lag_status.judge([sample] * SIZE, SIZE) == "OK"
    # The end has moved since: whether by an event or not is unknown, and so it counts.
    later = sample._replace(end=1_010)
    assert (later.lag, later.undecided) == (50, 0)


def test_a_single_event_that_was_seen_is_no_marker() -> None:
    window = [Sample(10_000 * n, 99, 100, True, 0, Seen(99, True, 100)) for n in range(SIZE)]
    assert lag_status.judge(window, SIZE) == "STALL"
    # It was deleted since: nothing waits.
    assert lag_status.judge([one._replace(oldest=100) for one in window], SIZE) == "OK"


def test_deleting_is_not_reading() -> None:
    """The lag shrinks because retention takes the unread; the consumer gains nothing."""
    window = [Sample(10_000 * n, 10 + n, 1_000 + 10 * n, True, oldest=100 * n) for n in range(SIZE)]
    assert lag_status.judge(window, SIZE) == "WARN"


def test_no_sample_is_unknown() -> None:
    assert lag_status.judge([], SIZE) == "UNKNOWN"


def test_the_last_holder_counts() -> None:
    """A member that left during the window: the partition is nobody's now."""
    samples = [*window([(10, 20)] * 3), Sample(40_000, 10, 20, held=False)]
    assert lag_status.judge(samples, SIZE) == "STOP"


def test_unknown_hides_nothing_but_ok() -> None:
    assert lag_status.worst(["OK", "STALL", "WARN", "UNKNOWN"]) == "STALL"
    assert lag_status.worst(["UNKNOWN", "WARN"]) == "WARN"
    assert lag_status.worst(["UNKNOWN", "OK"]) == "UNKNOWN"
    assert lag_status.worst(["UNKNOWN"]) == lag_status.worst([]) == "UNKNOWN"


def test_every_status_has_a_rank_a_meaning_and_one_severity() -> None:
    statuses = set(get_args(Status))
    assert set(lag_status.WORST_FIRST) == statuses
    assert set(lag_status.VALUES) == statuses - {"UNKNOWN"}
    known = [status for status in lag_status.WORST_FIRST if status != "UNKNOWN"]
    assert known == sorted(known, key=lambda status: -lag_status.VALUES[status])
    assert all(f"{status}: " in lag_status.MEANING for status in statuses)
    assert sorted(["OK", "x", "STOP", "UNKNOWN"], key=lag_status.rank) == ["STOP", "UNKNOWN", "OK", "x"]


@pytest.mark.parametrize(
    "some", [["OK", "STALL", "WARN", "UNKNOWN"], ["UNKNOWN", "OK"], ["UNKNOWN"], ["STOP", "STALL"]]
)
def test_the_worst_in_sql_is_the_worst(some: list[Status]) -> None:
    rows = ", ".join(f"('{status}')" for status in some)
    with duckdb.connect(":memory:") as db:
        found = db.execute(f"SELECT {lag_status.WORST_SQL} FROM (VALUES {rows}) t(status)").fetchone()
    assert found == (lag_status.worst(some),)
