"""`streamgauge replay`."""

import sys
from typing import Annotated

import typer

from processors.registry import PROCESSORS

_REPLAYABLE = [processor.name for processor in PROCESSORS if processor.replayable]


def replay(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"One of {', '.join(_REPLAYABLE)}.")],
    to: Annotated[
        str | None, typer.Option(metavar="TIME", help="Back to what was published then: 2026-11-23T04:00:00Z.")
    ] = None,
    to_offset: Annotated[
        list[str] | None, typer.Option(metavar="TOPIC:PARTITION:OFFSET", help="Back to this offset; repeatable.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Rewind the group; without it, only a rehearsal.")] = False,
    re_emit: Annotated[
        bool, typer.Option("--re-emit", help="The processor may publish events and commands again.")
    ] = False,
) -> None:
    """Let a processor read part of the log again; shows first what it would read and what it has published."""
    from streamgauge.cli.replay import replay as work
    from streamgauge.runtime import settings
    from streamgauge.runtime.process import set_up_logging

    # Here and not where it logs: it replaces the handlers of whoever calls that in its own process, as tests do.
    set_up_logging(settings.load().log_level)
    sys.exit(work.main(name, to, to_offset or [], yes=yes, re_emit=re_emit))
