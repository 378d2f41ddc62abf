"""A supervised process: its specification, the child process, and its history."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx

from streamgauge.cli.local import child
from streamgauge.runtime.settings import PREFIX

WriteLine = Callable[[str, str, int], None]


@dataclass(frozen=True)
class ProcessSpec:
    """What to run.

    `command` returns the command line for the n-th start, from 1. `port` is the wanted metrics port, where `/health`
    answers 200 when ready; `choose_port` maps it to the one that a start gets. A process that is not `essential` is
    not waited for, and restarted as often as it dies.
    """

    name: str
    command: Callable[[int], list[str]]
    port: int
    choose_port: Callable[[int], int] = int
    host: str = "127.0.0.1"
    env: Mapping[str, str] = field(default_factory=dict)
    ready_within_s: float = 60.0
    stop_within_s: float = 15.0
    essential: bool = True


class SupervisedProcess:
    """The process of a specification, and its history."""

    def __init__(self, spec: ProcessSpec, write: WriteLine) -> None:
        self.spec = spec
        self.port = spec.port
        self.wanted = True
        self.ready = False
        self.was_ready = False
        self.due: float | None = None
        self.why_not = ""
        self.reasons: list[str] = []
        self.recent: deque[float] = deque()
        self._log = write
        self._starts = 0
        self._last_line = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    @property
    def name(self) -> str:
        """The specification's name."""
        return self.spec.name

    @property
    def pid(self) -> int | None:
        """The process id; None while it does not run."""
        return self._process.pid if self.poll() is None and self._process else None

    def poll(self) -> int | None:
        """Its exit code; None while it runs, and before its first start."""
        return self._process.poll() if self._process else None

    @property
    def started(self) -> bool:
        """Whether it has been started."""
        return self._process is not None

    def start(self) -> None:
        """Start it; returns at once."""
        self._starts += 1
        self.due, self.ready, self._last_line, self.why_not = None, False, "", "starting"
        self.port = self.spec.choose_port(self.spec.port)
        if self.port != self.spec.port:
            self._log(self.name, f"metrics port {self.spec.port} is taken; using {self.port}", logging.WARNING)
        environ = {**os.environ, **self.spec.env, f"{PREFIX}METRICS_PORT": str(self.port)}
        self._process = child.spawn(self.spec.command(self._starts), None, environ)
        self._reader = threading.Thread(target=self._read, args=(self._process,), name=f"log-{self.name}", daemon=True)
        self._reader.start()

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is None:
            raise RuntimeError("its output is not a pipe")
        with process.stdout as lines:
            for raw in lines:
                line = raw.decode(errors="replace").rstrip()
                if line:
                    self._last_line = line
                    self._log(self.name, line, logging.NOTSET)

    def reason(self) -> str:
        """How it ended: the signal, or the exit code and its last line."""
        code = self.poll()
        if code is None:
            return "is running"
        if code < 0:
            return f"killed by {signal.Signals(-code).name}"
        if self._reader is not None:
            self._reader.join(1.0)
        return f"ended with code {code}" + (f": {self._last_line}" if self._last_line and code else "")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, or with SIGKILL to its whole process group; does nothing after its end."""
        if self._process is None or self.poll() is not None:
            return
        if number == signal.SIGKILL:
            os.killpg(self._process.pid, number)
        else:
            self._process.send_signal(number)

    @property
    def lost_port(self) -> bool:
        """Whether it ended because its metrics port was taken between choice and start."""
        return self.poll() == 2 and f"port {self.port} is in use" in self.reason()

    def wait(self) -> None:
        """Block until it has ended and all its output is written."""
        if self._process is not None:
            self._process.wait()
        if self._reader is not None:
            self._reader.join(1.0)

    def check_health(self) -> bool:
        """Request `/health` once; True when ready. May block for half a second."""
        try:
            answer = httpx.get(f"http://{self.spec.host}:{self.port}/health", timeout=0.5, trust_env=False)
        except httpx.HTTPError:
            return False
        self.ready = answer.status_code == 200
        if self.ready:
            self.was_ready, self.why_not = True, ""
        elif answer.headers.get("content-type") == "application/json":
            self.why_not = str(answer.json().get("why", ""))
        return self.ready
