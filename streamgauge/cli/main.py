"""The command line: `streamgauge COMMAND`. Commands import what they need only when they run: `--help` is instant."""

import signal
import sys
from typing import Annotated

import typer

from streamgauge.cli import output
from streamgauge.cli.dead_letters.command import app as dead_letters
from streamgauge.cli.lag.command import lag
from streamgauge.cli.local.command import fault, up
from streamgauge.cli.partitions.command import partitions
from streamgauge.cli.query.command import snapshot, sql, story
from streamgauge.cli.rebuild.command import rebuild
from streamgauge.cli.replay.command import replay
from streamgauge.cli.run.broker import broker
from streamgauge.cli.run.dashboard import dashboard
from streamgauge.cli.run.generate import generate
from streamgauge.cli.run.process import process
from streamgauge.cli.run.services import services
from streamgauge.cli.run.warehouse import warehouse
from streamgauge.cli.status.command import status
from streamgauge.cli.streams.command import app as streams
from streamgauge.cli.topics.command import topics
from streamgauge.runtime.errors import StreamgaugeError, UsageError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        # Imported here: it takes a tenth of a command's start-up time.
        from importlib.metadata import version

        typer.echo(f"streamgauge {version('streamgauge')}")
        raise typer.Exit


@app.callback()
def streamgauge(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Real-time analytics and monitoring for event-driven microservices on Apache Kafka."""


# In the order of `--help`.
for command in (
    broker,
    topics,
    generate,
    services,
    process,
    warehouse,
    dashboard,
    up,
    fault,
    sql,
    snapshot,
    lag,
    partitions,
    status,
    story,
    rebuild,
    replay,
):
    app.command()(command)
app.add_typer(dead_letters, name="dead-letters")
app.add_typer(streams, name="streams")


def main() -> None:
    """Console entry point. Our errors become one line on standard error and exit code 2 (wrong use) or 1 (failure)."""
    # Until a process installs its own graceful stop, SIGTERM during a slow import must not count as a failure.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        app()
    except StreamgaugeError as error:
        _fail(error)
    except Exception as error:
        # Its class tells: importing Kafka's client would slow every command down.
        if type(error).__name__ != "KafkaException":
            raise
        from streamgauge.runtime import settings
        from streamgauge.runtime.connection.explain import explained

        _fail(explained(error, settings.load()))


def _fail(error: StreamgaugeError) -> None:
    output.note(f"streamgauge: {error}")
    sys.exit(2 if isinstance(error, UsageError) else 1)
