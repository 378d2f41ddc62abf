"""`streamgauge process NAME`."""

import importlib
import sys
from enum import StrEnum
from typing import Annotated

import typer


class Processor(StrEnum):
    """The processors there are."""

    analytics = "analytics"
    attribution = "attribution"
    fraud = "fraud"
    fulfilment = "fulfilment"
    lag = "lag"


def process(
    name: Annotated[Processor, typer.Argument(help="The processor to run one replica of.")],
) -> None:
    """One replica of a processor, in the foreground; start more for more throughput."""
    module = importlib.import_module(f"processors.{name.value}.service")
    sys.exit(module.main())
