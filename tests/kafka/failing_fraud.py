"""The command line with a bug in `fraud`: it fails on payments whose reason is `bug`."""

from __future__ import annotations

from typing import Any

from processors.fraud import service
from processors.streaming.output import Output
from streamgauge.catalog.commerce.events import PaymentEvent
from streamgauge.cli import main as command_line

_begin = service.begin


def _failing(event: PaymentEvent, _key: Any, timestamp: int, _headers: Any) -> list[Output]:
    if event.reason == "bug":
        raise ValueError("a bug")
    return _begin(event, _key, timestamp, _headers)


def main() -> None:
    """Entry point."""
    service.begin = _failing
    command_line.main()
