"""The one-machine stack: its processes, their order, ports and environment variables."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from processors.registry import BY_NAME, COMMERCE, PROCESSORS
from streamgauge.cli.local import ports
from streamgauge.cli.local.supervised import ProcessSpec
from streamgauge.cli.local.target import Target
from streamgauge.runtime.process import FIRST_METRICS_PORT
from streamgauge.runtime.settings import PREFIX, Settings

TRAFFIC, SERVICES = "generate", "services"
# What publishes events in answer to the traffic: the synthetic services and the processors of the commerce catalog.
WRITERS = (*(processor.name for processor in COMMERCE), SERVICES)
# Metrics ports, counted from the first; the processors have the others.
_PORTS = {"broker": 0, "warehouse": 2, "dashboard": 3, TRAFFIC: 4, SERVICES: 6}
PORTS = _PORTS | {processor.name: processor.port for processor in PROCESSORS}
NAMES = tuple(sorted(PORTS, key=PORTS.__getitem__))
# The first start may fetch Kafka's files over a slow line; Kafka's own start is limited to a minute by `broker`.
_FETCH_S = 1_800.0


@dataclass(frozen=True)
class Stack:
    """Processes in waves: a wave starts when all before it are ready. `commerce` is last: it catches up from the log.

    `scripted` is the traffic where no services answer the storefront's.
    """

    broker: tuple[ProcessSpec, ...]
    pipeline: tuple[ProcessSpec, ...]
    traffic: tuple[ProcessSpec, ...]
    commerce: tuple[ProcessSpec, ...]
    scripted: tuple[ProcessSpec, ...]

    def without_transactions(self) -> Stack:
        """The stack on a broker without transactions: no stateful processors, and scripted traffic."""
        return replace(self, commerce=(), traffic=self.scripted)


def check_ports(settings: Settings) -> None:
    """Raise `UsageError`, naming the setting to change, for the first port that is in use."""
    if settings.bootstrap_servers is None:
        ports.require_free(
            settings.broker_port,
            "the broker",
            f"{PREFIX}BROKER_PORT",
            otherwise=f", or {PREFIX}BOOTSTRAP_SERVERS=127.0.0.1:{settings.broker_port} to use the broker there",
        )
    ports.require_free(settings.sql_port, "SQL", f"{PREFIX}SQL_PORT", settings.sql_host)
    ports.require_free(settings.dashboard_port, "the dashboard", f"{PREFIX}DASHBOARD_PORT")


def plan(to: Target, rate: float | None, ledgers: Path) -> Stack:
    """The stack that `up` runs. `rate` None is no traffic; each start of the traffic writes a ledger to `ledgers`.

    Without the shop there is neither traffic nor are there the commerce services.
    """
    settings = to.settings
    host = settings.metrics_host
    health_host = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - recognised, not bound
    first = settings.metrics_port or FIRST_METRICS_PORT
    wanted = {name: first + number for name, number in PORTS.items()}
    metrics = ports.MetricsPorts(wanted.values(), host)
    common = {} if to.ours else _environment(settings)

    def service(
        name: str,
        *arguments: str,
        ready_within_s: float = 60.0,
        stop_within_s: float = 15.0,
        essential: bool = True,
    ) -> ProcessSpec:
        return ProcessSpec(
            name,
            partial(_command, name, arguments, ledgers),
            wanted[name],
            metrics.choose,
            health_host,
            common,
            ready_within_s,
            stop_within_s,
            essential,
        )

    def processor(name: str) -> ProcessSpec:
        row = BY_NAME[name]
        return service(
            name,
            "process",
            name,
            ready_within_s=row.ready_within_s,
            stop_within_s=row.stop_within_s,
            essential=row.essential,
        )

    def traffic(*options: str) -> tuple[ProcessSpec, ...]:
        if rate is None or not to.shop:
            return ()
        return (service(TRAFFIC, "generate", "--rate", f"{rate:g}", *options),)

    return Stack(
        # The broker flushes its log when it stops.
        broker=() if not to.ours else (service("broker", "broker", ready_within_s=_FETCH_S, stop_within_s=30.0),),
        pipeline=(service("warehouse", "warehouse"), service("dashboard", "dashboard"))
        if to.observed
        else (
            service("warehouse", "warehouse"),
            processor("analytics"),
            service("dashboard", "dashboard"),
            *(processor(row.name) for row in PROCESSORS if not row.commerce and row.name != "analytics"),
        ),
        # The services restore their ledger from the log, as the processors do their state.
        commerce=(
            service(SERVICES, "services", ready_within_s=300.0),
            *(processor(row.name) for row in COMMERCE),
        )
        if to.shop
        else (),
        traffic=traffic("--storefront"),
        scripted=traffic(),
    )


def _environment(settings: Settings) -> dict[str, str]:
    """What `up` decided for somebody's cluster, for the processes that it starts."""
    decided = ("bootstrap_servers", "mode", "catalog", "data_dir", "read_from_s")
    return {f"{PREFIX}{name.upper()}": str(getattr(settings, name)) for name in decided}


def ledger_file(ledgers: Path, start: int) -> Path:
    """The ledger of the traffic's n-th start."""
    return ledgers / f"ledger-{start}.json"


def _command(name: str, arguments: tuple[str, ...], ledgers: Path, start: int) -> list[str]:
    ledger = ["--ledger", str(ledger_file(ledgers, start))] if name == TRAFFIC else []
    return [sys.executable, "-m", "streamgauge", *arguments, *ledger]
