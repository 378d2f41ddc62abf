"""Query cache: results shared by sessions, one run at a time, and prefetching."""

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
from dashboard.data.query_cache import STALE_MAX_S, Fetches, QueryCache, Result
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
def in_threads(number: int, work: Callable[[], None]) -> Iterator[list[threading.Thread]]:
    """Run `work` in so many threads; waits for their ends."""
    threads = [threading.Thread(target=work) for _ in range(number)]
    for thread in threads:
        thread.start()
    yield threads
    for thread in threads:
        thread.join(10)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_within_the_interval_the_result_is_shared(clock: Clock) -> None:
    cache, numbers = QueryCache(clock=clock), iter(range(10))
    first = cache.get("k", lambda: result(next(numbers)), 1.6)
    clock.now += 1.5
    assert cache.get("k", lambda: result(next(numbers)), 1.6) is first
    clock.now += 0.2
    assert cache.get("k", lambda: result(next(numbers)), 1.6).row == {"n": 1}
    assert cache.get("other", lambda: result(next(numbers)), 1.6).row == {"n": 2}


def test_while_a_query_runs_others_get_the_last_result(clock: Clock) -> None:
    cache, may_end, began = QueryCache(clock=clock), threading.Event(), threading.Event()
    cache.get("k", lambda: result(1))
    clock.now += 5

    def slow() -> Result:
        began.set()
        assert may_end.wait(10)
        return result(2)

    results: list[Result] = []
    with in_threads(1, lambda: results.append(cache.get("k", slow))):
        assert began.wait(10)
        for _ in range(8):
            assert cache.get("k", lambda: pytest.fail("the query ran twice")).row == {"n": 1}
        may_end.set()
    assert results[0].row == {"n": 2}


def test_a_result_that_is_too_old_is_not_served(clock: Clock) -> None:
    cache = QueryCache(clock=clock)
    cache.get("k", lambda: result(1))
    clock.now += STALE_MAX_S + 1
    began, may_end, results = threading.Event(), threading.Event(), list[Any]()

    def slow() -> Result:
        began.set()
        assert may_end.wait(10)
        return result(2)

    with in_threads(2, lambda: results.append(cache.get("k", slow))):
        assert began.wait(10)
        may_end.set()
    assert [one.row for one in results] == [{"n": 2}] * 2


def test_an_error_is_not_cached(clock: Clock) -> None:
    cache = QueryCache(clock=clock)

    def broken() -> Result:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        cache.get("k", broken)
    assert cache.get("k", lambda: result(1)).row == {"n": 1}


@pytest.mark.parametrize("fails", [False, True])
def test_waiting_callers_share_the_outcome_of_a_slow_query(clock: Clock, fails: bool) -> None:
    cache, may_end, calls, outcomes = QueryCache(clock=clock), threading.Event(), list[int](), list[Any]()

    def slow() -> Result:
        calls.append(1)
        assert may_end.wait(10)
        clock.now += 5
        if fails:
            raise RuntimeError("no")
        return result(1)

    def call() -> None:
        try:
            outcomes.append(cache.get("k", slow).row)
        except RuntimeError as error:
            outcomes.append(str(error))

    with in_threads(8, call) as threads:
        wait_until(lambda: bool(calls) and all(one.is_alive() for one in threads), "all called", 5)
        time.sleep(0.2)  # until the last of them waits, which cannot be observed
        may_end.set()
    assert outcomes == ["no" if fails else {"n": 1}] * 8
    assert len(calls) == 1


def test_while_the_warehouse_is_busy_the_last_result_is_served(clock: Clock) -> None:
    cache = QueryCache(clock=clock)

    def busy() -> Result:
        raise Busy("no turn")

    with pytest.raises(Busy):
        cache.get("k", busy)
    first = cache.get("k", lambda: result(1))
    clock.now += 5
    assert cache.get("k", busy) is first
    clock.now += STALE_MAX_S
    with pytest.raises(Busy):
        cache.get("k", busy)


def test_least_recently_used_keys_are_evicted(clock: Clock) -> None:
    cache = QueryCache(kept=3, clock=clock)
    for key in range(5):
        cache.get(key, lambda: result(1))
    assert cache.get(4, lambda: result(2)).row == {"n": 1}
    assert cache.get(0, lambda: result(2)).row == {"n": 2}


class SlowWarehouse:
    """A warehouse whose queries take `takes_s`, and wait at the `barrier` for one another."""

    def __init__(self) -> None:
        self.barrier: threading.Barrier | None = None
        self.error: Exception | None = None
        self.takes_s, self.number = 0.0, 1
        self.statements: list[str] = []

    def query(self, sql: str, _params: object) -> Any:
        self.statements.append(sql)
        if self.barrier:
            self.barrier.wait(10)
        if self.error:
            raise self.error
        time.sleep(self.takes_s)
        return self

    def to_pylist(self) -> list[dict[str, Any]]:
        return [{"n": self.number}]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> SlowWarehouse:
    client, cache = SlowWarehouse(), QueryCache(clock=clock)
    monkeypatch.setattr(query_cache, "warehouse", lambda: client)
    monkeypatch.setattr(query_cache, "cache", lambda: cache)
    return client


def draw(*names: str) -> list[Result]:
    return [query_cache.fetch(Query(name, "One.", f"SELECT '{name}'"), ViewState()) for name in names]


def test_queries_of_the_last_refresh_run_in_parallel(slow: SlowWarehouse, clock: Clock) -> None:
    fetches: Fetches = {}
    with query_cache.prefetched(fetches):
        draw("a", "b", "a")
    assert len(fetches) == 2
    clock.now += 5
    # Each waits for the other to start: run one after the other, the first would never end.
    slow.barrier = threading.Barrier(2)
    with query_cache.prefetched(fetches):
        assert [one.row for one in draw("a", "b")] == [{"n": 1}] * 2
    assert sorted(slow.statements) == ["SELECT 'a'", "SELECT 'a'", "SELECT 'b'", "SELECT 'b'"]


def test_a_page_waits_for_its_slow_query(slow: SlowWarehouse, clock: Clock) -> None:
    fetches: Fetches = {}
    with query_cache.prefetched(fetches):
        draw("a")
    clock.now += 5
    slow.takes_s, slow.number = 0.5, 2
    with query_cache.prefetched(fetches):
        assert [one.row for one in draw("a")] == [{"n": 2}]


def test_an_error_of_a_prefetched_query_is_raised_without_a_second_run(slow: SlowWarehouse, clock: Clock) -> None:
    fetches: Fetches = {}
    with query_cache.prefetched(fetches):
        draw("a")
    clock.now += 5
    slow.error = RuntimeError("no")
    with query_cache.prefetched(fetches), pytest.raises(RuntimeError, match="no"):
        draw("a")
    assert len(slow.statements) == 2


def test_a_query_that_is_no_longer_needed_is_neither_awaited_nor_repeated(slow: SlowWarehouse, clock: Clock) -> None:
    fetches: Fetches = {}
    with query_cache.prefetched(fetches):
        draw("a", "b")
    clock.now += 5
    slow.barrier = threading.Barrier(2)
    with query_cache.prefetched(fetches):
        pass
    assert fetches == {}
    slow.barrier.abort()
