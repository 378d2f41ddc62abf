"""`streamgauge lag`."""

import sys
from typing import Annotated

import typer

from streamgauge.cli.output import ScreenFormat


def lag(
    group: Annotated[str | None, typer.Option(help="Only this consumer group.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only this topic.")] = None,
    format_: ScreenFormat = "table",
) -> None:
    """Which consumer is behind, since when, and what is waiting; exit 1 where one stalled, stopped or rewound."""
    from streamgauge.cli.lag import screen

    sys.exit(screen.main(group, topic, as_json=format_ == "json"))
