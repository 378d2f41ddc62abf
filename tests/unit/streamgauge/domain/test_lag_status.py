"""The rules, each with its near-misses. A window is written as (committed, end) pairs, a sample every 10 s."""

from __future__ import annotations

from typing import get_args

import duckdb
import pytest

from streamgauge.catalog.builtin.lag import Status
from streamgauge.domain import lag_status
from streamgauge.domain.lag_status import Sample

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


def test_no_sample_is_unknown() -> None:
    assert lag_status.judge([], SIZE) == "UNKNOWN"


def test_the_last_holder_counts() -> None:
    """A member that left during the window: the partition is nobody's now."""
    samples = [*window([(10, 20)] * 3), Sample(40_000, 10, 20, held=False)]
    assert lag_status.judge(samples, SIZE) == "STOP"


def test_unknown_does_not_hide_the_worst() -> None:
    assert lag_status.worst(["OK", "STALL", "WARN", "UNKNOWN"]) == "STALL"
    assert lag_status.worst(["UNKNOWN", "OK"]) == "OK"
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
