"""`streamgauge partitions`."""

import sys
from typing import Annotated

import typer

from streamgauge.cli.output import ScreenFormat


def partitions(
    simulate: Annotated[
        str | None, typer.Option(metavar="KEY", help="Partition the events by this field instead of the present key.")
    ] = None,
    count: Annotated[
        int | None, typer.Option(help="Partitions to simulate; by default as many as there are.", min=1, max=10_000)
    ] = None,
    topic: Annotated[str | None, typer.Option(help="Only this stream; by default each that has the field.")] = None,
    events: Annotated[int, typer.Option(help="Newest recorded events of each stream to read.", min=1)] = 100_000,
    format_: ScreenFormat = "table",
) -> None:
    """How evenly recorded events are spread over their partitions, and how with another key or partition count."""
    from streamgauge.cli.partitions import screen

    sys.exit(screen.main(simulate, count, topic, events, as_json=format_ == "json"))
