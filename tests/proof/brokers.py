"""Brokers that are not as `streamgauge broker` starts them: with an authorizer, with passwords, three of them."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path
from typing import ClassVar

from streamgauge.cli.local.kafka.node import LocalKafka
from streamgauge.cli.local.ports import free_port
from streamgauge.runtime.errors import FatalError


class Configured(LocalKafka):
    """A broker with further properties, which replace those of the same name."""

    properties: ClassVar[str] = ""

    def _command(self) -> list[str]:
        command = super()._command()
        self._add(Path(command[-1]))
        return command

    def _format(self, tool: list[str], properties: Path) -> None:
        self._add(properties)
        super()._format(tool, properties)

    def _add(self, properties: Path) -> None:
        text = properties.read_text()
        if (more := self.more()) not in text:
            properties.write_text(f"{text}\n{more}")

    def more(self) -> str:
        """The further properties."""
        return self.properties


class Authorizing(Configured):
    """Everybody may do everything, until a right is denied."""

    properties = """
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
"""


class WithPasswords(Configured):
    """A second listener, on the port `password_port`, wants SASL PLAIN: user `proof` with `PASSWORD`."""

    PASSWORD = "planted-kafka-password-7c1f9e"

    def __init__(
        self, data_dir: Path, port: int = 9092, heap: str = "768m", stop: threading.Event | None = None
    ) -> None:
        super().__init__(data_dir, port, heap, stop)
        self.password_port = free_port()
        self._controller_port = free_port()

    def more(self) -> str:
        """Its listeners and the one user."""
        login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        here = "127.0.0.1"
        clients = f"PLAINTEXT://{here}:{self.port},SASL_PLAINTEXT://{here}:{self.password_port}"
        return f"""
controller.quorum.voters=1@{here}:{self._controller_port}
listeners={clients},CONTROLLER://{here}:{self._controller_port}
advertised.listeners={clients}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_plaintext.plain.sasl.jaas.config={login} user_proof="{self.PASSWORD}";
"""


class Node(Configured):
    """One of three brokers, each also a controller; every topic has three replicas, two of which must be in step."""

    def __init__(self, folder: Path, number: int, ports: list[int], controllers: list[int], cluster: str) -> None:
        super().__init__(folder / f"broker-{number}", ports[number], heap="512m")
        self._number, self._controllers, self._cluster = number, controllers, cluster

    def more(self) -> str:
        """Its place among the three."""
        here, controller = f"127.0.0.1:{self.port}", self._controllers[self._number]
        voters = ",".join(f"{number + 1}@127.0.0.1:{port}" for number, port in enumerate(self._controllers))
        return f"""
node.id={self._number + 1}
controller.quorum.voters={voters}
listeners=PLAINTEXT://{here},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://{here}
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
"""

    def _format(self, tool: list[str], properties: Path) -> None:
        self._add(properties)
        command = [*tool, "format", "--cluster-id", self._cluster, "--config", str(properties)]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise FatalError(f"Kafka cannot format: {done.stderr or done.stdout}")


class ThreeBrokers(LocalKafka):
    """Three brokers in place of one; `nodes` are killed and started singly."""

    def __init__(
        self, data_dir: Path, port: int = 9092, heap: str = "768m", stop: threading.Event | None = None
    ) -> None:
        super().__init__(data_dir, port, heap, stop)
        ports, controllers = [port, free_port(), free_port()], [free_port() for _ in range(3)]
        self.nodes = [Node(data_dir, number, ports, controllers, "cHJvb2Ytb2YtdGhyZWUtMQ") for number in range(3)]

    @property
    def bootstrap(self) -> str:
        """All three."""
        return ",".join(node.bootstrap for node in self.nodes)

    def start(self) -> None:
        """Start all three; each needs another to be ready."""
        for node in self.nodes:
            node.start()

    def wait_ready(self, timeout_s: float = 60.0) -> None:
        """Until each answers."""
        for node in self.nodes:
            node.wait_ready(2 * timeout_s)

    def stop(self, timeout_s: float = 30.0) -> None:
        """Kill all three: a clean stop of the last ones would wait for a quorum."""
        for node in self.nodes:
            node.kill()
