"""A private pipeline: a real broker in a temporary folder, and our commands as plain processes on it."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from streamgauge.catalog import loader
from streamgauge.cli.local import child
from streamgauge.cli.local.kafka.broker import free_port
from streamgauge.cli.local.kafka.node import LocalKafka
from streamgauge.runtime.settings import Settings
from tests.support.waiting import wait_until


def machine() -> str:
    """The machine, for the table's caption."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
        model = found[1] if found else model
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, Python {platform.python_version()}"


class Worker:
    """One of our commands as a process, with its metrics and its share of a core."""

    def __init__(self, command: list[str], env: dict[str, str], log: Path, entry: str = "streamgauge.cli.main") -> None:
        self.port = free_port()
        self.log = log
        self.process = child.spawn(
            [sys.executable, "-c", f"from {entry} import main; main()", *command],
            log,
            {**env, "STREAMGAUGE_METRICS_PORT": str(self.port)},
        )

    def metrics(self) -> dict[str, float]:
        """Samples by `name{labels}`; empty while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except OSError:
            return {}
        rows = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in rows}

    def healthy(self) -> bool:
        """True when `/health` says ready."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def cpu_s(self) -> float:
        """Processor seconds so far."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def memory_mib(self) -> float:
        """Resident memory. (What is its own alone would be truer, but asking for that halts the process.)"""
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
    """A broker with the catalog's topics, and a folder; `start` starts a command on it."""

    def __init__(self, folder: Path, kafka: LocalKafka, settings: Settings) -> None:
        self.folder, self.kafka, self.settings = folder, kafka, settings
        self.workers: list[Worker] = []

    def start(
        self, *command: str, ready: bool = True, entry: str = "streamgauge.cli.main", **settings: object
    ) -> Worker:
        """Start `streamgauge COMMAND` (or another `entry` module's) and, by default, wait until it is ready."""
        values = {**self.settings.model_dump(exclude_unset=True), **settings}
        env = {name: value for name, value in os.environ.items() if not name.startswith("STREAMGAUGE_")}
        env |= {f"STREAMGAUGE_{name.upper()}": str(value) for name, value in values.items()}
        log = self.folder / f"{len(self.workers)}-{'-'.join(command[:2])}.log"
        worker = Worker(list(command), env, log, entry)
        self.workers.append(worker)
        if ready:
            wait_until(worker.healthy, f"{command} ready; its log is {worker.log}", alive=worker.process)
        return worker


@contextlib.contextmanager
def new_rig(partitions: int = 6, catalog: str = "streamgauge.catalog.commerce", **values: object) -> Iterator[Rig]:
    """A rig that cleans up after itself."""
    with tempfile.TemporaryDirectory(prefix="streamgauge-") as name:
        folder = Path(name)
        with LocalKafka(folder / "broker", free_port(), heap="1g") as kafka:
            settings = Settings(
                bootstrap_servers=kafka.bootstrap,
                data_dir=folder / "data",
                sql_port=free_port(),
                catalog=catalog,
                **values,  # type: ignore[arg-type]
            )
            make_topics(kafka, loader.load(catalog).topics, partitions)
            made = Rig(folder, kafka, settings)
            try:
                yield made
            finally:
                for worker in made.workers:
                    worker.kill()


def ordered_producer(bootstrap: str, **config: object) -> Producer:
    """A producer that neither reorders nor repeats what the broker refuses at first, as it does while a new partition
    has no leader yet. `linger_ms=5` is librdkafka's `linger.ms`."""
    named = {name.replace("_", "."): value for name, value in config.items()}
    return Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, **named})


def make_topics(kafka: LocalKafka, topics: tuple[str, ...], partitions: int) -> None:
    """The catalog's topics."""
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    config = {"retention.ms": "604800000", "retention.bytes": "-1", "max.message.bytes": "4194304"}
    for future in admin.create_topics([NewTopic(topic, partitions, 1, config=config) for topic in topics]).values():
        future.result(timeout=30)
