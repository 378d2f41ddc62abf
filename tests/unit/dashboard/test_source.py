"""Answers that sessions share: asked once, and nothing piles up behind a slow one."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from dashboard import source
from dashboard.periods import BY_KEY, Period
from dashboard.questions import Question
from dashboard.source import STANDS_IN_S, Answer, Answers, Asked
from dashboard.view import View

PERIOD = Period.last(BY_KEY["15m"], datetime(2026, 3, 1, 12, tzinfo=UTC))
QUESTION = Question("test.source", "One.", "SELECT 1")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def answer(number: int) -> Answer:
    return Answer(QUESTION, [{"n": number}], PERIOD, "SELECT 1")


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_within_the_interval_everybody_gets_the_same(clock: Clock) -> None:
    answers, asked = Answers(clock=clock), iter(range(10))
    first = answers.get("k", lambda: answer(next(asked)), 1.6)
    clock.now += 1.5
    assert answers.get("k", lambda: answer(next(asked)), 1.6) is first
    clock.now += 0.2
    assert answers.get("k", lambda: answer(next(asked)), 1.6).row == {"n": 1}
    assert answers.get("other", lambda: answer(next(asked)), 1.6).row == {"n": 2}


def test_while_one_asks_the_others_get_the_last_answer(clock: Clock) -> None:
    answers = Answers(clock=clock, patience_s=0.01)
    may_end, began = threading.Event(), threading.Event()
    answers.get("k", lambda: answer(1))
    clock.now += 5

    def slow() -> Answer:
        began.set()
        assert may_end.wait(10)
        return answer(2)

    got: list[Answer] = []
    asker = threading.Thread(target=lambda: got.append(answers.get("k", slow)))
    asker.start()
    assert began.wait(10)
    for _ in range(8):
        assert answers.get("k", lambda: pytest.fail("asked twice")).row == {"n": 1}
    may_end.set()
    asker.join(10)
    assert got[0].row == {"n": 2}


def test_an_answer_that_is_too_old_stands_in_for_nothing(clock: Clock) -> None:
    answers = Answers(clock=clock)
    answers.get("k", lambda: answer(1))
    clock.now += STANDS_IN_S + 1
    began, may_end, got = threading.Event(), threading.Event(), list[Any]()

    def slow() -> Answer:
        began.set()
        assert may_end.wait(10)
        return answer(2)

    threads = [threading.Thread(target=lambda: got.append(answers.get("k", slow))) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert began.wait(10)
    may_end.set()
    for thread in threads:
        thread.join(10)
    assert [one.row for one in got] == [{"n": 2}] * 2


def test_an_error_is_everyones_own_and_not_kept(clock: Clock) -> None:
    answers = Answers(clock=clock)

    def broken() -> Answer:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        answers.get("k", broken)
    assert answers.get("k", lambda: answer(1)).row == {"n": 1}


def test_old_keys_are_forgotten(clock: Clock) -> None:
    answers = Answers(kept=3, clock=clock)
    for key in range(5):
        answers.get(key, lambda: answer(1))
    assert answers.get(4, lambda: answer(2)).row == {"n": 1}
    assert answers.get(0, lambda: answer(2)).row == {"n": 2}


class Slow:
    """A warehouse that answers when as many ask as `abreast`, or when it is told to."""

    def __init__(self) -> None:
        self.abreast: threading.Barrier | None = None
        self.asked: list[str] = []

    def query(self, sql: str, _params: object) -> Any:
        self.asked.append(sql)
        if self.abreast:
            self.abreast.wait(10)
        return self

    def to_pylist(self) -> list[dict[str, Any]]:
        return [{"n": 1}]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> Slow:
    client, kept = Slow(), Answers(clock=clock)
    monkeypatch.setattr(source, "warehouse", lambda: client)
    monkeypatch.setattr(source, "answers", lambda: kept)
    return client


def draw(*names: str) -> list[Answer]:
    return [source.ask(Question(name, "One.", f"SELECT '{name}'"), View()) for name in names]


def test_what_was_asked_last_time_is_asked_side_by_side(slow: Slow, clock: Clock) -> None:
    asked: Asked = {}
    with source.together(asked):
        draw("a", "b", "a")
    assert len(asked) == 2
    clock.now += 5
    # Neither is answered before both are asked: one after the other, the first would never be.
    slow.abreast = threading.Barrier(2)
    with source.together(asked):
        assert [one.row for one in draw("a", "b")] == [{"n": 1}] * 2
    assert sorted(slow.asked) == ["SELECT 'a'", "SELECT 'a'", "SELECT 'b'", "SELECT 'b'"]


def test_what_the_page_no_longer_asks_is_neither_waited_for_nor_asked_again(slow: Slow, clock: Clock) -> None:
    asked: Asked = {}
    with source.together(asked):
        draw("a", "b")
    clock.now += 5
    slow.abreast = threading.Barrier(2)
    with source.together(asked):
        pass
    assert asked == {}
    slow.abreast.abort()
