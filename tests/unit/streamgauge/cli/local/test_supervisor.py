"""Supervision, with children that are a line of Python each."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from streamgauge.cli.local.ports import free_port
from streamgauge.cli.local.supervised import ProcessSpec
from streamgauge.cli.local.supervisor import GaveUp, Policy, Supervisor
from tests.support.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="children die with their parent on Linux only")

QUICK = Policy(restarts=2, within_s=60.0, first_wait_s=0.01, longest_wait_s=0.02)
# Ready at once; on SIGTERM it writes its name to the file and ends.
READY = """
import http.server, signal, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *args): pass
def stop(*_):
    open(sys.argv[2], "a").write(sys.argv[3] + "\\n"); sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("hello from " + sys.argv[3], flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class Log:
    """The lines written."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, name: str, line: str, level: int) -> None:
        """Keep the line."""
        self.lines.append(f"{name}: {line}")


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def supervisor(log: Log) -> Iterator[Supervisor]:
    one = Supervisor(log.say, QUICK)
    yield one
    one.kill()


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that is in use."""
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        yield int(taken.getsockname()[1])


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code, *arguments]


def service(name: str, code: str = "pass", **options: float) -> ProcessSpec:
    return ProcessSpec(name, lambda _start: python(code), 1, **options)  # type: ignore[arg-type]


def server(name: str, stopped: Path) -> ProcessSpec:
    port = free_port()
    return ProcessSpec(name, lambda _start: python(READY, str(port), str(stopped), name), port)


def tick_until(supervisor: Supervisor, condition: Callable[[], bool]) -> None:
    def check() -> bool:
        supervisor.tick()
        return condition()

    wait_until(check, "the supervisor to act", 10.0)


def test_gives_up_after_the_limit_with_the_reason(supervisor: Supervisor, log: Log) -> None:
    supervisor.start([service("weak", "print('first', flush=True); raise SystemExit('no memory')")])
    with pytest.raises(GaveUp, match=r"weak died 3 times in 60 s; last: ended with code 1: no memory") as given_up:
        tick_until(supervisor, lambda: False)
    assert given_up.value.code == 1
    assert [line for line in log.lines if "restart" in line] == [
        "weak: ended with code 1: no memory; restart 1 in 0.01 s",
        "weak: ended with code 1: no memory; restart 2 in 0.02 s",
    ]


def test_restarts_long_ago_do_not_count(log: Log) -> None:
    now = [0.0]
    supervisor = Supervisor(log.say, QUICK, clock=lambda: now[0])
    supervisor.start([service("weak", "raise SystemExit(1)")])
    one = supervisor.running["weak"]
    for times in range(1, 6):
        wait_until(lambda: one.poll() is not None, "its end", 10.0)
        supervisor.tick()  # sees the death
        now[0] += 40.0
        supervisor.tick()  # starts it again
        assert len(one.reasons) == times
    supervisor.kill()


def test_wrong_use_is_not_restarted(supervisor: Supervisor) -> None:
    supervisor.start([service("wrong", "import sys; print('port 2 is in use'); sys.exit(2)")])
    with pytest.raises(GaveUp, match="^wrong cannot start: port 2 is in use$") as given_up:
        tick_until(supervisor, lambda: False)
    assert given_up.value.code == 2


def process(folder: Path, choose_port: Callable[[int], int], wanted: int) -> ProcessSpec:
    """A process as ours are, that does nothing."""
    code = """
import sys
from streamgauge.runtime import process
sys.exit(process.run("idle", lambda running: (running.ready(), running.stop.wait())))
"""
    line = [sys.executable, "-c", code]
    return ProcessSpec("idle", lambda _start: line, wanted, choose_port, env={"STREAMGAUGE_DATA_DIR": str(folder)})


def test_a_metrics_port_taken_at_the_start_is_chosen_again(
    supervisor: Supervisor, log: Log, tmp_path: Path, taken_port: int
) -> None:
    spare = free_port()
    chosen = iter([taken_port, spare])
    supervisor.start([process(tmp_path, lambda _wanted: next(chosen), taken_port)])
    assert supervisor.wait_ready(threading.Event())
    one = supervisor.running["idle"]
    assert (one.port, one.reasons) == (spare, [])
    assert f"idle: metrics port {taken_port} was taken at its start; starting again" in log.lines
    assert f"idle: metrics port {taken_port} is taken; using {spare}" in log.lines


def test_a_metrics_port_that_is_always_taken_is_given_up_on(
    supervisor: Supervisor, log: Log, tmp_path: Path, taken_port: int
) -> None:
    supervisor.start([process(tmp_path, int, taken_port)])
    with pytest.raises(GaveUp, match=f"idle cannot start: streamgauge idle: port {taken_port} is in use") as given_up:
        supervisor.wait_ready(threading.Event())
    assert given_up.value.code == 2
    assert len([line for line in log.lines if "starting again" in line]) == QUICK.restarts


