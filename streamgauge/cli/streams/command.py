"""`streamgauge streams close`."""

import sys
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Decisions about single streams.")


@app.callback()
def streams() -> None:
    """Decisions about single streams."""


@app.command()
def close(
    stream: Annotated[str, typer.Argument(metavar="STREAM", help="The stream, by its topic.")],
    by: Annotated[str | None, typer.Option(help="Who decides, for the audit record; by default this user.")] = None,
) -> None:
    """Close a stream's circuit breaker: what is bad in its topic by now becomes dead letters, however much it is."""
    from streamgauge.cli.streams import close as work
    from streamgauge.runtime import settings

    sys.stdout.write(work.run(settings.load(), stream, by) + "\n")
