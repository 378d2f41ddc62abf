"""`streamgauge dead-letters list | show | retry`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from streamgauge.cli.output import ScreenFormat

app = typer.Typer(no_args_is_help=True, help="What failed and why; retry of what failed.")

Stream = Annotated[str | None, typer.Option(help="Only letters of this stream.")]
Reason = Annotated[str | None, typer.Option(help="Only letters with this reason.")]
Since = Annotated[str | None, typer.Option(help="Only letters of the last 30m, 2h or 1d, or since a time.")]


@app.command("list")
def list_(
    stream: Stream = None,
    reason: Reason = None,
    since: Since = None,
    fingerprint: Annotated[str | None, typer.Option(help="Only this fingerprint.")] = None,
    format_: ScreenFormat = "table",
) -> None:
    """Dead letters grouped by cause, with count, first, last and trend."""
    from streamgauge.cli.dead_letters import listing, selection
    from streamgauge.runtime import settings

    choice = selection.choose((), fingerprint, stream, reason, since)
    listing.run(settings.load(), choice, as_json=format_ == "json")


@app.command()
def show(
    which: Annotated[
        str, typer.Argument(metavar="ID|FINGERPRINT", help="An id (topic:partition:offset) or a fingerprint.")
    ],
    output: Annotated[Path | None, typer.Option(help="Write only the payload, unchanged, to this file.")] = None,
    format_: ScreenFormat = "table",
) -> None:
    """One dead letter: reason, origin, headers, and the payload with the wrong field marked."""
    from streamgauge.cli.dead_letters import selection
    from streamgauge.cli.dead_letters import show as work
    from streamgauge.runtime import settings

    choice = selection.choose([which], None, None, None, None)
    work.run(settings.load(), choice, output, as_json=format_ == "json")


@app.command()
def retry(
    which: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID…|FINGERPRINT]", help="Ids (topic:partition:offset) or a fingerprint."),
    ] = None,
    fingerprint: Annotated[str | None, typer.Option(help="Every letter with this fingerprint.")] = None,
    stream: Stream = None,
    reason: Reason = None,
    since: Since = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Set this field in each; may be repeated.")
    ] = None,
    edit: Annotated[Path | None, typer.Option(metavar="FILE", help="Send this file's bytes instead.")] = None,
    rate: Annotated[float, typer.Option(help="Maximum events a second.", min=0.1)] = 50.0,
    group: Annotated[str | None, typer.Option(help="The consumer group that must process them.")] = None,
    until: Annotated[str | None, typer.Option(help="Only letters until 30m, 2h or 1d ago, or until a time.")] = None,
    by: Annotated[str | None, typer.Option(help="Who retries, for the audit record; by default this user.")] = None,
    format_: ScreenFormat = "table",
    timeout: Annotated[float, typer.Option(help="Seconds a rung may wait without progress.", min=1)] = 60.0,
    yes: Annotated[bool, typer.Option("--yes", help="Send; without it, only show what would be sent.")] = False,
) -> None:
    """Retry dead letters, each once: 1, then 5, 20, 100, …, stopping when one fails again."""
    from streamgauge.cli.dead_letters import output, selection
    from streamgauge.cli.dead_letters import retry as work
    from streamgauge.cli.dead_letters.plan import Options
    from streamgauge.dead_letters.retry.edit import parse
    from streamgauge.runtime import settings

    choice = selection.choose(which or (), fingerprint, stream, reason, since, until)
    options = Options(rate, group, timeout, yes, [parse(text) for text in set_ or ()], edit, by)
    reporter = output.JsonLines() if format_ == "json" else output.TextOutput()
    stop = work.stop_on_signal() if yes else None
    sys.exit(work.run(settings.load(), choice, options, reporter, stop))