def test_a_missing_part_later_on_is_restarted(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start([server("ready", tmp_path / "stopped")])
    assert supervisor.wait_ready(threading.Event())
    one = supervisor.running["ready"]
    # The broker it needs may be away for a moment: as if it had ended with code 2.
    one.spec = service("ready", "import sys; sys.exit(2)")
    one.signal(signal.SIGKILL)
    tick_until(supervisor, lambda: "ended with code 2" in one.reasons)
    assert one.reasons == ["killed by SIGKILL", "ended with code 2"]


def test_one_that_is_not_essential_is_not_waited_for_and_never_given_up_on(supervisor: Supervisor, log: Log) -> None:
    supervisor.start([service("weak", "import sys; sys.exit(2)", essential=False)])
    assert supervisor.wait_ready(threading.Event())

    def restarted_often() -> bool:
        supervisor.tick()
        return len(supervisor.running["weak"].reasons) > 2 * QUICK.restarts

    wait_until(restarted_often, "restarted beyond the limit for others", 60.0)


def test_each_start_knows_its_number(supervisor: Supervisor) -> None:
    starts: list[int] = []

    def command(start: int) -> list[str]:
        starts.append(start)
        return python("raise SystemExit(1)")

    supervisor.start([ProcessSpec("weak", command, 1)])
    with pytest.raises(GaveUp):
        tick_until(supervisor, lambda: False)
    assert starts == [1, 2, 3]


def test_not_ready_in_time(supervisor: Supervisor) -> None:
    supervisor.start([service("slow", "import time; time.sleep(60)", ready_within_s=0.2)])
    with pytest.raises(GaveUp, match="slow is not ready after 0 s: starting"):
        supervisor.wait_ready(threading.Event())


def test_a_stop_ends_the_wait(supervisor: Supervisor) -> None:
    supervisor.start([service("slow", "import time; time.sleep(60)")])
    stop = threading.Event()
    stop.set()
    assert not supervisor.wait_ready(stop)


def test_stops_in_reverse_order(supervisor: Supervisor, log: Log, tmp_path: Path) -> None:
    stopped = tmp_path / "stopped"
    supervisor.start([server("broker", stopped)])
    assert supervisor.wait_ready(threading.Event())
    supervisor.start([server("warehouse", stopped), server("dashboard", stopped)])
    assert supervisor.wait_ready(threading.Event())
    assert supervisor.close()
    assert stopped.read_text().split() == ["dashboard", "warehouse", "broker"]
    assert "broker: hello from broker" in log.lines
    assert all(one.poll() == 0 for one in supervisor.running.values())


def test_one_stopped_for_good_stays_away(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.start([server("traffic", tmp_path / "stopped")])
    assert supervisor.wait_ready(threading.Event())
    assert supervisor.stop("traffic")
    supervisor.tick()
    assert supervisor.running["traffic"].pid is None
    assert not supervisor.running["traffic"].reasons


def test_one_that_does_not_stop_is_killed(supervisor: Supervisor, log: Log) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    supervisor.start([service("deaf", deaf, stop_within_s=0.1)])
    wait_until(lambda: "deaf: deaf" in log.lines, "its first line", 10.0)
    assert not supervisor.close()
    assert "deaf: did not stop within 0 s: killed" in log.lines
    assert supervisor.running["deaf"].reason() == "killed by SIGKILL"


def test_children_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    program = f"""
import json, sys, time
from pathlib import Path
from streamgauge.cli.local.supervised import ProcessSpec
from streamgauge.cli.local.supervisor import Supervisor
sleep = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]
supervisor = Supervisor(lambda *_: None)
supervisor.start([ProcessSpec(name, lambda _: sleep, 1) for name in "ab"])
part = Path({str(pids)!r} + ".part")
part.write_text(json.dumps([one.pid for one in supervisor.running.values()]))
part.rename({str(pids)!r})
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", program])
    try:
        wait_until(pids.exists, "the children's numbers", 20.0)
        children = json.loads(pids.read_text())
        assert all(psutil.pid_exists(pid) for pid in children)
    finally:
        parent.kill()
        parent.wait()
    wait_until(lambda: not any(_runs(pid) for pid in children), "the end of the children", 5.0)


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_kill_takes_grandchildren_along(supervisor: Supervisor, log: Log) -> None:
    code = (
        "import subprocess, sys, time; "
        "child = subprocess.Popen([sys.executable, '-I', '-S', '-c', 'import time; time.sleep(600)']); "
        "print(child.pid, flush=True); time.sleep(600)"
    )
    supervisor.start([service("parent", code)])
    wait_until(lambda: bool(log.lines), "its first line", 10.0)
    grandchild = int(log.lines[0].partition(": ")[2])
    began = time.monotonic()
    supervisor.kill()
    wait_until(lambda: not _runs(grandchild), "the end of the grandchild", 5.0)
    assert time.monotonic() - began < 5.0
    assert os.getpid() != grandchild
