"""`streamgauge dead-letters list | show | retry`: the command line; each command imports what it needs."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="What failed, why, and sending it again.")

Stream = Annotated[str | None, typer.Option(help="Only letters of this stream.")]
Reason = Annotated[str | None, typer.Option(help="Only letters with this reason.")]
Since = Annotated[str | None, typer.Option(help="Only letters of the last 30m, 2h or 1d, or since a time.")]


class Format(StrEnum):
    """How an answer is written: for people, or as JSON for programs."""

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
    from streamgauge.cli.dead_letters import letters, listing
    from streamgauge.runtime import settings

    choice = letters.choose((), fingerprint, stream, reason, since)
    listing.run(settings.load(), choice, as_json=format_ is Format.json)


@app.command()
def show(
    which: Annotated[str, typer.Argument(metavar="ID|FINGERPRINT", help="Which: topic:partition:offset.")],
    output: Annotated[Path | None, typer.Option(help="Only write the payload, byte by byte, to this file.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="How the letter is written.")] = Format.table,
) -> None:
    """One dead letter, whole: why, from where, headers, and the payload with the wrong field marked."""
    from streamgauge.cli.dead_letters import letters
    from streamgauge.cli.dead_letters import show as shown
    from streamgauge.runtime import settings

    choice = letters.choose([which], None, None, None, None)
    shown.run(settings.load(), choice, output, as_json=format_ is Format.json)


@app.command()
def retry(
    which: Annotated[
        list[str] | None, typer.Argument(metavar="[ID…|FINGERPRINT]", help="Which: topic:partition:offset.")
    ] = None,
    fingerprint: Annotated[str | None, typer.Option(help="Every letter with this fingerprint.")] = None,
    stream: Stream = None,
    reason: Reason = None,
    since: Since = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="Set this field in each; may be repeated.")
    ] = None,
    edit: Annotated[Path | None, typer.Option(metavar="FILE", help="Send this file's bytes instead.")] = None,
    rate: Annotated[float, typer.Option(help="Most events a second.", min=0.1)] = 50.0,
    group: Annotated[str | None, typer.Option(help="The consumer group that must get past them.")] = None,
    until: Annotated[str | None, typer.Option(help="Only letters until then, a span ago or a time.")] = None,
    by: Annotated[str | None, typer.Option(help="Who retries, for the record; else this user.")] = None,
    format_: Annotated[
        Format, typer.Option("--format", help="How it is told; json is one object a line.")
    ] = Format.table,
    timeout: Annotated[float, typer.Option(help="Seconds a rung may wait without progress.", min=1)] = 60.0,
    yes: Annotated[bool, typer.Option("--yes", help="Really send; without it, only say what would be sent.")] = False,
) -> None:
    """Send dead letters again, each once: 1, then 5, 20, 100, …, as long as none fails again."""
    from streamgauge.cli.dead_letters import edit as edits
    from streamgauge.cli.dead_letters import letters
    from streamgauge.cli.dead_letters import output as telling
    from streamgauge.cli.dead_letters import retry as retries
    from streamgauge.cli.dead_letters.plan import Options
    from streamgauge.runtime import settings

    choice = letters.choose(which or (), fingerprint, stream, reason, since, until)
    options = Options(rate, group, timeout, yes, [edits.parse(text) for text in set_ or ()], edit, by)
    told = telling.Lines() if format_ is Format.json else telling.Words()
    stop = retries.told_to_stop() if yes else None
    sys.exit(retries.run(settings.load(), choice, options, told, stop))
