"""The health reader: what each answer, or none, of `/health` means."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from streamgauge.runtime import health
from streamgauge.runtime.connection.missing import Missing
from streamgauge.runtime.data_dir import run_file
from streamgauge.runtime.data_dir.run_file import RunFile
from streamgauge.runtime.process import Process
from streamgauge.runtime.settings import Settings

Answer = Callable[[str], httpx.Response]


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[Answer], None]:
    """Let every request be answered by this function of its URL."""

    def use(function: Answer) -> None:
        monkeypatch.setattr(httpx, "get", lambda url, **_options: function(url))

    return use


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"status": "ready", "why": ""}, ""),
        ({"status": "unready", "why": "no broker"}, "no broker"),
        ({"status": "unready", "why": ""}, "starting"),
        ({"something": "else"}, "does not answer on port 9102"),
        (["ready"], "does not answer on port 9102"),
    ],
)
def test_what_an_answer_means(answer: Callable[[Answer], None], body: object, why: str) -> None:
    answer(lambda _url: httpx.Response(200, json=body))
    assert health.reason("127.0.0.1:9102") == why


def test_what_is_not_well_in_a_process_that_is_ready(answer: Callable[[Answer], None]) -> None:
    answer(lambda _url: httpx.Response(200, json={"status": "ready", "why": "", "problems": ["one", "two"]}))
    degraded = health.read(RunFile("a", os.getpid(), "h:1"))
    assert (degraded.ready, degraded.state, degraded.text) == (True, "degraded", "one; two")
    answer(lambda _url: httpx.Response(503, json={"status": "unready", "why": "no broker", "problems": ["one"]}))
    unready = health.read(RunFile("a", os.getpid(), "h:1"))
    assert (unready.ready, unready.state, unready.text) == (False, "not ready", "no broker; one")


def test_rights_that_are_missing_are_not_unwell(answer: Callable[[Answer], None]) -> None:
    """As `/health` of a process has them."""
    missing = Missing("Read", "every topic", "User:a", "events", "kafka-acls")
    process = Process("a", Settings(), threading.Event())
    process.lacks([missing])
    process.ready()
    answer(lambda _url: httpx.Response(200, json=process.health))
    reads = health.read(RunFile("a", os.getpid(), "h:1"))
    assert (reads.state, reads.missing) == ("ready", (missing,))


def test_a_page_of_something_else_on_the_port_is_no_answer(answer: Callable[[Answer], None]) -> None:
    answer(lambda _url: httpx.Response(404, text="<html>"))
    assert health.reason("[::1]:9102") == "does not answer on port 9102"


def test_nothing_there() -> None:
    """A real socket: port 1 is nobody's."""
    assert health.reason("127.0.0.1:1") == "does not answer on port 1"


def test_a_process_with_its_state_and_how_long_it_has_run(answer: Callable[[Answer], None]) -> None:
    answer(
        lambda url: httpx.Response(
            200, json={"status": "ready" if url == "http://h:1/health" else "unready", "why": "w"}
        )
    )
    ready, waits = health.read(RunFile("a", os.getpid(), "h:1")), health.read(RunFile("b", os.getpid(), "h:2"))
    assert (ready.name, ready.pid, ready.address) == ("a", os.getpid(), "h:1")
    assert (ready.ready, ready.state, ready.why) == (True, "ready", "")
    assert (waits.ready, waits.state, waits.why) == (False, "not ready", "w")
    assert ready.up_s is not None
    assert 0 < ready.up_s < 86_400


def test_a_process_that_ended_meanwhile_is_not_asked(answer: Callable[[Answer], None]) -> None:
    def never(_url: str) -> httpx.Response:
        raise AssertionError

    answer(never)
    gone = health.read(RunFile("a", 2**22 + 1, "h:1"))
    assert (gone.up_s, gone.ready, gone.why) == (None, False, "has just ended")


def test_all_are_read_at_the_same_time(answer: Callable[[Answer], None], tmp_path: Path) -> None:
    """None is answered before all were asked."""
    everyone = threading.Barrier(3)

    def together(_url: str) -> httpx.Response:
        everyone.wait(10)
        return httpx.Response(200, json={"status": "ready", "why": ""})

    answer(together)
    for number, name in enumerate(("one", "two", "three")):
        run_file.write(tmp_path, name, "127.0.0.1", 9_000 + number)
    assert sorted(one.name for one in health.read_all(tmp_path)) == ["one", "three", "two"]
    assert health.read_all(tmp_path / "nowhere") == []
