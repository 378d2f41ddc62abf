"""One-node Apache Kafka (KRaft): its data in `<data_dir>/kafka` survives restarts, its log is in `<data_dir>/logs`.

`stand_in.local_broker` chooses between it and the stand-in.
"""

from __future__ import annotations

import base64
import re
import subprocess
import threading
import uuid
from pathlib import Path
from string import Template

from streamgauge.cli.local.kafka import files, java, lock
from streamgauge.cli.local.kafka.broker import LocalBroker
from streamgauge.cli.local.ports import free_port
from streamgauge.runtime.errors import FatalError

_HERE = Path(__file__).parent
_FIRST_HEAP = "128m"
# The broker's error lines, and the exceptions below them, which contain the cause.
_ERROR = re.compile(r" (ERROR|FATAL) |^Error |^(Caused by: )?[a-z][\w.$]+(Exception|Error)\b")


class LocalKafka(LocalBroker):
    """Apache Kafka itself."""

    kind = f"Apache Kafka {lock.load().version}"
    exactly_once = True

    def __init__(
        self, data_dir: Path, port: int = 9092, heap: str = "768m", stop: threading.Event | None = None
    ) -> None:
        super().__init__(data_dir, port, stop)
        self.heap = heap
        self._log_file = self.data_dir / "logs" / "kafka.log"

    def _command(self) -> list[str]:
        program = java.find()
        jars = files.ensure(self._stop_wanted)
        logs = self.data_dir / "kafka"
        logs.mkdir(parents=True, exist_ok=True)
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        properties = self.data_dir / "run" / "server.properties"
        properties.parent.mkdir(parents=True, exist_ok=True)
        properties.write_text(self.server_properties(free_port()))
        self._began_at = _size(self._log_file)
        command = [
            str(program),
            f"-Xms{min(_FIRST_HEAP, self.heap, key=_bytes)}",
            f"-Xmx{self.heap}",
            # Two cores are shared with the pipeline: the fast compiler and the plain collector start in 60 % of the CPU
            # time and cost no throughput here (docs/kafka.md has the measurement).
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:-UsePerfData",
            "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={_HERE / 'log4j2.properties'}",
            f"-Dstreamgauge.log={self._log_file}",
            "-cp",
            ":".join(map(str, jars)),
        ]
        if not (logs / "meta.properties").exists():
            self._format([*command, "kafka.tools.StorageTool"], properties)
        return [*command, "kafka.Kafka", str(properties)]

    def server_properties(self, controller_port: int) -> str:
        """The content of `server.properties`."""
        text = (_HERE / "server.properties").read_text()
        logs = self.data_dir / "kafka"
        return Template(text).substitute(port=self.port, controller_port=controller_port, log_dir=_escaped(logs))

    def _format(self, tool: list[str], properties: Path) -> None:
        """Give the data directory its cluster id; `meta.properties`, the sign that this is done, is written last."""
        cluster = "-"
        while cluster.startswith("-"):  # the tool would take it for an option
            cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        command = [*tool, "format", "--cluster-id", cluster, "--config", str(properties)]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            why = " ".join((done.stderr or done.stdout).split())
            raise FatalError(f"Kafka cannot format {self.data_dir / 'kafka'}: {why}")

    def last_words(self) -> str:
        """The last errors since this start, on one line, and where the rest is."""
        lines = []
        for path, offset in ((self._log_file, self._began_at), (self.data_dir / "logs" / "kafka.out", 0)):
            if path.exists():
                with path.open(errors="replace") as file:
                    file.seek(offset)
                    lines += [line.strip() for line in file if _ERROR.search(line)]
        return " | ".join([*lines[-4:], f"see {self._log_file}"])


def _escaped(path: Path) -> str:
    """Escaped for a Java properties file: ASCII, the rest as UTF-16 escapes."""
    units = str(path).encode("utf-16-be")
    codes = [units[i] << 8 | units[i + 1] for i in range(0, len(units), 2)]
    return "".join(chr(code) if 32 <= code < 127 and code != ord("\\") else f"\\u{code:04x}" for code in codes)


def _bytes(heap: str) -> int:
    return int(heap[:-1]) << {"m": 20, "g": 30}[heap[-1]]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
