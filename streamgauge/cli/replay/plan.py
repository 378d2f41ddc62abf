"""Plan of a replay: what may be replayed, from where, and what it would read and has published. No Kafka."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec
from confluent_kafka import TopicPartition

from processors.registry import BY_NAME, PROCESSORS, Processor
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.kafka import Partition
from streamgauge.runtime.kafka.topic_identity import stored
from streamgauge.runtime.kafka.topic_ids import Described

# The warehouse is not a processor, but its group is one of ours.
_WAREHOUSE = "the warehouse keeps its offsets in its own file; `streamgauge rebuild` makes the tables again"


class Read(msgspec.Struct):
    """The fields of an event that a rehearsal reads; each may be missing."""

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


def parse_offsets(texts: Iterable[str]) -> dict[Partition, int]:
    """Parse `topic:partition:offset` texts. Raises `UsageError`."""
    found = {}
    for text in texts:
        topic, _, rest = text.partition(":")
        partition, _, offset = rest.partition(":")
        if not (topic and partition.isdigit() and offset.isdigit()):
            raise UsageError(f"--to-offset takes topic:partition:offset, not `{text}`")
        found[topic, int(partition)] = int(offset)
    return found


def parse_time(text: str) -> datetime:
    """Parse the time of `--to`, UTC without a zone. Raises `UsageError`."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--to takes a time such as 2026-11-23T04:00:00Z, not `{text}`") from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def rewound(
    committed: Mapping[Partition, int], wanted: Mapping[Partition, int], lows: Mapping[Partition, int]
) -> dict[Partition, tuple[int, int]]:
    """Ranges `[start, end)` to read again: backwards only, and not beyond the log's first offset."""
    ranges = {
        partition: (max(wanted[partition], lows.get(partition, 0)), offset)
        for partition, offset in committed.items()
        if partition in wanted
    }
    return {partition: span for partition, span in sorted(ranges.items()) if span[0] < span[1]}


def earlier(
    committed: Iterable[TopicPartition], now: Mapping[str, Described], ends: Mapping[Partition, int]
) -> dict[str, str]:
    """Topics of which the group's offsets are no places, with the reason: they were deleted since, or made anew.

    Offsets that carry a topic id are told by it; others, of a tool or of a broker without ids, by the log's end.
    """
    found = {}
    for at in committed:
        topic, known, place = now.get(at.topic), stored(at), f"{at.topic}[{at.partition}]"
        if topic is None:
            found[at.topic] = f"topic {at.topic} does not exist any more: nothing of it can be read again"
        elif (known and topic.id and known != topic.id) or at.offset > ends.get((at.topic, at.partition), 0):
            ids = f"topic id {known}, now {topic.id}" if known and topic.id else f"{place} ends before {at.offset:,}"
            found[at.topic] = (
                f"topic {at.topic} was deleted and made anew ({ids}): the group's offsets are of the earlier topic, "
                "which cannot be read again; the new one is read from its beginning without a replay"
            )
    return found


@dataclass
class TopicSummary:
    """What a part of a topic contains."""

    types: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    keys: set[bytes] = field(default_factory=set)
    first_ms: int | None = None
    last_ms: int | None = None

    def add(self, value: bytes | None, key: bytes | None, timestamp_ms: int, source: str | None = None) -> None:
        """Count one message; with `source`, only if the event names it as its source."""
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


def lines(summaries: Mapping[str, TopicSummary]) -> Iterator[str]:
    """One line per topic: number of events and keys, first and last time, types."""
    for topic, one in sorted(summaries.items()):
        number = sum(one.types.values())
        if not number:
            continue
        types = ", ".join(f"{count:,} {name}" for name, count in sorted(one.types.items(), key=lambda item: -item[1]))
        keys = f"{len(one.keys):,} key{'' if len(one.keys) == 1 else 's'}"
        yield f"  {topic}: {number:,} events of {keys}, {_time(one.first_ms)} to {_time(one.last_ms)}: {types}"


def _time(ms: int | None) -> str:
    return "?" if ms is None else f"{datetime.fromtimestamp(ms / 1_000, UTC):%Y-%m-%d %H:%M:%S}"
