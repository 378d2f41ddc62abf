"""`streamgauge sql`, `streamgauge snapshot` and `streamgauge story`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from streamgauge.cli.output import Format, ScreenFormat


def sql(
    text: Annotated[str, typer.Argument(metavar="SELECT", help="One SELECT; - reads it from standard input.")],
    format_: Annotated[Format, typer.Option("--format", help="Format of the result.")] = "table",
    output: Annotated[Path | None, typer.Option(help="Write to this file instead of standard output.")] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="With --format csv: every text exact, also what a spreadsheet would run.")
    ] = False,
    as_of: Annotated[
        str | None, typer.Option(metavar="TIME", help="The tables as of then, by event time: 2026-11-23T04:00:00Z.")
    ] = None,
    known_only: Annotated[
        bool, typer.Option("--known-only", help="With --as-of: leave out what retention has made unknown.")
    ] = False,
) -> None:
    """Query the warehouse while the pipeline writes."""
    from streamgauge.cli.query.sql import sql
    from streamgauge.warehouse.client import AsOf

    sql(text, format_, output, AsOf(as_of, known_only) if as_of else None, raw=raw)


def snapshot(
    file: Annotated[Path, typer.Argument(metavar="FILE.duckdb", help="The file to write.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> None:
    """A consistent copy of the warehouse for any DuckDB tool, while the pipeline runs."""
    from streamgauge.cli.query.snapshot import snapshot

    snapshot(file, force=force)


def story(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="An order, a customer, an article (sku), …")],
    as_: Annotated[
        str | None, typer.Option("--as", metavar="KIND", help="What it is (order, customer, sku); else inferred.")
    ] = None,
    format_: ScreenFormat = "table",
) -> None:
    """What happened to one thing, across all topics, cause before effect; exit 1 where nothing is known of it."""
    from streamgauge.cli.query import story

    # Pasted from a CSV, an id may bring a line's end.
    sys.exit(story.main(identifier.strip(), as_, as_json=format_ == "json"))
