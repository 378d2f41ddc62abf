"""What commands print: the option `--format`, and lines that appear at once. Control characters are made visible."""

import sys
from typing import Annotated, Any, Literal

import typer

from streamgauge.runtime.printable import json_text, printable

Format = Literal["table", "json", "csv", "parquet"]
# What most commands offer: a screen for people, or JSON for programs.
ScreenFormat = Annotated[
    Literal["table", "json"], typer.Option("--format", help="Output format: for people, or JSON for programs.")
]


def line(text: str) -> None:
    """Write one line to standard output, unbuffered."""
    sys.stdout.write(f"{printable(text)}\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Write one line to standard error, unbuffered: progress and remarks, apart from the result."""
    sys.stderr.write(f"{printable(text)}\n")
    sys.stderr.flush()


def json_line(value: Any) -> None:
    """Write a value as one line of JSON to standard output, unbuffered; its text is exact."""
    sys.stdout.write(f"{json_text(value)}\n")
    sys.stdout.flush()
