"""`streamgauge story | rebuild | replay`: the command line; each command imports what it needs."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

app = typer.Typer()


class Format(StrEnum):
    """How `story` writes an answer."""

    table = "table"
    json = "json"


@app.command()
def story(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="An order, a customer, an article (sku), …")],
    as_: Annotated[
        str | None, typer.Option("--as", metavar="KIND", help="What it is (order, customer, sku); else found out.")
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="How the story is written.")] = Format.table,
) -> None:
    """What happened to one thing, across all topics, cause before effect; exit 1 where nothing is known of it."""
    from streamgauge.cli import story as stories

    # Pasted from a CSV, an id may bring a line's end.
    sys.exit(stories.main(identifier.strip(), as_, as_json=format_ is Format.json))


@app.command()
def rebuild(
    swap: Annotated[bool, typer.Option("--swap", help="Put the new file in the running one's place.")] = False,
    lose_older: Annotated[
        bool, typer.Option("--lose-older", help="Swap even where the log no longer has events that the file counts.")
    ] = False,
) -> None:
    """Make the tables again from the log beside the running ones, and compare; exit 1 where figures differ."""
    from streamgauge.cli.rebuild import command

    sys.exit(command.main(swapping=swap, lose_older=lose_older))


@app.command()
def replay(
    name: Annotated[str, typer.Argument(help="fulfilment, fraud or attribution.")],
    to: Annotated[
        str | None, typer.Option(metavar="TIME", help="Back to what was published then: 2026-11-23T04:00:00Z.")
    ] = None,
    to_offset: Annotated[
        list[str] | None, typer.Option(metavar="TOPIC:PARTITION:OFFSET", help="Back to this offset; may be repeated.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Really rewind the group; without, it is a rehearsal.")] = False,
    re_emit: Annotated[
        bool, typer.Option("--re-emit", help="The processor may publish events and commands again.")
    ] = False,
) -> None:
    """A processor reads part of the log again: what it would read and has published is shown first."""
    from streamgauge.cli.replay import command

    sys.exit(command.main(name, to, to_offset or [], yes=yes, re_emit=re_emit))
