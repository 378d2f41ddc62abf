"""Rungs of a retry and its reports: it stops after a failure, or on a signal. No Kafka."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from threading import Event
from typing import Any, cast

import pytest

from streamgauge.cli.dead_letters import retry
from streamgauge.cli.dead_letters.output import JsonLines
from streamgauge.cli.dead_letters.plan import Options
from streamgauge.cli.dead_letters.selection import Choice, condition
from streamgauge.dead_letters.headers import Position
from streamgauge.dead_letters.letter import Letter
from streamgauge.dead_letters.retry.outcomes import Failure, Watcher
from streamgauge.dead_letters.retry.records import Record
from streamgauge.dead_letters.retry.retrier import Retrier, Sendable, Sent
from streamgauge.runtime.errors import TransientError

Settle = Callable[[Sequence[Sent]], list[Failure]]
FAST = Options(rate=1_000_000, really=True)


class Kafka:
    """Takes what is sent, as `Retrier` and `Watcher` do; `sent` counts it."""

    def __init__(self, settle: Settle = lambda _: []) -> None:
        self.sent = 0
        self._settle = settle

    def send(self, batch: Sequence[Sendable]) -> list[Sent]:
        self.sent += len(batch)
        return [Sent(item.letter, Position("orders", 0, 1_000 + item.letter.position.offset)) for item in batch]

    def settle(self, sent: Sequence[Sent], _timeout_s: float) -> list[Failure]:
        return self._settle(sent)


def item(number: int) -> Sendable:
    position = Position("orders", 0, number)
    letter = Letter(
        position, "orders", "wrong_type", "aaaa", None, "d", 1, position, None, "orders.dlq", datetime.now(UTC)
    )
    return Sendable(letter, Record(position, b"k", b"{}", [], 0), b"{}")


def climbed(kafka: Kafka, number: int, capsys: pytest.CaptureFixture[str], stop: Event | None = None) -> Any:
    """The exit code, or the error, and the objects reported."""
    try:
        code: object = retry.send_rungs(
            cast(Retrier, kafka),
            cast(Watcher, kafka),
            [item(n) for n in range(number)],
            FAST,
            JsonLines(),
            stop or Event(),
        )
    except TransientError as error:
        code = error
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_rung_by_rung(capsys: pytest.CaptureFixture[str]) -> None:
    code, reported = climbed(Kafka(), 8, capsys)
    assert code == 0
    assert [(one["rung"], one["through"]) for one in reported if one["event"] == "rung"] == [(1, 1), (2, 5), (3, 2)]
    assert reported[-1] | {"detail": ""} == {
        **{"event": "end", "outcome": "done", "total": 8, "through": 8, "failed": 0},
        **{"unsettled": 0, "detail": "", "not_sent": 0},
    }


def test_the_first_failure_stops_it(capsys: pytest.CaptureFixture[str]) -> None:
    def settle(sent: Sequence[Sent]) -> list[Failure]:
        return [Failure(sent[0].letter, sent[0].position, "bbbb", "out_of_range", "**new**")] if len(sent) == 5 else []

    kafka = Kafka(settle)
    code, reported = climbed(kafka, 30, capsys)
    assert (code, kafka.sent) == (1, 6)
    failure, end = reported[-2:]
    assert (failure["same"], failure["now"], failure["detail"]) == (False, "orders:0:1001", "**new**")
    assert (end["outcome"], end["through"], end["failed"], end["not_sent"]) == ("failed", 5, 1, 24)


def test_after_a_stop_outcomes_of_sent_letters_are_awaited(capsys: pytest.CaptureFixture[str]) -> None:
    stop = Event()

    def settle(sent: Sequence[Sent]) -> list[Failure]:
        if len(sent) == 5:
            stop.set()
        return []

    kafka = Kafka(settle)
    code, reported = climbed(kafka, 30, capsys, stop)
    assert (code, kafka.sent) == (0, 6)
    assert (reported[-1]["outcome"], reported[-1]["through"], reported[-1]["not_sent"]) == ("stopped", 6, 24)


def test_unknown_outcomes_are_reported(capsys: pytest.CaptureFixture[str]) -> None:
    def settle(_: Sequence[Sent]) -> list[Failure]:
        raise TransientError("not processed")

    code, reported = climbed(Kafka(settle), 3, capsys)
    assert str(code) == "not processed"
    assert (reported[-1]["outcome"], reported[-1]["unsettled"], reported[-1]["not_sent"]) == ("unsettled", 1, 2)


def test_until_bounds_a_choice_and_is_none_by_itself() -> None:
    until = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert Choice(until=until).empty
    where, values = condition(Choice(fingerprint="aaaa", until=until))
    assert where.endswith("dead_at < ?::TIMESTAMPTZ")
    assert values == ["aaaa", until]
