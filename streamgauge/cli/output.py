"""What commands print: the option `--format`, and lines that appear at once."""

import sys
from typing import Annotated, Literal

import typer

Format = Literal["table", "json", "csv", "parquet"]
# What most commands offer: a screen for people, or JSON for programs.
ScreenFormat = Annotated[
    Literal["table", "json"], typer.Option("--format", help="Output format: for people, or JSON for programs.")
]


def line(text: str) -> None:
    """Write one line to standard output, unbuffered."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Write one line to standard error, unbuffered: progress and remarks, apart from the result."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
