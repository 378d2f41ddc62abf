"""Output of a service's pure functions: an event to publish. No Kafka, no Quix."""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class Output(NamedTuple):
    """An event to publish."""

    topic: str
    key: str
    event: msgspec.Struct
