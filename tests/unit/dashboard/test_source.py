"""Answers that sessions share: asked once, and nothing piles up behind a slow one."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from dashboard.periods import BY_KEY, Period
from dashboard.questions import Question
from dashboard.source import STANDS_IN_S, Answer, Answers

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
    answers, may_end, began = Answers(clock=clock), threading.Event(), threading.Event()
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
