"""`streamgauge up` as a user starts it: one command, real Kafka, everything stopped at the end."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from tests.support.requirements import require_kafka
from tests.support.up import START_S, Up
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]


@pytest.fixture
def up(tmp_path: Path) -> Up:
    require_kafka()
    return Up(tmp_path)


def test_runs_for_a_while_and_leaves_nothing(up: Up) -> None:
    with up.started("--for", "10", "--rate", "200") as process:
        assert process.wait(400) == 0
    summary = up.summary()
    assert int(summary["events produced"].replace(",", "")) >= 1_900
    assert summary["visible in SQL"] == summary["events produced"]
    assert (summary["missing"], summary["dead letters"], summary["restarts"]) == ("0", "0", "0")
    assert float(summary["freshness"].split()[0]) < 5.0
    assert up.logged(f"http://127.0.0.1:{up.ports['DASHBOARD']}")
    assert up.leftovers() == []
    status = up.run("status")
    assert status.returncode == 1
    assert "nothing runs" in status.stderr


# `make chaos` runs it: it takes longer than all else here, and the supervisor has tests of its own.
@pytest.mark.chaos
@pytest.mark.long
def test_a_killed_part_is_restarted_and_nothing_is_lost(up: Up) -> None:
    with up.started("--rate", "200") as process:
        wait_until(lambda: up.logged("first figures in SQL"), "the first figures", START_S)
        killed = up.pid("analytics")
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: up.logged("analytics ready", 2), "analytics is ready again", 60.0)
        wait_until(lambda: up.logged("all services are ready"), "all services are ready", START_S)
        wait_until(up.all_well, "all is well", 60.0)
        second = up.run("up")
        assert second.returncode == 2
        assert second.stderr.count("\n") == 1
        assert "is already running" in second.stderr
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    summary = up.summary()
    assert (summary["missing"], summary["restarts"]) == ("0", "1")
    assert summary["visible in SQL"] == summary["events produced"]
    assert up.logged("analytics WARNING killed by SIGKILL; restart 1")
    assert up.leftovers() == []


@pytest.mark.parametrize("name", ["BROKER", "SQL", "DASHBOARD"])
def test_a_port_in_use_is_reported_before_anything_starts(tmp_path: Path, name: str) -> None:
    up = Up(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", up.ports[name]))
        taken.listen()
        done = up.run("up")
    assert done.returncode == 2
    assert f"port {up.ports[name]}" in done.stderr
    assert f"STREAMGAUGE_{name}_PORT" in done.stderr
    assert done.stderr.count("\n") == 1
    assert up.leftovers() == []
