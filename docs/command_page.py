"""docs/commands.md, from the command line itself."""

from __future__ import annotations

from collections.abc import Iterator

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from streamgauge.cli.main import app

# Where a command is described at length.
GUIDES = {
    "broker": "kafka.md#the-local-broker",
    "topics": "kafka.md#the-topics",
    "generate": "generator.md",
    "services": "services.md",
    "process": "architecture.md#what-runs",
    "warehouse": "architecture.md",
    "dashboard": "dashboard.md",
    "up": "operations.md",
    "fault": "services.md#faults-on-command",
    "sql": "operations.md#streamgauge-sql-and-streamgauge-snapshot",
    "snapshot": "operations.md#streamgauge-sql-and-streamgauge-snapshot",
    "lag": "lag.md",
    "partitions": "partitioning.md",
    "status": "operations.md#streamgauge-status",
    "dead-letters": "dead-letters.md",
    "streams": "dead-letters.md",
    "story": "story.md",
    "rebuild": "replay.md#rebuild",
    "replay": "replay.md#replay",
}


def commands() -> dict[str, TyperCommand]:
    """Every command by its full name, members of a group included."""
    return dict(_members("", typer.main.get_command(app)))


def _members(name: str, command: object) -> Iterator[tuple[str, TyperCommand]]:
    if isinstance(command, TyperGroup):
        for member, entry in command.commands.items():
            yield from _members(f"{name} {member}".strip(), entry)
    elif isinstance(command, TyperCommand):
        yield name, command


def overview() -> list[tuple[str, str, str, str]]:
    """Command, what it does, its options, where to read more."""
    rows = []
    for name, command in commands().items():
        guide = GUIDES[name.split()[0]]
        more = f"[{guide.split('#')[0]}]({guide})"
        rows.append((f"`streamgauge {usage(name, command)}`", command.help or "", options(command), more))
    return rows


def usage(name: str, command: TyperCommand) -> str:
    """A command with its arguments."""
    arguments = [entry.metavar or entry.name.upper() for entry in command.params if isinstance(entry, TyperArgument)]
    return " ".join([name, *arguments])


def options(command: TyperCommand) -> str:
    """The options of a command, by name."""
    found = (entry for entry in command.params if isinstance(entry, TyperOption) and "--help" not in entry.opts)
    return ", ".join(f"`{entry.opts[0]}{f' {entry.metavar}' if entry.metavar else ''}`" for entry in found)
