"""`streamgauge up` as a user starts it: one command, real Kafka, everything stopped at the end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from streamgauge.cli.local.ports import free_port
from streamgauge.runtime.data_dir import run_file
from tests.support.requirements import require_kafka
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]
START_S = 240.0


class Up:
    """A running `streamgauge up`, with a data directory and ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.data_dir = folder / "data"
        self.ports = {name: free_port() for name in ("BROKER", "SQL", "DASHBOARD")}
        ours = {f"STREAMGAUGE_{name}_PORT": str(port) for name, port in self.ports.items()}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("STREAMGAUGE_")}
        self.environ = {
            **inherited,
            **ours,
            "STREAMGAUGE_DATA_DIR": str(self.data_dir),
            "STREAMGAUGE_BROKER_HEAP": "512m",
        }
        self.log = folder / "log"
        self._summary = folder / "summary"
        self.process: subprocess.Popen[bytes] | None = None

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Start it; whatever happens, nothing of it is left behind."""
        with self.log.open("wb") as log, self._summary.open("wb") as summary:
            self.process = subprocess.Popen(command("up", *arguments), stdout=summary, stderr=log, env=self.environ)
        try:
            yield self.process
        except BaseException:
            sys.stderr.write(self.log.read_text())
            raise
        finally:
            self.process.kill()
            self.process.wait()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command beside it."""
        return subprocess.run(  # noqa: PLW1510
            command(*arguments), env=self.environ, capture_output=True, text=True, timeout=60
        )

    def well(self) -> bool:
        """Whether `status` says so; what it says is printed where the test fails."""
        done = self.run("status")
        sys.stderr.write(done.stdout + done.stderr)
        return done.returncode == 0

    def pid(self, name: str) -> int | None:
        """The process of that name, from its run file."""
        for path in (self.data_dir / "run").glob(f"{name}-*.json"):
            entry = run_file.read(path)
            if entry is not None and psutil.pid_exists(entry.pid):
                return entry.pid
        return None

    def says(self, text: str, times: int = 1) -> bool:
        """Whether the log has it, however its columns are aligned."""
        return " ".join(self.log.read_text().split()).count(text) >= times

    def summary(self) -> dict[str, str]:
        """The summary's names and values."""
        rows = (re.split(r"\s{2,}", line.strip()) for line in self._summary.read_text().splitlines())
        return {row[0]: row[1] for row in rows if len(row) > 1}

    def left(self) -> list[str]:
        """Processes that still use this data directory."""
        mine = f"STREAMGAUGE_DATA_DIR={self.data_dir}".encode()
        found = []
        for process in psutil.process_iter():
            try:
                if mine in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0"):
                    found.append(f"{process.pid} {' '.join(process.cmdline())}")
            except (OSError, psutil.Error):
                continue
        return found


def command(*arguments: str) -> list[str]:
    return [str(Path(sys.executable).with_name("streamgauge")), *arguments]


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
    assert up.says(f"http://127.0.0.1:{up.ports['DASHBOARD']}")
    assert up.left() == []
    status = up.run("status")
    assert status.returncode == 1
    assert "nothing runs" in status.stderr


# `make chaos` runs it: it takes longer than all else here, and the supervisor has tests of its own.
@pytest.mark.chaos
@pytest.mark.long
def test_a_killed_part_is_restarted_and_nothing_is_lost(up: Up) -> None:
    with up.started("--rate", "200") as process:
        wait_until(lambda: up.says("first figures in SQL"), "the first figures", START_S)
        killed = up.pid("analytics")
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: up.says("analytics ready", 2), "analytics is ready again", 60.0)
        wait_until(lambda: up.says("all services are ready"), "all services are ready", START_S)
        wait_until(up.well, "all is well", 60.0)
        second = up.run("up")
        assert second.returncode == 2
        assert second.stderr.count("\n") == 1
        assert "runs already" in second.stderr
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    summary = up.summary()
    assert (summary["missing"], summary["restarts"]) == ("0", "1")
    assert summary["visible in SQL"] == summary["events produced"]
    assert up.says("analytics WARNING killed by SIGKILL; restart 1")
    assert up.left() == []


@pytest.mark.parametrize("name", ["BROKER", "SQL", "DASHBOARD"])
def test_a_port_in_use_is_said_before_anything_starts(tmp_path: Path, name: str) -> None:
    up = Up(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", up.ports[name]))
        taken.listen()
        done = up.run("up")
    assert done.returncode == 2
    assert f"port {up.ports[name]}" in done.stderr
    assert f"STREAMGAUGE_{name}_PORT" in done.stderr
    assert done.stderr.count("\n") == 1
    assert up.left() == []
