"""docker-compose.yml without Docker: each of our services as a plain process on the local Kafka.

Command, variables, start order and health check are the file's own. Translated is what only containers have: addresses,
folders, ports, and host names, which differ from replica to replica there (`translate`).
"""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource

from streamgauge.cli.local.kafka.node import LocalKafka
from streamgauge.cli.local.ports import free_port
from streamgauge.runtime import settings as settings_module
from streamgauge.warehouse.client import Warehouse
from tests.deploy import compose
from tests.support import commands
from tests.support.requirements import require_kafka
from tests.support.waiting import wait_until

# A dozen processes start one after the other, which a laden machine takes its time for.
pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(900)]

REPLICAS = {"analytics": ["a7d1f0c2b9e4", "b52c91e07f38"]}
# As the `streamgauge` script does, on a host with a name of its own.
ENTRY = (
    "import socket, sys; host = sys.argv.pop(1); socket.gethostname = lambda: host; "
    "from streamgauge.cli.main import main; main()"
)
ANSWERS_WITHIN_S = 180.0


@dataclass
class Stack:
    """The stack's processes, by replica's name."""

    folder: Path
    bootstrap: str
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def port(self, of: str) -> int:
        return self.ports.setdefault(of, free_port())

    def environ(self, service: dict[str, Any], host: str) -> dict[str, str]:
        """The service's variables, translated; no other STREAMGAUGE_ variable from outside."""
        values = {name: self.translate(value, host) for name, value in compose.environment(service).items()}
        # In its container each has all ports to itself and keeps the defaults.
        ports = {"STREAMGAUGE_SQL_PORT": str(self.port("sql")), "STREAMGAUGE_DASHBOARD_PORT": str(self.port("pages"))}
        return commands.environment(ports | values)

    def translate(self, value: str, host: str) -> str:
        """What only containers have, as this machine has it."""
        known = {
            "kafka:19092": self.bootstrap,
            "http://warehouse:8600": f"http://127.0.0.1:{self.port('sql')}",
            "/data": str(self.folder / host),
            "/run/streamgauge/sql-token": str(self.folder / "sql-token"),
            "9101": str(self.port(f"metrics of {host}")),
        }
        return known.get(value, value)

    def start(self, name: str, service: dict[str, Any]) -> None:
        for host in REPLICAS.get(name, [name]):
            with (self.folder / f"{host}.log").open("wb") as log:
                self.processes[host] = subprocess.Popen(
                    [sys.executable, "-c", ENTRY, host, *compose.command(service)],
                    env=self.environ(service, host),
                    cwd=self.folder,
                    stdout=log,
                    stderr=log,
                )

    def wait(self, name: str, service: dict[str, Any], condition: str) -> None:
        for host in REPLICAS.get(name, [name]):
            if condition == "service_completed_successfully":
                assert self.processes[host].wait(ANSWERS_WITHIN_S) == 0, self.log(host)
            else:
                wait_until(partial(self.healthy, host, service), f"{host} is healthy", ANSWERS_WITHIN_S)

    def healthy(self, host: str, service: dict[str, Any]) -> bool:
        """Whether the file's own health check succeeds."""
        assert self.processes[host].poll() is None, self.log(host)
        kind, program, *arguments = service["healthcheck"]["test"]
        assert (kind, program) == ("CMD", "python")
        port = str(self.port(f"metrics of {host}"))
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", int(port))):
                return False  # nothing listens yet: not worth a process
        command = [sys.executable, *(argument.replace("9101", port) for argument in arguments)]
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0

    def log(self, host: str) -> str:
        return (self.folder / f"{host}.log").read_text(errors="replace")

    def metrics(self, host: str) -> str:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.port(f'metrics of {host}')}/metrics", timeout=30
        ) as answer:
            text: str = answer.read().decode()
        return text

    def total(self, host: str, name: str) -> float:
        lines = self.metrics(host).splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((f"{name}{{", f"{name} ")))

    def shows(self, host: str, name: str) -> bool:
        return self.total(host, name) > 0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All our services of docker-compose.yml, started in the file's order, healthy by the file's own check."""
    require_kafka()
    folder = tmp_path_factory.mktemp("parity")
    services = compose.ours()
    with LocalKafka(folder / "kafka", free_port(), heap="512m") as kafka:
        made = Stack(folder, kafka.bootstrap)
        try:
            for name in compose.start_order():
                if name not in services:
                    continue
                for other, condition in compose.waits_for(services[name]).items():
                    if other in services:
                        made.wait(other, services[other], condition)
                made.start(name, services[name])
            for name in services:
                if name != "topics":
                    made.wait(name, services[name], "service_healthy")
            yield made
        finally:
            for process in made.processes.values():
                process.kill()
                process.wait()


def warehouse(stack: Stack) -> Warehouse:
    """A client with the dashboard's own variables: address and token file come from the file."""
    return Warehouse(settings_module.load(stack.environ(compose.ours()["dashboard"], "dashboard")))


