"""A process's edge: exit codes, `/health` and `/metrics`, the run file, log levels."""

from __future__ import annotations

import errno
import json
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from streamgauge.runtime import process
from streamgauge.runtime.data_dir import run_file
from streamgauge.runtime.errors import FatalError, TransientError, UsageError
from streamgauge.runtime.process import Process
from streamgauge.runtime.settings import Settings

Run = Callable[..., int]
NAME = "edge"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Run]:
    """`run(work)`, in a data directory of the test's; signals and logging as before afterwards."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    level = process.log.level
    # It would replace pytest's own handlers.
    monkeypatch.setattr(logging, "basicConfig", lambda **_options: None)
    monkeypatch.setenv("STREAMGAUGE_DATA_DIR", str(tmp_path))
    yield lambda work: process.run(NAME, work)
    process.log.setLevel(level)
    for number, before in handlers.items():
        signal.signal(number, before)


def raising(error: Exception) -> Callable[[Process], None]:
    def work(_process: Process) -> None:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("no topic"), 2),
        (FatalError("disk full"), 1),
        (TransientError("away"), 1),
        (OSError(errno.ENOSPC, "No space left on device", "x"), 1),
    ],
)
def test_exit_codes(run: Run, tmp_path: Path, error: Exception, code: int) -> None:
    assert run(raising(error)) == code
    assert list((tmp_path / "run").iterdir()) == []


def test_a_bug_is_not_an_exit_code_and_leaves_no_run_file(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        run(raising(ZeroDivisionError()))
    assert list((tmp_path / "run").iterdir()) == []


def test_a_wrong_setting_ends_the_start_with_one_line(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STREAMGAUGE_PARTITONS", "6")
    assert run(raising(AssertionError("must not start"))) == 2
    assert capsys.readouterr().err.startswith(f"streamgauge {NAME}: STREAMGAUGE_PARTITONS is not a setting")


def test_a_metrics_port_in_use_ends_the_start(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("STREAMGAUGE_METRICS_PORT", str(port))
        assert run(raising(AssertionError("must not start"))) == 2
    assert f"port {port} is in use; set STREAMGAUGE_METRICS_PORT" in capsys.readouterr().err


def test_health_and_metrics_while_the_work_runs(run: Run, tmp_path: Path) -> None:
    seen: list[tuple[int, dict[str, Any]]] = []

    def work(running: Process) -> None:
        (entry,) = run_file.living(tmp_path)
        assert entry.name == NAME

        def ask() -> None:
            answer = httpx.get(f"http://{entry.address}/health", trust_env=False)
            seen.append((answer.status_code, json.loads(answer.text)))

        ask()
        running.ready()
        ask()
        metrics = httpx.get(f"http://{entry.address}/metrics", trust_env=False).text
        assert f'streamgauge_process_ready{{process="{NAME}"}} 1.0' in metrics
        assert f'streamgauge_process_info{{process="{NAME}"' in metrics
        running.problem("orders", "orders is set aside")
        running.problem("orders", "orders is set aside: too large")
        running.problem("losses", "events were lost")
        ask()
        running.solved("losses")
        running.unready("no broker")
        ask()
        metrics = httpx.get(f"http://{entry.address}/metrics", trust_env=False).text
        assert f'streamgauge_process_ready{{process="{NAME}"}} 0.0' in metrics

    assert run(work) == 0
    assert [(code, health["status"], health["why"]) for code, health in seen] == [
        (503, "unready", "starting"),
        (200, "ready", ""),
        (200, "ready", ""),
        (503, "unready", "no broker"),
    ]
    set_aside = "orders is set aside: too large"
    assert [health["problems"] for _, health in seen] == [[], [], [set_aside, "events were lost"], [set_aside]]
    assert {health["process"] for _, health in seen} == {NAME}
    assert run_file.living(tmp_path) == []


@pytest.mark.parametrize(
    "accept", [b"application/openmetrics-text;version=a.b", b"text/plain;version=x", b"\xe9;q=\xff"]
)
def test_metrics_answer_whatever_the_scraper_accepts(
    run: Run, tmp_path: Path, capfd: pytest.CaptureFixture[str], accept: bytes
) -> None:
    def work(_process: Process) -> None:
        (entry,) = run_file.living(tmp_path)
        answer = httpx.get(f"http://{entry.address}/metrics", headers={b"accept": accept}, trust_env=False)
        assert answer.status_code == 200
        assert "streamgauge_process_ready" in answer.text

    assert run(work) == 0
    assert capfd.readouterr().err == ""


def test_a_signal_sets_the_stop_event(run: Run) -> None:
    def work(running: Process) -> None:
        assert not running.stop.is_set()
        signal.raise_signal(signal.SIGTERM)
        assert running.stop.wait(5)

    assert run(work) == 0


def test_a_change_of_health_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    running = Process(NAME, Settings(), threading.Event())
    with caplog.at_level(logging.INFO, "streamgauge"):
        for _ in range(3):
            running.ready()
        for _ in range(3):
            running.unready("no broker")
        running.unready("no topic")
    assert caplog.messages == ["ready", "not ready: no broker", "not ready: no topic"]
