"""`streamgauge dead-letters list | show | retry`: the command line; each command imports what it needs."""

import sys
from enum import StrEnum
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="What failed, why, and sending it again.")

Which = Annotated[list[str] | None, typer.Argument(metavar="ID…|FINGERPRINT", help="Which: topic:partition:offset.")]
Stream = Annotated[str | None, typer.Option(help="Only letters of this stream.")]
Reason = Annotated[str | None, typer.Option(help="Only letters with this reason.")]
Since = Annotated[str | None, typer.Option(help="Only letters of the last 30m, 2h or 1d, or since a time.")]


class Format(StrEnum):
    """How `list` writes an answer."""

    table = "table"
    json = "json"


@app.command("list")
def list_(
    stream: Stream = None,
    reason: Reason = None,
    since: Since = None,
    fingerprint: Annotated[str | None, typer.Option(help="Only this fingerprint.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="How the answer is written.")] = Format.table,
) -> None:
    """Dead letters grouped by cause, with count, first, last and trend."""
    from runtime import settings
    from streamgauge.dead_letters import letters, listing

    choice = letters.choose((), fingerprint, stream, reason, since)
    listing.run(settings.load(), choice, as_json=format_ is Format.json)


@app.command()
def retry(
    which: Which = None,
    fingerprint: Annotated[str | None, typer.Option(help="Every letter with this fingerprint.")] = None,
    stream: Stream = None,
    reason: Reason = None,
    since: Since = None,
    rate: Annotated[float, typer.Option(help="Most events a second.", min=0.1)] = 50.0,
    group: Annotated[str | None, typer.Option(help="The consumer group that must get past them.")] = None,
    timeout: Annotated[float, typer.Option(help="Seconds a rung may wait without progress.", min=1)] = 60.0,
    yes: Annotated[bool, typer.Option("--yes", help="Really send; without it, only say what would be sent.")] = False,
) -> None:
    """Send dead letters again, each once: 1, then 5, 20, 100, …, as long as none fails again."""
    from runtime import settings
    from streamgauge.dead_letters import letters
    from streamgauge.dead_letters import retry as retries

    choice = letters.choose(which or (), fingerprint, stream, reason, since)
    sys.exit(retries.run(settings.load(), choice, retries.Options(rate, group, timeout, yes)))
