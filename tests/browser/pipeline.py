"""A pipeline for the browser tests and the screenshots: real Kafka, every process started by its command."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx

from streamgauge.cli.local.kafka.node import LocalKafka
from streamgauge.cli.local.ports import free_port
from streamgauge.runtime import settings
from streamgauge.runtime.data_dir import run_file
from streamgauge.warehouse.client import Warehouse
from tests.support import commands
from tests.support.commerce_events import event
from tests.support.publishing import publishing
from tests.support.waiting import wait_until

P = TypeVar("P", bound="Pipeline")


class Pipeline:
    """Processes by name, each with its own port; their output is in `<folder>/<name>.log`."""

    def __init__(self, folder: Path, bootstrap: str) -> None:
        self.folder = folder
        self.dashboard_port, self.sql_port = free_port(), free_port()
        self.environ = commands.environment(
            {
                "STREAMGAUGE_DATA_DIR": str(folder / "data"),
                "STREAMGAUGE_BOOTSTRAP_SERVERS": bootstrap,
                "STREAMGAUGE_SQL_PORT": str(self.sql_port),
                "STREAMGAUGE_DASHBOARD_PORT": str(self.dashboard_port),
                # On a busy machine it takes long to press Cancel while a query uses all cores.
                "STREAMGAUGE_SQL_TIMEOUT_S": "60",
            }
        )
        self.repriced = 0
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        """Address of the dashboard."""
        return f"http://127.0.0.1:{self.dashboard_port}"

    def log(self, name: str) -> str:
        """The end of the output of a process."""
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace")[-4_000:] if path.exists() else ""

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; raises when it fails."""
        done = commands.run(self.environ, *command, timeout_s=120)
        assert done.returncode == 0, done.stderr + done.stdout
        return done

    def start(self, name: str, *command: str) -> None:
        """Start a long-lived command and wait until its /health reports ready."""
        self.start_together({name: command or (name,)})

    def start_together(self, lines: Mapping[str, tuple[str, ...]]) -> None:
        """Start several and wait until all are ready."""
        assert not lines.keys() & self._running.keys(), "started twice"
        for name, command in lines.items():
            with (self.folder / f"{name}.log").open("ab") as log:
                self._running[name] = subprocess.Popen(
                    [commands.PROGRAM, *command], env=self.environ, stdout=log, stderr=log
                )
        for name in lines:
            try:
                wait_until(partial(self._ready, name, self._running[name]), f"{name} is ready")
            except AssertionError as error:
                raise AssertionError(f"{error}\n{self.log(name)}") from None

    def stop(self, name: str) -> int:
        """SIGTERM; returns the exit code."""
        child = self._running.pop(name)
        child.send_signal(signal.SIGTERM)
        return child.wait(timeout=30)

    def close(self) -> None:
        """Stop the running processes, the last started first."""
        for name in reversed(list(self._running)):
            self.stop(name)

    def generate(self, ledger: str, *options: str) -> dict[str, Any]:
        """Run the generator to its end; returns its ledger."""
        path = self.folder / f"{ledger}.json"
        self.run("generate", *options, "--ledger", str(path))
        totals: dict[str, Any] = json.loads(path.read_text())
        return totals

    def reprice(self, count: int) -> int:
        """Publish new prices of `count` articles, which `repriced` counts; returns `count`."""
        self.repriced += count
        with publishing(self.environ["STREAMGAUGE_BOOTSTRAP_SERVERS"]) as send:
            for number in range(count):
                fields = {"sku": f"SKU-{number:04}", "name": f"Article {number}", "category": "garden"}
                send("products", fields["sku"], event("product.updated", **fields, price_cents=1_000, cost_cents=500))
        return count

    def figure(self, sql: str) -> int:
        """The only value of the result of a query, 0 for NULL."""
        with Warehouse(settings.load(self.environ)) as warehouse:
            (row,) = warehouse.query(sql).to_pylist()
        return int(next(iter(row.values())) or 0)

    def events(self) -> int:
        """Number of events visible in SQL, without those that the lag sampler keeps writing."""
        return self.figure("SELECT sum(events) FROM stream_windows WHERE stream <> 'lag'")

    def _ready(self, name: str, child: subprocess.Popen[bytes]) -> bool:
        assert child.poll() is None, f"{name} ended with {child.returncode}"
        for path in (self.folder / "data" / "run").glob(f"*-{child.pid}.json"):
            entry = run_file.read(path)
            try:
                return entry is not None and httpx.get(f"http://{entry.address}/health", timeout=2).is_success
            except httpx.TransportError:
                return False
        return False


class Shop(Pipeline):
    """A pipeline with the commerce services, after one run of the storefront. `ledger` is that of the storefront,
    `services_ledger` that of the synthetic services (docs/generator.md, docs/services.md)."""

    def __init__(self, folder: Path, bootstrap: str) -> None:
        super().__init__(folder, bootstrap)
        # At 1 s, events of the sampler itself would be in flight at every sample, and its readers never caught up.
        self.environ["STREAMGAUGE_LAG_INTERVAL_S"] = "2"
        self.ledger: dict[str, Any] = {}
        self.services_ledger: dict[str, Any] = {}

    def _start_services(self, *options: str) -> None:
        """Start the services that process orders."""
        processors = {name: ("process", name) for name in ("fulfilment", "fraud", "attribution", "lag")}
        self.start_together({"services": ("services", *options), **processors})

    def start_storefront(self, *options: str) -> None:
        """Start the services, where they do not run, and a storefront that keeps running."""
        if "services" not in self._running:
            self._start_services()
        self.start("generate", "generate", "--storefront", *options)

    def run_storefront(self, events: int) -> None:
        """Start the services, run the storefront to its end, and wait until all orders have ended and are visible."""
        services_ledger = self.folder / "services.json"
        # Decisions depend on ids, which differ between runs: enough shipments fail that some order is always refunded.
        self._start_services("--latency-ms", "20", "--fail", "0.1", "--ledger", str(services_ledger))
        self.ledger = self.generate("shop", "--storefront", "--fraud", "0.05", "--rate", "600", "--count", str(events))
        orders = sum(row["orders"] for row in self.ledger["tables"]["order_windows"])
        ended = "SELECT count(*) FROM sagas WHERE step = 'ended'"
        wait_until(lambda: self.figure(ended) == orders, f"{orders:,} orders ended")
        # The services write it every second.
        written = time.time()
        wait_until(lambda: services_ledger.stat().st_mtime > written + 1, "the services' ledger")
        self.services_ledger = json.loads(services_ledger.read_text())
        wait_until(self._unchanged, "figures no longer change")

    def _unchanged(self) -> bool:
        before = self.events()
        time.sleep(1.0)
        return self.events() == before


@contextmanager
def running_pipeline(folder: Path, kind: type[P]) -> Iterator[P]:
    """An empty pipeline that is ready: its own broker, because topics have fixed names, and all processes."""
    with LocalKafka(folder / "broker", free_port(), heap="512m") as kafka:
        pipeline = kind(folder, kafka.bootstrap)
        try:
            pipeline.run("topics")
            together = {"analytics": ("process", "analytics"), "warehouse": ("warehouse",), "dashboard": ("dashboard",)}
            pipeline.start_together(together)
            yield pipeline
        finally:
            pipeline.close()
