"""`streamgauge up` as a user starts it, with a data directory and ports of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from streamgauge.cli.local.ports import free_port
from streamgauge.runtime.data_dir import run_file
from tests.support import commands

START_S = 240.0


class Up:
    """One `streamgauge up`: its log on standard error, its summary on standard output."""

    def __init__(self, folder: Path) -> None:
        self.data_dir = folder / "data"
        self.ports = {name: free_port() for name in ("BROKER", "SQL", "DASHBOARD")}
        ports = {f"STREAMGAUGE_{name}_PORT": str(port) for name, port in self.ports.items()}
        self.environ = commands.environment(
            {**ports, "STREAMGAUGE_DATA_DIR": str(self.data_dir), "STREAMGAUGE_BROKER_HEAP": "512m"}
        )
        self.log = folder / "log"
        self._summary = folder / "summary"
        self.process: subprocess.Popen[bytes] | None = None

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Start it; it is killed at the end of the block, and its log printed if the block fails."""
        with self.log.open("wb") as log, self._summary.open("wb") as summary:
            self.process = subprocess.Popen(
                [commands.PROGRAM, "up", *arguments], stdout=summary, stderr=log, env=self.environ
            )
        try:
            yield self.process
        except BaseException:
            sys.stderr.write(self.log.read_text())
            raise
        finally:
            self.process.kill()
            self.process.wait()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command beside it."""
        return commands.run(self.environ, *arguments)

    def all_well(self) -> bool:
        """Whether `status` reports that all is well; its output is printed where the test fails."""
        done = self.run("status")
        sys.stderr.write(done.stdout + done.stderr)
        return done.returncode == 0

    def pid(self, name: str) -> int | None:
        """The id of the process of that name, from its run file; None while there is none."""
        for path in (self.data_dir / "run").glob(f"{name}-*.json"):
            entry = run_file.read(path)
            if entry is not None and psutil.pid_exists(entry.pid):
                return entry.pid
        return None

    def logged(self, text: str, times: int = 1) -> bool:
        """Whether the log holds `text` so many times, however its columns are aligned."""
        return " ".join(self.log.read_text().split()).count(text) >= times

    def summary(self) -> dict[str, str]:
        """The values of the summary by name."""
        rows = (re.split(r"\s{2,}", line.strip()) for line in self._summary.read_text().splitlines())
        return {row[0]: row[1] for row in rows if len(row) > 1}

    def leftovers(self) -> list[str]:
        """Processes that still run with this data directory."""
        mine = f"STREAMGAUGE_DATA_DIR={self.data_dir}".encode()
        found = []
        for process in psutil.process_iter():
            try:
                if mine in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0"):
                    found.append(f"{process.pid} {' '.join(process.cmdline())}")
            except (OSError, psutil.Error):
                continue
        return found
