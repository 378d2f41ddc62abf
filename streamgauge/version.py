"""`streamgauge --version`."""

from importlib import metadata

import typer


def say(wanted: bool) -> None:
    """Say it and end, where it is wanted."""
    if wanted:
        typer.echo(f"streamgauge {metadata.version('streamgauge')}")
        raise typer.Exit
