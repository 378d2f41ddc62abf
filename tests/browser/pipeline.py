"""A whole pipeline for the browser tests and the screenshots: real Kafka, every process as a user starts it."""

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
    """Processes by name, on ports of their own; what they print is in `<folder>/<name>.log`."""

    def __init__(self, folder: Path, bootstrap: str) -> None:
        self.folder = folder
        self.dashboard_port, self.sql_port = free_port(), free_port()
        self.environ = commands.environment(
            {
                "STREAMGAUGE_DATA_DIR": str(folder / "data"),
                "STREAMGAUGE_BOOTSTRAP_SERVERS": bootstrap,
                "STREAMGAUGE_SQL_PORT": str(self.sql_port),
                "STREAMGAUGE_DASHBOARD_PORT": str(self.dashboard_port),
                # A busy machine needs long to find the button that cancels, with a query that takes both its cores.
                "STREAMGAUGE_SQL_TIMEOUT_S": "60",
            }
        )
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        """Where the dashboard is."""
        return f"http://127.0.0.1:{self.dashboard_port}"

    def log(self, name: str) -> str:
        """The end of what a process printed."""
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace")[-4_000:] if path.exists() else ""

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; raises when it fails."""
        done = commands.run(self.environ, *command, timeout_s=120)
        assert done.returncode == 0, done.stderr + done.stdout
        return done

    def start(self, name: str, *command: str) -> None:
        """Start a long-lived command and wait until its /health says ready."""
        self.start_together({name: command or (name,)})

    def start_together(self, lines: Mapping[str, tuple[str, ...]]) -> None:
        """Start several and wait until all are ready."""
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
        """Stop what runs, in reverse order of starting."""
        for name in reversed(list(self._running)):
            self.stop(name)

    def generate(self, ledger: str, *options: str) -> dict[str, Any]:
        """Run the generator to its end; returns its ledger."""
        path = self.folder / f"{ledger}.json"
        self.run("generate", *options, "--ledger", str(path))
        totals: dict[str, Any] = json.loads(path.read_text())
        return totals

    def reprice(self, count: int) -> int:
        """So many articles get a new price; returns how many."""
        with publishing(self.environ["STREAMGAUGE_BOOTSTRAP_SERVERS"]) as send:
            for number in range(count):
                fields = {"sku": f"SKU-{number:04}", "name": f"Article {number}", "category": "garden"}
                send("products", fields["sku"], event("product.updated", **fields, price_cents=1_000, cost_cents=500))
        return count

    def figure(self, sql: str) -> int:
        """The one figure that a query answers."""
        with Warehouse(settings.load(self.environ)) as warehouse:
            (row,) = warehouse.query(sql).to_pylist()
        return int(next(iter(row.values())) or 0)

    def events(self) -> int:
        """Events that SQL shows, of all streams but what the lag sampler writes for ever."""
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
    """A pipeline with the commerce services, after one run of the storefront. `ledger` is the storefront's, `moved` the
    synthetic services' own (docs/generator.md, docs/services.md)."""

    def __init__(self, folder: Path, bootstrap: str) -> None:
        super().__init__(folder, bootstrap)
        # At 1 s, a sample of the sampler's own events is on its way at each look, and its readers never caught up.
        self.environ["STREAMGAUGE_LAG_INTERVAL_S"] = "2"
        self.ledger: dict[str, Any] = {}
        self.moved: dict[str, Any] = {}

    def _answer(self, *options: str) -> None:
        """Start the services that answer orders."""
        processors = {name: ("process", name) for name in ("fulfilment", "fraud", "attribution", "lag")}
        self.start_together({"services": ("services", *options), **processors})

    def open(self, *options: str) -> None:
        """Start the services, and customers who keep coming."""
        self._answer()
        self.start("generate", "generate", "--storefront", *options)

    def sell(self, events: int) -> None:
        """Start the services, let customers come, and wait until every order has ended and all of it is visible."""
        moved = self.folder / "moved.json"
        # Decisions depend on ids, which no two runs share: so many shipments fail that some order is always refunded.
        self._answer("--latency-ms", "20", "--fail", "0.1", "--ledger", str(moved))
        self.ledger = self.generate("shop", "--storefront", "--fraud", "0.05", "--rate", "600", "--count", str(events))
        orders = sum(row["orders"] for row in self.ledger["tables"]["order_windows"])
        ended = "SELECT count(*) FROM sagas WHERE step = 'ended'"
        wait_until(lambda: self.figure(ended) == orders, f"{orders:,} orders ended")
        # The services write it every second.
        written = time.time()
        wait_until(lambda: moved.stat().st_mtime > written + 1, "the services' ledger")
        self.moved = json.loads(moved.read_text())
        wait_until(self._still, "figures stay as they are")

    def _still(self) -> bool:
        before = self.events()
        time.sleep(1.0)
        return self.events() == before


@contextmanager
def running(folder: Path, kind: type[P]) -> Iterator[P]:
    """An empty pipeline, ready: a broker of its own (the catalog's topics have fixed names), topics, all processes."""
    with LocalKafka(folder / "broker", free_port(), heap="512m") as kafka:
        pipeline = kind(folder, kafka.bootstrap)
        try:
            pipeline.run("topics")
            together = {"analytics": ("process", "analytics"), "warehouse": ("warehouse",), "dashboard": ("dashboard",)}
            pipeline.start_together(together)
            yield pipeline
        finally:
            pipeline.close()
