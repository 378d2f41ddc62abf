"""What may be replayed, from where, and what it would read and has emitted. No Kafka here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from processors.registry import BY_NAME, PROCESSORS, Processor
from streamgauge.runtime.errors import UsageError

Place = tuple[str, int]


# The warehouse is no processor, but its group is one of ours.
_WAREHOUSE = "the warehouse keeps its offsets in its own file; `streamgauge rebuild` makes the tables again"


class Read(msgspec.Struct):
    """What a rehearsal needs of an event; all of it may be missing."""

    event_type: str | None = None
    source: str | None = None


_read = msgspec.json.Decoder(Read).decode


def processor(name: str, analytics_group: str) -> Processor:
    """The processor whose group may be rewound. Raises `UsageError` with why not, and what to do instead."""
    if name == "warehouse":
        raise UsageError(_WAREHOUSE)
    found = BY_NAME.get("analytics" if name == analytics_group else name)
    if found is None:
        known = ", ".join(row.name for row in PROCESSORS if row.replayable)
        raise UsageError(f"`{name}` is no group of ours; these can be replayed: {known}")
    if not found.replayable:
        raise UsageError(found.replay)
    return found


def places(texts: Iterable[str]) -> dict[Place, int]:
    """`topic:partition:offset` as places. Raises `UsageError` for anything else."""
    found = {}
    for text in texts:
        topic, _, rest = text.partition(":")
        partition, _, offset = rest.partition(":")
        if not (topic and partition.isdigit() and offset.isdigit()):
            raise UsageError(f"--to-offset takes topic:partition:offset, not `{text}`")
        found[topic, int(partition)] = int(offset)
    return found


def moment(text: str) -> datetime:
    """The time of `--to`, UTC where it names no zone. Raises `UsageError`."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--to takes a time such as 2026-11-23T04:00:00Z, not `{text}`") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def rewound(
    committed: Mapping[Place, int], wanted: Mapping[Place, int], lows: Mapping[Place, int]
) -> dict[Place, tuple[int, int]]:
    """Ranges that would be read again: back only, never forward, and no further than the log reaches."""
    ranges = {
        place: (max(wanted[place], lows.get(place, 0)), offset)
        for place, offset in committed.items()
        if place in wanted
    }
    return {place: span for place, span in sorted(ranges.items()) if span[0] < span[1]}


@dataclass
class Seen:
    """What lies in a topic's part of the log."""

    types: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    keys: set[bytes] = field(default_factory=set)
    first_ms: int | None = None
    last_ms: int | None = None

    def add(self, value: bytes | None, key: bytes | None, timestamp_ms: int, source: str | None = None) -> None:
        """Count one message; with `source`, only where it says that it is from there."""
        try:
            event = _read(value or b"")
        except (msgspec.MsgspecError, UnicodeError):
            event = Read("not readable")
        if source is not None and event.source != source:
            return
        self.types[event.event_type or "no event_type"] += 1
        self.keys.add(key or b"")
        self.first_ms = timestamp_ms if self.first_ms is None else min(self.first_ms, timestamp_ms)
        self.last_ms = timestamp_ms if self.last_ms is None else max(self.last_ms, timestamp_ms)


def lines(seen: Mapping[str, Seen]) -> Iterator[str]:
    """A line a topic: how many events, of how many keys, from when to when, of which types."""
    for topic, one in sorted(seen.items()):
        number = sum(one.types.values())
        if not number:
            continue
        types = ", ".join(f"{count:,} {name}" for name, count in sorted(one.types.items(), key=lambda item: -item[1]))
        keys = f"{len(one.keys):,} key{'' if len(one.keys) == 1 else 's'}"
        yield f"  {topic}: {number:,} events of {keys}, {_time(one.first_ms)} to {_time(one.last_ms)}: {types}"


def _time(ms: int | None) -> str:
    return "?" if ms is None else f"{datetime.fromtimestamp(ms / 1_000, UTC):%Y-%m-%d %H:%M:%S}"
