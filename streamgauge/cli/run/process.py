"""`streamgauge process NAME`."""

import importlib
import sys
from typing import Annotated

import typer

from processors.registry import BY_NAME
from streamgauge.runtime.errors import UsageError


def process(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"One of {', '.join(BY_NAME)}.")],
) -> None:
    """One replica of a processor, in the foreground; start more for more throughput."""
    if name not in BY_NAME:
        raise UsageError(f"there is no processor `{name}`; there are: {', '.join(BY_NAME)}")
    sys.exit(importlib.import_module(f"processors.{name}.service").main())
