"""Local broker as a child process: what Apache Kafka (`node.py`) and the stand-in (`stand_in.py`) have in common."""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from streamgauge.cli.local import child, ports
from streamgauge.runtime import files
from streamgauge.runtime.connection.config import QUIET
from streamgauge.runtime.data_dir import broker_marker
from streamgauge.runtime.data_dir.broker_marker import BrokerMarker
from streamgauge.runtime.errors import FatalError, TransientError, UsageError
from streamgauge.runtime.process import Process

log = logging.getLogger("streamgauge")


class LocalBroker(ABC):
    """A broker as a child process: `start`, `wait_ready`, `stop`; as a context manager all three."""

    kind: ClassVar[str]
    exactly_once: ClassVar[bool]
    install: str = ""

    def __init__(self, data_dir: Path, port: int, stop: threading.Event | None = None) -> None:
        self.data_dir = data_dir.absolute()
        self.port = port
        self._stop_wanted = stop or threading.Event()
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Where clients connect."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The broker's process id; only after `start`."""
        if self._child is None:
            raise RuntimeError("not started")
        return self._child.pid

    @property
    def marker(self) -> BrokerMarker:
        """Its kind and address, for all that must show them."""
        return BrokerMarker(self.kind, self.port, self.pid, self.exactly_once, self.install)

    @property
    def exit_code(self) -> int | None:
        """None while the broker runs (and before `start`), else its exit code."""
        return self._child.poll() if self._child else None

    def start(self) -> None:
        """Start the child; returns before it is ready. May first fetch files (minutes on a slow line).

        Raises `UsageError` for a port or a data directory in use or a missing part, `TransientError` where the stop
        event is set meanwhile.
        The thread that calls this must live as long as the broker (see `child.spawn`).
        """
        _require_free(self.port)
        with _sole_owner(self.data_dir) as lock:
            self._child = child.spawn(self._command(), self.data_dir / "logs" / "kafka.out", keep=lock)
        broker_marker.write(self.data_dir, self.marker)

    @abstractmethod
    def _command(self) -> list[str]:
        """The child's command line, an absolute path first; prepares what it needs."""

    def wait_ready(self, timeout_s: float = 60.0) -> None:
        """Block until a client gets metadata. Raises `FatalError` with the broker's last words when it ends instead or
        does not answer within `timeout_s`, `TransientError` when the stop event is set meanwhile."""
        client = AdminClient(
            {
                "bootstrap.servers": self.bootstrap,
                **QUIET,
                "reconnect.backoff.max.ms": 100,
                "socket.timeout.ms": 5000,
            }
        )
        deadline = time.monotonic() + timeout_s
        while not self._stop_wanted.is_set():
            if self.exit_code is not None:
                raise FatalError(f"{self.kind} ended with code {self.exit_code} at its start: {self.last_words()}")
            if time.monotonic() > deadline:
                raise FatalError(f"{self.kind} did not answer within {timeout_s:.0f} s: {self.last_words()}")
            try:
                if client.list_topics(timeout=0.2).brokers:
                    return
            except KafkaException:
                continue
        raise TransientError("stopped while the broker was starting")

    def last_words(self) -> str:
        """The last errors it logged, on one line, and where the rest is."""
        return f"see {self.data_dir / 'logs' / 'kafka.out'}"

    def stop(self, timeout_s: float = 30.0) -> None:
        """Stop the child cleanly, with SIGKILL after `timeout_s`; blocks. Does nothing when it does not run."""
        if self._child is not None:
            child.stop(self._child, timeout_s)
            broker_marker.path(self.data_dir).unlink(missing_ok=True)

    def kill(self) -> None:
        """SIGKILL, as tests and accidents do; blocks until it has ended."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()

    def __enter__(self) -> Self:
        try:
            self.start()
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def serve(process: Process, choose: Callable[[], LocalBroker]) -> None:
    """Run the broker that `choose` returns until the process is stopped.

    Raises `FatalError` when the broker ends by itself, and what `start` and `wait_ready` raise.
    """
    broker: LocalBroker | None = None
    try:
        began = time.monotonic()
        broker = choose()
        broker.start()
        broker.wait_ready()
        log.info("%s answers on %s after %.1f s", broker.kind, broker.bootstrap, time.monotonic() - began)
        if notice := broker.marker.notice:
            log.warning("%s", notice)
        process.ready()
        while not process.stop.wait(0.2):
            if broker.exit_code is not None:
                raise FatalError(f"{broker.kind} ended with code {broker.exit_code}: {broker.last_words()}")
    except TransientError:
        if not process.stop.is_set():
            raise
    finally:
        if broker is not None:
            broker.stop()


def _require_free(port: int) -> None:
    if not ports.is_free(port):
        raise UsageError(
            f"port {port} is in use; stop the process that listens there, or choose another with --port or "
            "STREAMGAUGE_BROKER_PORT (to use the broker that listens there, set STREAMGAUGE_BOOTSTRAP_SERVERS)"
        )


@contextmanager
def _sole_owner(data_dir: Path) -> Iterator[int]:
    """Lock the data directory; yields its file descriptor, which a child inherits and holds until it ends.

    Kafka's own lock comes too late: by then a second broker has written to the first one's metadata log.
    """
    lock = files.try_lock(data_dir / "run" / "broker.lock")
    if lock is None:
        raise UsageError(f"a broker runs on {data_dir} already; stop it, or set STREAMGAUGE_DATA_DIR to another folder")
    with lock:
        yield lock.fileno()
