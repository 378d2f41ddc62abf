"""One readable log of many processes."""

from __future__ import annotations

import io
import logging

from streamgauge.cli.local.journal import CHATTER_EVERY_S, Journal


def test_entries_keep_their_time_and_level() -> None:
    output = io.StringIO()
    journal = Journal(("up", "analytics"), output)
    journal.write("analytics", "2026-01-02 03:04:05,678 INFO    assigned [red]6[/] partitions", logging.NOTSET)
    journal.write("analytics", "2026-01-02 03:04:06,678 WARNING not ready", logging.NOTSET)
    journal.write("up", "ready")
    first, second, third = output.getvalue().splitlines()
    assert first == "03:04:05 analytics assigned [red]6[/] partitions"
    assert second == "03:04:06 analytics WARNING not ready"
    assert third.endswith(" up        ready")
    assert "\x1b" not in output.getvalue()


def test_what_would_steer_a_terminal_is_not_passed_on() -> None:
    output = io.StringIO()
    Journal(("a",), output).write("a", "one\x1b[2Jtwo", logging.NOTSET)
    assert output.getvalue().endswith("a one\\x1b[2Jtwo\n")


def test_lines_about_an_outage_are_limited() -> None:
    output, now = io.StringIO(), [100.0]
    journal = Journal(("a", "b"), output, clock=lambda: now[0])
    for _ in range(50):
        journal.write("a", "2026-01-02 03:04:05,678 ERROR   Kafka consumer error: 1/1 brokers are down", logging.NOTSET)
    journal.write("b", "FAIL [b#producer-1] refused", logging.NOTSET)
    journal.write("a", "2026-01-02 03:04:05,678 WARNING not ready", logging.NOTSET)
    now[0] += CHATTER_EVERY_S
    journal.write("a", "0/2 brokers are down", logging.NOTSET)
    lines = output.getvalue().splitlines()
    assert [line[9:10] for line in lines] == ["a", "b", "a", "a"]
    assert lines[-1].endswith("0/2 brokers are down (and 49 more lines of Kafka's client)")


def test_everything_on_request() -> None:
    output = io.StringIO()
    journal = Journal(("a",), output, everything=True)
    for _ in range(3):
        journal.write("a", "1/1 brokers are down", logging.NOTSET)
    assert len(output.getvalue().splitlines()) == 3
