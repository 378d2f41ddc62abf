"""`streamgauge broker`."""

import sys
from typing import Annotated

import typer


def broker(
    port: Annotated[int | None, typer.Option(help="Port of the broker.", min=1, max=65535)] = None,
) -> None:
    """The local Kafka, in the foreground; its data stays in the data directory."""
    from streamgauge.cli.local.kafka.broker import serve
    from streamgauge.cli.local.kafka.stand_in import local_broker
    from streamgauge.runtime.process import run

    sys.exit(run("broker", lambda process: serve(process, lambda: local_broker(process.settings, port, process.stop))))
