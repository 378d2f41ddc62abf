"""`streamgauge rebuild`."""

import sys
from typing import Annotated

import typer


def rebuild(
    swap: Annotated[bool, typer.Option("--swap", help="Replace the running file with the new one.")] = False,
    lose_older: Annotated[
        bool, typer.Option("--lose-older", help="Swap even where the log no longer has events that the file counts.")
    ] = False,
) -> None:
    """Rebuild the tables from the log beside the running ones, and compare; exit 1 where figures differ."""
    from streamgauge.cli.rebuild import rebuild as work

    sys.exit(work.main(swapping=swap, lose_older=lose_older))
