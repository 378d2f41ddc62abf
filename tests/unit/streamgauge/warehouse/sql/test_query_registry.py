"""Cancelling, turns and lanes, as the warehouse process has them: real queries, no sockets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest

from streamgauge.warehouse.sql.query_registry import EARLY_CANCEL_KEPT_S, ActiveQuery, QueryRegistry
from streamgauge.warehouse.sql.query_service import QueryRefused, QueryRequest, QueryService
from tests.unit.streamgauge.warehouse.commerce import Commerce

RUNAWAY = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range % 7 = b.range % 11"
Ask = Callable[..., Future[object]]


@pytest.fixture
def answers(tmp_path: Path) -> QueryService:
    return Commerce(tmp_path).answers()


@pytest.fixture
def ask(answers: QueryService) -> Iterator[Ask]:
    """Ask from a thread; what still runs when the test ends is cancelled."""
    names = set[str]()
    with ThreadPoolExecutor(8) as pool:

        def asked(sql: str, name: str, **more: object) -> Future[object]:
            names.add(name)
            return pool.submit(answers.query, QueryRequest(sql, name=name, **more))  # type: ignore[arg-type]

        yield asked
        for name in names:
            answers.cancel(name)


def cancelled(question: Future[object]) -> float:
    """Seconds until the question says that it was cancelled."""
    began = time.monotonic()
    with pytest.raises(QueryRefused) as refused:
        question.result(timeout=10)
    assert (refused.value.status, refused.value.rule) == (408, "cancelled")
    return time.monotonic() - began


def run(answers: QueryService, name: str) -> None:
    """Wait until a question of this name is known."""
    deadline = time.monotonic() + 10
    while name not in answers._registry._named:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_cancel_ends_a_runaway_and_frees_its_turn(answers: QueryService, ask: Ask) -> None:
    all_turns = [ask(RUNAWAY, f"q{number}") for number in range(4)]
    for number, question in enumerate(all_turns):
        run(answers, f"q{number}")
        assert answers.cancel(f"q{number}")
        assert cancelled(question) < 1.0
    assert answers.query(QueryRequest("SELECT 1 AS one"))[0].to_pylist() == [{"one": 1}]
    assert not answers.cancel("q0")


def test_two_of_one_name_end_together_and_a_third_is_not_touched(answers: QueryService, ask: Ask) -> None:
    two, third = [ask(RUNAWAY, "same"), ask(RUNAWAY, "same")], ask(RUNAWAY, "other")
    run(answers, "same")
    run(answers, "other")
    while len(answers._registry._named["same"]) < 2:
        time.sleep(0.01)
    assert answers.cancel("same")
    assert max(map(cancelled, two)) < 1.0
    assert not third.done()


def test_one_that_ended_does_not_take_its_namesakes_name(answers: QueryService, ask: Ask) -> None:
    slow = ask(RUNAWAY, "same")
    run(answers, "same")
    answers.query(QueryRequest("SELECT 1", name="same"))
    assert answers.cancel("same")
    assert cancelled(slow) < 1.0


def test_a_cancel_that_comes_before_its_question(answers: QueryService, ask: Ask) -> None:
    assert not answers.cancel("soon")
    assert cancelled(ask(RUNAWAY, "soon")) < 1.0
    # It is remembered for one question, and for no other name.
    assert answers.query(QueryRequest("SELECT 1", name="soon"))[0].num_rows == 1


def test_a_cancel_of_nothing_is_forgotten() -> None:
    now = [0.0]
    register = QueryRegistry(lambda: now[0])
    assert not register.cancel("late")
    now[0] = EARLY_CANCEL_KEPT_S + 1
    with register.enter("late") as one:
        assert one.why is None
    with register.enter(None) as one:
        assert one.why is None


def test_one_that_waits_for_its_turn_can_be_cancelled(answers: QueryService, ask: Ask) -> None:
    running = [ask(RUNAWAY, f"q{number}") for number in range(4)]
    for number in range(4):
        run(answers, f"q{number}")
    waits = ask(RUNAWAY, "waits")
    run(answers, "waits")
    answers.cancel("waits")
    answers.cancel("q0")
    assert cancelled(running[0]) < 1.0
    assert cancelled(waits) < 1.0


def test_pages_are_answered_while_every_turn_of_the_analysts_is_taken(answers: QueryService, ask: Ask) -> None:
    for number in range(4):
        ask(RUNAWAY, f"q{number}")
        run(answers, f"q{number}")
    began = time.monotonic()
    sql = "SELECT count(*) AS n FROM order_windows WHERE region = $region"
    rows, _ = answers.query(QueryRequest(sql, {"region": "eu"}, lane="pages"))
    assert rows.to_pylist() == [{"n": 0}]
    assert time.monotonic() - began < 1.5


def test_an_interrupt_between_two_statements_is_not_lost() -> None:
    """DuckDB forgets an interrupt when nothing runs: a word said once would let the next statement run for ever."""
    with duckdb.connect() as db:
        one, cursor = ActiveQuery(), db.cursor()
        with one.limited(cursor, 30):
            one.cancel()
            time.sleep(0.1)
            began = time.monotonic()
            with pytest.raises(duckdb.InterruptException):
                cursor.execute(RUNAWAY)
            assert time.monotonic() - began < 1.0


def test_the_limit_of_time(answers: QueryService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "_settings", answers._settings.model_copy(update={"sql_timeout_s": 0.3}))
    with pytest.raises(QueryRefused) as refused:
        answers.query(QueryRequest(RUNAWAY, name="cut"))
    assert refused.value.rule == "timeout"
    assert not answers.cancel("cut")