def test_kafka_knows_every_property_that_its_service_sets(stack: Stack) -> None:
    """The image makes `log.dirs` of KAFKA_LOG_DIRS, and takes a misspelt one as well."""
    admin = AdminClient({"bootstrap.servers": stack.bootstrap})
    (answer,) = admin.describe_configs([ConfigResource(ConfigResource.Type.BROKER, "1")]).values()
    known = set(answer.result(timeout=60))
    set_there = {
        name.removeprefix("KAFKA_").lower().replace("_", ".")
        for name in compose.environment(compose.services()["kafka"])
        if name.startswith("KAFKA_") and name != "KAFKA_HEAP_OPTS"
    }
    assert set_there - known == set()
    assert "auto.create.topics.enable" in set_there


def test_every_service_of_ours_runs(stack: Stack) -> None:
    """None was left out; set-up has ended, the rest is running."""
    ended = {host: process.poll() for host, process in stack.processes.items()}
    assert ended == {host: None for name in compose.ours() for host in REPLICAS.get(name, [name])} | {"topics": 0}


def test_both_replicas_work_and_their_events_arrive(stack: Stack) -> None:
    """Events of partitions of both, read in SQL with what the dashboard has; replicas do not fence each other."""
    with warehouse(stack) as client:

        def visible() -> int:
            (row,) = client.query("SELECT coalesce(sum(events), 0)::BIGINT AS events FROM stream_windows").to_pylist()
            return int(row["events"])

        wait_until(lambda: visible() >= 500, "500 events are visible in SQL", ANSWERS_WITHIN_S)
    for host in REPLICAS["analytics"]:
        wait_until(partial(stack.shows, host, "streamgauge_events_in_total"), f"{host} has events", ANSWERS_WITHIN_S)
        assert "another process uses this replica's transactional id" not in stack.log(host)
        assert stack.shows(host, "streamgauge_assigned_partitions")


def test_the_lag_monitor_sees_them(stack: Stack) -> None:
    """Both replicas as members of their group, and what the group has committed."""

    def seen() -> bool:
        lines = stack.metrics("lag").splitlines()
        group = 'consumergroup="analytics"'
        members = [line for line in lines if line.startswith("kafka_consumergroup_members{") and group in line]
        offsets = [line for line in lines if line.startswith("kafka_consumergroup_current_offset{") and group in line]
        return bool(offsets) and [float(line.rsplit(" ", 1)[1]) for line in members] == [2.0]

    wait_until(seen, "the lag monitor shows the group and its two members", ANSWERS_WITHIN_S)


def test_each_replica_has_a_partition_of_analytics_to_itself(stack: Stack) -> None:
    """Else a transaction that one left open would hold up what the other did."""
    client = Consumer({"bootstrap.servers": stack.bootstrap, "group.id": "parity"})
    try:
        numbers = client.list_topics("analytics", timeout=30).topics["analytics"].partitions

        def used() -> int:
            ends = (client.get_watermark_offsets(TopicPartition("analytics", number), timeout=30) for number in numbers)
            return sum(high > 0 for _, high in ends)

        wait_until(lambda: used() == 2, "both replicas have written deltas", ANSWERS_WITHIN_S)
    finally:
        client.close()


def test_memory_is_within_the_file_s_bounds(stack: Stack) -> None:
    """At rest they take two thirds of their limits at most; what is left is for load (docs/benchmarks.md)."""
    for name, service in compose.ours().items():
        for host in REPLICAS.get(name, [name]) if name != "topics" else []:
            number, unit = int(service["mem_limit"][:-1]), {"m": 2**20, "g": 2**30}[service["mem_limit"][-1]]
            taken = psutil.Process(stack.processes[host].pid).memory_info().rss
            assert taken < number * unit * 2 / 3, f"{host} takes {taken >> 20} MiB"


def test_the_pages_answer_where_the_file_publishes_them(stack: Stack) -> None:
    """The port is bound on every address, as a container's must be."""
    port = stack.port("pages")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as answer:
        assert answer.status == 200
    with socket.socket() as probe, pytest.raises(OSError, match="in use"):
        probe.bind(("0.0.0.0", port))  # noqa: S104


def test_they_stop_cleanly(stack: Stack) -> None:
    """What `docker compose stop` does, within the file's own time."""
    for process in stack.processes.values():
        if process.poll() is None:
            process.terminate()
    ended = {host: process.wait(ANSWERS_WITHIN_S) for host, process in stack.processes.items()}
    assert ended == dict.fromkeys(ended, 0)
