"""Jobs: commands that the dashboard runs as child processes, with their JSON output.

All sessions share the jobs, which continue when the session that started them ends. No job blocks a page: a thread
reads the output. The messages of a job are an immutable tuple that is replaced, so that a page may read them at any
moment.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Literal

from dashboard.pages.dead_letters import retry_request
from dashboard.pages.dead_letters.retry_request import Request
from streamgauge.runtime.errors import TransientError

log = logging.getLogger("streamgauge")
Kind = Literal["dry", "retry", "show"]
KEPT, MOST_AT_ONCE = 100, 4
# A dry run reads a topic or two; one that takes longer has no Kafka. A retry has time-outs of its own.
READ_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 8.0
_LONGEST_LINE = 4 * 1024 * 1024
_MOST_MESSAGES = 200


class Busy(TransientError):
    """Another job has to end first."""


@dataclass
class Job:
    """One command. `messages` are its JSON objects; `code` is None while it runs; `error` is its error message."""

    kind: Kind
    request: Request
    by: str
    id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended: datetime | None = None
    code: int | None = None
    error: str = ""
    stopping: bool = False
    messages: tuple[dict[str, Any], ...] = ()

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.ended is None

    def of(self, event: str) -> list[dict[str, Any]]:
        """Its messages of a kind."""
        return [one for one in self.messages if one.get("event") == event]

    @property
    def plan(self) -> dict[str, Any]:
        """What it would send; empty until the plan is known."""
        return next(iter(self.of("plan")), {})

    @property
    def end(self) -> dict[str, Any]:
        """Its final message; empty if there is none."""
        return next(iter(self.of("end")), {})


class Jobs:
    """Starts commands and keeps them. `command` is the prefix of the command line; `ended` is called after each
    retry."""

    def __init__(self, command: Sequence[str], ended: Callable[[Job], None] = lambda _: None) -> None:
        self._command = list(command)
        self._ended = ended
        self._lock = threading.Lock()
        self._jobs: list[Job] = []
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, kind: Kind, request: Request, by: str) -> Job:
        """Start a command; returns at once. Raises `Busy`, and `ValueError` for an invalid request."""
        with self._lock:
            running = [job for job in self._jobs if job.running]
            if kind != "show" and any(job.request.cause == request.cause and job.kind != "show" for job in running):
                raise Busy("a retry or a dry run of this cause is running; wait until it has ended")
            other = next((job for job in running if job.kind == "retry"), None)
            # Two would fence each other: there is one transactional id for the cluster (docs/dead-letters.md).
            if kind == "retry" and other is not None:
                raise Busy(
                    f"{other.by} is retrying dead letters of the cause {other.request.cause}; one retry at a time"
                )
            if len(running) >= MOST_AT_ONCE:
                raise Busy("too many jobs are running; try again in a moment")
            job = Job(kind, request, by)
            # An invalid request must not reach the thread.
            _arguments(job, None)
            self._jobs = [*self._jobs[-KEPT + 1 :], job]
        threading.Thread(target=self._run, args=(job,), name=f"job-{job.id}", daemon=True).start()
        return job

    def newest(self, cause: str, *kinds: Kind, letter: str | None = None) -> Job | None:
        """The newest job of these kinds for a cause, or for one of its dead letters."""
        for job in reversed(self._jobs):
            if job.request.cause == cause and job.kind in kinds and letter in (None, job.request.letter):
                return job
        return None

    def stop(self, job: Job) -> None:
        """Ask a job to stop: it settles what it has sent and sends no more. Returns at once."""
        with self._lock:
            job.stopping = True
            if child := self._children.get(job.id):
                child.terminate()

    def close(self) -> None:
        """Stop all jobs; blocks for `STOP_TIMEOUT_S` at most."""
        for job in self._jobs:
            if job.running:
                self.stop(job)
        until = time.monotonic() + STOP_TIMEOUT_S
        for child in list(self._children.values()):
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, until - time.monotonic()))

    def _run(self, job: Job) -> None:
        try:
            with _payload(job.request.payload) as file:
                job.code = self._watch(job, _arguments(job, file))
            if job.code and not job.end:
                job.error = job.error or f"the command ended with code {job.code}"
        except (OSError, ValueError) as error:
            job.code, job.error = 1, f"the command could not be started: {error}"
        finally:
            job.ended = datetime.now(UTC)
        if job.kind == "retry":
            self._ended(job)

    def _watch(self, job: Job, arguments: Sequence[str]) -> int:
        with tempfile.TemporaryFile() as errors:
            with subprocess.Popen(
                [*self._command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                # Ctrl-C in the dashboard's terminal must not reach it.
                start_new_session=True,
                env={**os.environ, "PYTHONUTF8": "1"},
            ) as child:
                code = self._follow(job, child)
            if code:
                errors.seek(0)
                job.error = _last_line(errors.read().decode(errors="replace"))
            return code

    def _follow(self, job: Job, child: subprocess.Popen[bytes]) -> int:
        with self._lock:
            self._children[job.id] = child
            if job.stopping:
                child.terminate()
        timer = threading.Timer(READ_TIMEOUT_S, child.kill) if job.kind != "retry" else None
        if timer:
            timer.start()
        try:
            if child.stdout is not None:
                _read_messages(job, child.stdout)
            return child.wait()
        finally:
            if timer:
                timer.cancel()
            with self._lock:
                del self._children[job.id]


def _arguments(job: Job, file: Path | None) -> list[str]:
    if job.kind == "show":
        return retry_request.show(job.request.letter or "")
    return retry_request.retry(job.request, by=job.by if job.kind == "retry" else None, file=file)


@contextlib.contextmanager
def _payload(text: str | None) -> Iterator[Path | None]:
    """The edited payload in a private file, for as long as the command needs it."""
    if text is None:
        yield None
        return
    # 0600 from the start: `mkstemp` makes it so.
    number, name = tempfile.mkstemp(prefix="edited-in-the-dashboard-", suffix=".json")
    path = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(text.encode())
        yield path
    finally:
        path.unlink(missing_ok=True)


def _read_messages(job: Job, output: IO[bytes]) -> None:
    while line := output.readline(_LONGEST_LINE):
        try:
            messages = json.loads(line)
        except ValueError:
            continue
        if not isinstance(messages, dict):
            continue
        before = job.messages
        if messages.get("event") == "progress" and before and before[-1].get("event") == "progress":
            before = before[:-1]
        if len(before) < _MOST_MESSAGES or messages.get("event") == "end":
            job.messages = (*before, messages)


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("streamgauge: ")[:2_000] if lines else ""
