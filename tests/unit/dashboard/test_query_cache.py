"""Answers that sessions share: asked once, and nothing piles up behind a slow one."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from dashboard.data import query_cache
from dashboard.data.periods import BY_KEY, Period
from dashboard.data.query import Query
from dashboard.data.query_cache import STANDS_IN_S, Fetches, QueryCache, Result
from dashboard.data.view_state import ViewState
from streamgauge.warehouse.client import Busy
from tests.support.waiting import wait_until

PERIOD = Period.last(BY_KEY["15m"], datetime(2026, 3, 1, 12, tzinfo=UTC))
QUERY = Query("test.source", "One.", "SELECT 1")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def result(number: int) -> Result:
    return Result(QUERY, [{"n": number}], PERIOD, "SELECT 1")


@contextlib.contextmanager
def side_by_side(number: int, work: Callable[[], None]) -> Iterator[list[threading.Thread]]:
    """So many threads that do it, until all have ended."""
    threads = [threading.Thread(target=work) for _ in range(number)]
    for thread in threads:
        thread.start()
    yield threads
    for thread in threads:
        thread.join(10)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_within_the_interval_everybody_gets_the_same(clock: Clock) -> None:
    answers, asked = QueryCache(clock=clock), iter(range(10))
    first = answers.get("k", lambda: result(next(asked)), 1.6)
    clock.now += 1.5
    assert answers.get("k", lambda: result(next(asked)), 1.6) is first
    clock.now += 0.2
    assert answers.get("k", lambda: result(next(asked)), 1.6).row == {"n": 1}
    assert answers.get("other", lambda: result(next(asked)), 1.6).row == {"n": 2}


def test_while_one_asks_the_others_get_the_last_answer(clock: Clock) -> None:
    answers, may_end, began = QueryCache(clock=clock), threading.Event(), threading.Event()
    answers.get("k", lambda: result(1))
    clock.now += 5

    def slow() -> Result:
        began.set()
        assert may_end.wait(10)
        return result(2)

    got: list[Result] = []
    with side_by_side(1, lambda: got.append(answers.get("k", slow))):
        assert began.wait(10)
        for _ in range(8):
            assert answers.get("k", lambda: pytest.fail("asked twice")).row == {"n": 1}
        may_end.set()
    assert got[0].row == {"n": 2}


def test_an_answer_that_is_too_old_stands_in_for_nothing(clock: Clock) -> None:
    answers = QueryCache(clock=clock)
    answers.get("k", lambda: result(1))
    clock.now += STANDS_IN_S + 1
    began, may_end, got = threading.Event(), threading.Event(), list[Any]()

    def slow() -> Result:
        began.set()
        assert may_end.wait(10)
        return result(2)

    with side_by_side(2, lambda: got.append(answers.get("k", slow))):
        assert began.wait(10)
        may_end.set()
    assert [one.row for one in got] == [{"n": 2}] * 2


def test_an_error_is_everyones_own_and_not_kept(clock: Clock) -> None:
    answers = QueryCache(clock=clock)

    def broken() -> Result:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        answers.get("k", broken)
    assert answers.get("k", lambda: result(1)).row == {"n": 1}


@pytest.mark.parametrize("fails", [False, True])
def test_who_waits_shares_the_outcome_however_long_it_took(clock: Clock, fails: bool) -> None:
    answers, may_end, asked, got = QueryCache(clock=clock), threading.Event(), list[int](), list[Any]()

    def slow() -> Result:
        asked.append(1)
        assert may_end.wait(10)
        clock.now += 5
        if fails:
            raise RuntimeError("no")
        return result(1)

    def come() -> None:
        try:
            got.append(answers.get("k", slow).row)
        except RuntimeError as error:
            got.append(str(error))

    with side_by_side(8, come) as threads:
        wait_until(lambda: bool(asked) and all(one.is_alive() for one in threads), "all came", 5)
        time.sleep(0.2)  # until the last of them waits: it is seen from nowhere
        may_end.set()
    assert got == ["no" if fails else {"n": 1}] * 8
    assert len(asked) == 1


def test_a_busy_warehouse_leaves_the_last_answer_standing(clock: Clock) -> None:
    answers = QueryCache(clock=clock)

    def busy() -> Result:
        raise Busy("no turn")

    with pytest.raises(Busy):
        answers.get("k", busy)
    first = answers.get("k", lambda: result(1))
    clock.now += 5
    assert answers.get("k", busy) is first
    clock.now += STANDS_IN_S
    with pytest.raises(Busy):
        answers.get("k", busy)


def test_old_keys_are_forgotten(clock: Clock) -> None:
    answers = QueryCache(kept=3, clock=clock)
    for key in range(5):
        answers.get(key, lambda: result(1))
    assert answers.get(4, lambda: result(2)).row == {"n": 1}
    assert answers.get(0, lambda: result(2)).row == {"n": 2}


class Slow:
    """A warehouse that takes its time, and answers none before as many ask as `abreast`."""

    def __init__(self) -> None:
        self.abreast: threading.Barrier | None = None
        self.error: Exception | None = None
        self.takes_s, self.number = 0.0, 1
        self.asked: list[str] = []

    def query(self, sql: str, _params: object) -> Any:
        self.asked.append(sql)
        if self.abreast:
            self.abreast.wait(10)
        if self.error:
            raise self.error
        time.sleep(self.takes_s)
        return self

    def to_pylist(self) -> list[dict[str, Any]]:
        return [{"n": self.number}]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Slow:
    client, kept = Slow(), QueryCache(clock=clock)
    monkeypatch.setattr(query_cache, "warehouse", lambda: client)
    monkeypatch.setattr(query_cache, "cache", lambda: kept)
    return client


def draw(*names: str) -> list[Result]:
    return [query_cache.fetch(Query(name, "One.", f"SELECT '{name}'"), ViewState()) for name in names]


def test_what_was_asked_last_time_is_asked_side_by_side(slow: Slow, clock: Clock) -> None:
    asked: Fetches = {}
    with query_cache.prefetched(asked):
        draw("a", "b", "a")
    assert len(asked) == 2
    clock.now += 5
    # Neither is answered before both are asked: one after the other, the first would never be.
    slow.abreast = threading.Barrier(2)
    with query_cache.prefetched(asked):
        assert [one.row for one in draw("a", "b")] == [{"n": 1}] * 2
    assert sorted(slow.asked) == ["SELECT 'a'", "SELECT 'a'", "SELECT 'b'", "SELECT 'b'"]


def test_a_slow_answer_is_waited_for_by_the_page_that_asked_it(slow: Slow, clock: Clock) -> None:
    asked: Fetches = {}
    with query_cache.prefetched(asked):
        draw("a")
    clock.now += 5
    slow.takes_s, slow.number = 0.5, 2
    with query_cache.prefetched(asked):
        assert [one.row for one in draw("a")] == [{"n": 2}]


def test_what_fails_ahead_is_said_and_not_asked_again(slow: Slow, clock: Clock) -> None:
    asked: Fetches = {}
    with query_cache.prefetched(asked):
        draw("a")
    clock.now += 5
    slow.error = RuntimeError("no")
    with query_cache.prefetched(asked), pytest.raises(RuntimeError, match="no"):
        draw("a")
    assert len(slow.asked) == 2


def test_what_the_page_no_longer_asks_is_neither_waited_for_nor_asked_again(slow: Slow, clock: Clock) -> None:
    asked: Fetches = {}
    with query_cache.prefetched(asked):
        draw("a", "b")
    clock.now += 5
    slow.abreast = threading.Barrier(2)
    with query_cache.prefetched(asked):
        pass
    assert asked == {}
    slow.abreast.abort()
