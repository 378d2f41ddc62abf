"""Cancellation, time limit and lanes with real queries, without HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest

from streamgauge.warehouse.sql.query_registry import EARLY_CANCEL_KEPT_S, ActiveQuery, QueryRegistry
from streamgauge.warehouse.sql.query_service import QueryRefused, QueryRequest, QueryService
from tests.support.waiting import wait_until
from tests.unit.streamgauge.warehouse.commerce import Commerce

RUNAWAY = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range % 7 = b.range % 11"
Ask = Callable[..., Future[object]]


@pytest.fixture
def service(tmp_path: Path) -> QueryService:
    return Commerce(tmp_path).query_service()


@pytest.fixture
def ask(service: QueryService) -> Iterator[Ask]:
    """Run a query in a thread; those that still run when the test ends are cancelled."""
    names = set[str]()
    with ThreadPoolExecutor(8) as pool:

        def asked(sql: str, name: str, **more: object) -> Future[object]:
            names.add(name)
            return pool.submit(service.query, QueryRequest(sql, name=name, **more))  # type: ignore[arg-type]

        yield asked
        for name in names:
            service.cancel(name)


def cancelled(query: Future[object]) -> float:
    """Seconds until the query ends as cancelled."""
    began = time.monotonic()
    with pytest.raises(QueryRefused) as refused:
        query.result(timeout=10)
    assert (refused.value.status, refused.value.rule) == (408, "cancelled")
    return time.monotonic() - began


def wait_for(service: QueryService, name: str) -> None:
    """Wait until a query of this name is registered."""
    wait_until(lambda: name in service._registry._named, f"the query {name} is registered", 10, every_s=0.01)


def test_cancel_ends_a_runaway_query_and_frees_its_slot(service: QueryService, ask: Ask) -> None:
    all_turns = [ask(RUNAWAY, f"q{number}") for number in range(4)]
    for number, query in enumerate(all_turns):
        wait_for(service, f"q{number}")
        assert service.cancel(f"q{number}")
        assert cancelled(query) < 1.0
    assert service.query(QueryRequest("SELECT 1 AS one"))[0].to_pylist() == [{"one": 1}]
    assert not service.cancel("q0")


def test_queries_of_one_name_are_cancelled_together_and_others_are_not(service: QueryService, ask: Ask) -> None:
    two, third = [ask(RUNAWAY, "same"), ask(RUNAWAY, "same")], ask(RUNAWAY, "other")
    wait_for(service, "same")
    wait_for(service, "other")
    while len(service._registry._named["same"]) < 2:
        time.sleep(0.01)
    assert service.cancel("same")
    assert max(map(cancelled, two)) < 1.0
    assert not third.done()


def test_a_query_that_ends_does_not_unregister_another_of_its_name(service: QueryService, ask: Ask) -> None:
    slow = ask(RUNAWAY, "same")
    wait_for(service, "same")
    service.query(QueryRequest("SELECT 1", name="same"))
    assert service.cancel("same")
    assert cancelled(slow) < 1.0


def test_a_cancellation_may_arrive_before_its_query(service: QueryService, ask: Ask) -> None:
    assert not service.cancel("soon")
    assert cancelled(ask(RUNAWAY, "soon")) < 1.0
    # It applies to one query only.
    assert service.query(QueryRequest("SELECT 1", name="soon"))[0].num_rows == 1


def test_an_early_cancellation_expires() -> None:
    now = [0.0]
    register = QueryRegistry(lambda: now[0])
    assert not register.cancel("late")
    now[0] = EARLY_CANCEL_KEPT_S + 1
    with register.enter("late") as one:
        assert one.why is None
    with register.enter(None) as one:
        assert one.why is None


def test_a_waiting_query_can_be_cancelled(service: QueryService, ask: Ask) -> None:
    running = [ask(RUNAWAY, f"q{number}") for number in range(4)]
    for number in range(4):
        wait_for(service, f"q{number}")
    waits = ask(RUNAWAY, "waits")
    wait_for(service, "waits")
    service.cancel("waits")
    service.cancel("q0")
    assert cancelled(running[0]) < 1.0
    assert cancelled(waits) < 1.0


def test_pages_do_not_wait_for_adhoc_queries(service: QueryService, ask: Ask) -> None:
    for number in range(4):
        ask(RUNAWAY, f"q{number}")
        wait_for(service, f"q{number}")
    began = time.monotonic()
    sql = "SELECT count(*) AS n FROM order_windows WHERE region = $region"
    rows, _ = service.query(QueryRequest(sql, {"region": "eu"}, lane="pages"))
    assert rows.to_pylist() == [{"n": 0}]
    assert time.monotonic() - began < 1.5


def test_an_interrupt_between_two_statements_is_not_lost() -> None:
    """DuckDB drops an interrupt while nothing runs: sent once, it would let the next statement run for ever."""
    with duckdb.connect() as db:
        one, cursor = ActiveQuery(), db.cursor()
        with one.limited(cursor, 30):
            one.cancel()
            time.sleep(0.1)
            began = time.monotonic()
            with pytest.raises(duckdb.InterruptException):
                cursor.execute(RUNAWAY)
            assert time.monotonic() - began < 1.0


def test_the_time_limit(service: QueryService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_settings", service._settings.model_copy(update={"sql_timeout_s": 0.3}))
    with pytest.raises(QueryRefused) as refused:
        service.query(QueryRequest(RUNAWAY, name="cut"))
    assert refused.value.rule == "timeout"
    assert not service.cancel("cut")
