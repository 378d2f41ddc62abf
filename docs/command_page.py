"""docs/commands.md, from the command line itself."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

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


def overview() -> list[tuple[str, str, str]]:
    """Command, what it does, where to read more."""
    rows = []
    for name, command in commands().items():
        guide = GUIDES[name.split()[0]]
        rows.append((f"`streamgauge {usage(name, command)}`", command.help or "", f"[{guide.split('#')[0]}]({guide})"))
    return rows


def usage(name: str, command: TyperCommand) -> str:
    """A command with its arguments."""
    arguments = [entry.metavar or entry.name.upper() for entry in command.params if isinstance(entry, TyperArgument)]
    return " ".join([name, *arguments])


def options(command: TyperCommand) -> list[tuple[str, str]]:
    """The options of a command with their meaning and default."""
    return [
        (f"`{shown(entry)}`", meaning(entry))
        for entry in command.params
        if isinstance(entry, TyperOption) and "--help" not in entry.opts
    ]


def shown(option: TyperOption) -> str:
    """An option with its values, where it has a closed set of them or a name for them."""
    annotation = option.type_descriptor.annotation
    if option.metavar is None and isinstance(annotation, type) and issubclass(annotation, Enum):
        return f"{option.opts[0]} {'|'.join(str(choice.value) for choice in annotation)}"
    return " ".join([option.opts[0], *([option.metavar] if option.metavar else [])])


def meaning(option: TyperOption) -> str:
    """An option's help, with its default where it has one."""
    default = option.default.value if isinstance(option.default, Enum) else option.default
    return option.help or "" if default in (None, False) else f"{option.help} Default: `{default}`."
