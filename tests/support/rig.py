"""Test rig: a real broker in a temporary folder, and Streamgauge's commands as plain processes on it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Collection, Iterator
from pathlib import Path

import psutil
from confluent_kafka.admin import AdminClient, NewTopic

from streamgauge.catalog import loader
from streamgauge.cli.local import child
from streamgauge.cli.local.kafka.node import LocalKafka
from streamgauge.cli.local.ports import free_port
from streamgauge.runtime.settings import Settings
from tests.support import commands
from tests.support.waiting import wait_until


class Worker:
    """One Streamgauge command as a process, with its health, metrics, processor time and memory."""

    def __init__(self, command: tuple[str, ...], environ: dict[str, str], log: Path, entry: str) -> None:
        self.command, self.environ, self.log, self.entry = command, environ, log, entry
        self.port = free_port()
        self.process = child.spawn(
            [sys.executable, "-c", f"from {entry} import main; main()", *command],
            log,
            {**environ, "STREAMGAUGE_METRICS_PORT": str(self.port)},
        )

    def metrics(self) -> dict[str, float]:
        """Samples of `/metrics` by `name{labels}`; empty while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as response:
                text = response.read().decode()
        except OSError:
            return {}
        rows = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in rows}

    def healthy(self) -> bool:
        """Whether `/health` reports ready."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def cpu_s(self) -> float:
        """Processor seconds so far."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def memory_mib(self) -> float:
        """Resident memory. (Its unique set size would be truer, but measuring that halts the process.)"""
        return float(psutil.Process(self.process.pid).memory_info().rss) / 2**20

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.terminate()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()
            return -9


class Rig:
    """A broker with the catalog's topics, a folder, and the commands started on them, in `workers`."""

    def __init__(self, folder: Path, kafka: LocalKafka, settings: Settings) -> None:
        self.folder, self.kafka, self.settings = folder, kafka, settings
        self.workers: list[Worker] = []

    def start(
        self, *command: str, ready: bool = True, entry: str = "streamgauge.cli.main", **settings: object
    ) -> Worker:
        """Start `streamgauge COMMAND`, with `settings` besides the rig's, and by default wait until it is ready.

        `entry` is another module whose `main` runs the command line: one with a planted bug.
        """
        environ = commands.environment(commands.variables(self.settings.model_copy(update=settings)))
        worker = self._spawn(command, environ, entry)
        if ready:
            self.wait_ready(worker)
        return worker

    def restart(self, worker: Worker) -> Worker:
        """kill -9, and start the same command anew without waiting until it is ready."""
        worker.kill()
        return self._spawn(worker.command, worker.environ, worker.entry)

    def _spawn(self, command: tuple[str, ...], environ: dict[str, str], entry: str) -> Worker:
        log = self.folder / f"{len(self.workers)}-{'-'.join(command[:2])}.log"
        worker = Worker(command, environ, log, entry)
        self.workers.append(worker)
        return worker

    def start_together(self, *argument_lists: tuple[str, ...]) -> list[Worker]:
        """Start several commands that need not wait for each other; returns when all are ready."""
        workers = [self.start(*arguments, ready=False) for arguments in argument_lists]
        self.wait_ready(*workers)
        return workers

    def wait_ready(self, *workers: Worker, timeout_s: float = 180.0) -> None:
        """Wait until each of them reports ready."""
        for worker in workers:
            wait_until(worker.healthy, f"ready; its log is {worker.log}", timeout_s, alive=worker.process)


@contextlib.contextmanager
def new_rig(
    partitions: int = 6,
    catalog: str = "streamgauge.catalog.commerce",
    kafka_class: type[LocalKafka] = LocalKafka,
    topics: tuple[str, ...] | None = None,
    **values: object,
) -> Iterator[Rig]:
    """A rig with `values` as settings, and all topics of the catalog unless `topics` names others.

    At the end its processes are killed and its folder is removed.
    """
    with tempfile.TemporaryDirectory(prefix="streamgauge-") as name:
        folder = Path(name)
        with kafka_class(folder / "broker", free_port(), heap="1g") as kafka:
            settings = Settings(
                bootstrap_servers=kafka.bootstrap,
                data_dir=folder / "data",
                sql_port=free_port(),
                catalog=catalog,
                **values,  # type: ignore[arg-type]
            )
            loaded = loader.load(catalog)
            make_topics(kafka, loaded.topics if topics is None else topics, partitions, loaded.compacted)
            rig = Rig(folder, kafka, settings)
            try:
                yield rig
            finally:
                for worker in rig.workers:
                    worker.kill()


def make_topics(kafka: LocalKafka, topics: tuple[str, ...], partitions: int, compacted: Collection[str] = ()) -> None:
    """Create topics that keep their events for a week, with as many replicas as the broker gives by default."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    config = {"retention.ms": "604800000", "retention.bytes": "-1", "max.message.bytes": "4194304"}
    kept = {**config, "cleanup.policy": "compact", "min.compaction.lag.ms": config["retention.ms"]}
    wanted = [NewTopic(topic, partitions, config=kept if topic in compacted else config) for topic in topics]
    for future in admin.create_topics(wanted).values():
        future.result(timeout=30)
