"""Decoder: a chunk of one stream's messages becomes Arrow columns and dead letters. No clock, no Kafka.

A chunk is about a thousand messages, so that its Python objects live and die in the processor's cache
(docs/adr/0003-decode.md).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress
from operator import attrgetter
from typing import Any, NamedTuple, Self

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import Message

from processors.analytics import arrival
from processors.analytics.arrival import Bounds, Known
from processors.analytics.tombstones import Tombstones, key_of
from streamgauge.catalog import loader, validation
from streamgauge.catalog.deduplication import EVENT_ID
from streamgauge.catalog.stream import ORIGIN, Stream
from streamgauge.dead_letters.fingerprint import fingerprint
from streamgauge.runtime.errors import InvalidEvent

DETAIL_SHOWN = 500
MILLIS = pa.timestamp("ms", tz="UTC")
# How far into a bad event its time is searched for.
TIME_SEARCH_BYTES = 65_536
_EVENT_ID = attrgetter(EVENT_ID)
IDENTITY = pa.schema([pa.field(EVENT_ID, pa.string()), *ORIGIN])
_INVALID = (msgspec.MsgspecError, UnicodeError, RecursionError)


class Record(NamedTuple):
    """One Kafka message. `timestamp` (Kafka's, perhaps `arrival.ABSENT`) and `arrival` are milliseconds.

    `source` is the message itself, for its key and headers.
    """

    value: bytes | None
    partition: int
    offset: int
    timestamp: int
    arrival: int
    source: Any


class Records(NamedTuple):
    """Messages of one stream as columns, which cost a fifth of as many `Record` objects."""

    values: list[bytes | None]
    partitions: list[int]
    offsets: list[int]
    timestamps: list[int]
    arrivals: list[int]
    sources: list[Any]

    @classmethod
    def of(cls, messages: list[Message], now_ms: int, again: Known | None = None) -> Self:
        """The messages' parts as columns. A rebuild reads them `again` and says which arrivals it knows."""
        stamps = list(map(Message.timestamp, messages))
        records = cls(
            list(map(Message.value, messages)),
            list(map(Message.partition, messages)),
            list(map(Message.offset, messages)),
            arrival.timestamps(stamps),
            arrival.arrivals(stamps, now_ms, again=again is not None),
            messages,
        )
        if again:
            for row, place in enumerate(zip(map(Message.topic, messages), records.partitions, strict=True)):
                if (known := again.get(place)) and (ms := known.get(records.offsets[row])) is not None:
                    records.arrivals[row] = ms
        return records

    def filter(self, mask: Sequence[bool]) -> Self:
        """The records selected by `mask`."""
        return type(self)(*(list(compress(column, mask)) for column in self))

    def singly(self) -> Iterator[Record]:
        """One by one."""
        return map(Record._make, zip(*self, strict=True))


@dataclass(frozen=True)
class DeadLetter:
    """A message that cannot be processed, and why. `counted_at` (ms) is where it counts in `stream_windows`."""

    stream: str
    record: Record
    reason: str
    detail: str
    counted_at: int
    field: str | None = None
    event_time: int | None = None
    cause: str | None = None

    @cached_property
    def fingerprint(self) -> str:
        """Equal for all events that fail for the same cause."""
        return fingerprint(self.stream, self.reason, self.field, self.cause or self.detail)


@dataclass
class Chunk:
    """A decoded chunk: `events` for the stream's models, `messages` for the models over `*`, and dead letters.

    `decoded_singly` counts the events that had to be decoded one by one, `outdated` those older than any window.
    """

    events: pa.RecordBatch
    messages: pa.RecordBatch
    dead: list[DeadLetter] = field(default_factory=list)
    late_by_ms: list[int] = field(default_factory=list)
    decoded_singly: int = 0
    outdated: int = 0
    tombstones: Tombstones | None = None


class Decoder:
    """Decodes one stream. Its only state is the newest event time of each partition, which identifies late events."""

    def __init__(self, stream: Stream, bounds: Bounds, *, max_bytes: int, late_after_ms: int = 10_000) -> None:
        self._stream = stream
        self._decode: Callable[[bytes], Any] = msgspec.json.Decoder(stream.event).decode
        self._max_bytes = max_bytes
        self._bounds = bounds
        self._late_after_ms = late_after_ms
        self._time_in: Callable[[Any], int] = attrgetter(stream.event_time)
        self._time_column = stream.columns.schema.get_field_index(stream.event_time)
        self._time_of = re.compile(rb'"%b"\s*:\s*(\d{1,20})\s*[,}]' % re.escape(stream.event_time).encode())
        self._newest: dict[int, int] = {}

    def forget(self) -> None:
        """Forget the newest event times: the partitions were reassigned."""
        self._newest.clear()

    def chunk(self, records: Records, now_ms: int) -> Chunk:
        """Decode a chunk; never raises because of an event's content."""
        gone = None
        if self._stream.compacted and None in records.values:
            records, gone = self._tombstones(records, now_ms)
        good, sizes, events, times, dead, decoded_singly = self._validated(records, now_ms)
        chunk = self._columns(good, sizes, events, times, now_ms, dead, decoded_singly)
        chunk.tombstones = gone
        return chunk

    def _tombstones(self, records: Records, now_ms: int) -> tuple[Records, Tombstones | None]:
        """The other records, and the tombstones. One without a key that is text says nothing: it stays a bad event."""
        keys = [key_of(record.source.key()) if record.value is None else None for record in records.singly()]
        gone = records.filter([key is not None for key in keys])
        if not gone.values:
            return records, None
        at = list(map(self._bounds.counted_at, gone.timestamps, gone.arrivals))
        origin = _origin(gone)
        named = [key for key in keys if key is not None]
        made = Tombstones(self._stream.topic, named, millis(at), latency(origin, now_ms), origin)
        return records.filter([key is None for key in keys]), made

    def identities(self, records: Records, now_ms: int) -> pa.Table:
        """Ids and origins of the valid events, as `chunk` decides; only for streams with an `event_id`."""
        good, _, events, _, _, _ = self._validated(records, now_ms)
        ids = pa.array(list(map(_EVENT_ID, events)), pa.string())
        return pa.table([ids, *_origin(good)], IDENTITY)

    def _validated(
        self, records: Records, now_ms: int
    ) -> tuple[Records, list[int], list[Any], list[int], list[DeadLetter], int]:
        """The valid records with sizes, events and event times; dead letters; how many were decoded one by one."""
        dead: list[DeadLetter] = []
        decoded_singly = 0
        try:
            values: list[Any] = records.values
            events = list(map(self._decode, values))
            sizes = list(map(len, values))
            if max(sizes, default=0) > self._max_bytes:
                raise InvalidEvent("oversized", "somewhere in the chunk")
        except (InvalidEvent, TypeError, *_INVALID):
            # The chunk has a bad event. Decoding one by one costs its neighbours a fraction of a microsecond each.
            decoded_singly = len(records.values)
            events, kept, dead = self._singly(records)
            records = records.filter(kept)
            sizes = [len(record or b"") for record in records.values]
        times = list(map(self._time_in, events))
        if times and (
            max(times) - min(records.arrivals) > self._bounds.max_future_ms
            or max(records.arrivals) - min(times) > self._bounds.max_past_ms
        ):
            kept = []
            for record, time in zip(records.singly(), times, strict=True):
                error = self._bounds.misdated(self._stream.event_time, time, record.arrival)
                kept.append(error is None)
                if error is not None:
                    dead.append(self._dead(record, error))
            records, events = records.filter(kept), list(compress(events, kept))
            times, sizes = list(compress(times, kept)), list(compress(sizes, kept))
        return records, sizes, events, times, dead, decoded_singly

    def _columns(
        self,
        good: Records,
        sizes: Sequence[int],
        decoded: Sequence[Any],
        times: Sequence[int],
        now_ms: int,
        dead: list[DeadLetter],
        decoded_singly: int,
    ) -> Chunk:
        arrays = self._stream.columns.arrays(decoded)
        origin = _origin(good)
        late, late_by_ms = self._late(good.partitions, times, good.arrivals)
        rows = len(decoded)
        no = pa.repeat(False, rows)
        counted_at, outdated, number = arrays[self._time_column], no, 0
        if times and max(good.arrivals) - min(times) > self._bounds.windows_ms:
            counted_at, outdated = self._counted(good, times)
            number = outdated.true_count
        messages = pa.RecordBatch.from_arrays(
            [
                pa.repeat(self._stream.topic, rows),
                pa.array(sizes, pa.int64()),
                counted_at,
                no,
                pa.array(late, pa.bool_()),
                latency(origin, now_ms),
                *origin,
                no,
                outdated,
                no,
            ],
            schema=loader.EVERY_MESSAGE,
        )
        events = pa.RecordBatch.from_arrays([*arrays, *origin], schema=self._stream.schema)
        return Chunk(events, messages, dead, late_by_ms, decoded_singly, number)

    def _singly(self, records: Records) -> tuple[list[Any], list[bool], list[DeadLetter]]:
        """Decode one by one: valid events, a mask of their records, and dead letters for the others."""
        events: list[Any] = []
        good: list[bool] = []
        dead: list[DeadLetter] = []
        for record in records.singly():
            try:
                events.append(self._event(record))
                good.append(True)
            except InvalidEvent as error:
                dead.append(self._dead(record, error))
                good.append(False)
        return events, good, dead

    def _event(self, record: Record) -> Any:
        if record.value is None:
            what = "a tombstone without a key that is text" if self._stream.compacted else "the event has no value"
            raise InvalidEvent("null_value", what)
        if len(record.value) > self._max_bytes:
            raise InvalidEvent("oversized", f"{len(record.value):,} bytes, the limit is {self._max_bytes:,}")
        try:
            return self._decode(record.value)
        except _INVALID as error:
            raise self._judge(error, record.value, record.arrival) from None

    def _judge(self, error: Exception, value: bytes, arrival_ms: int) -> InvalidEvent:
        """What is wrong with a value that cannot be decoded; an event time in a smaller unit is beyond its bound."""
        judged = validation.judge(error, value)
        if judged.reason == "out_of_range" and judged.field == f"$.{self._stream.event_time}":
            said = self._time_of.search(value, 0, TIME_SEARCH_BYTES)
            if said and (unit := self._bounds.unit(int(said[1]), arrival_ms)):
                detail = f"{judged.detail}: it looks like {unit}, and must be milliseconds"
                return InvalidEvent(judged.reason, detail, judged.field, judged.cause)
        return judged

    def _counted(self, good: Records, times: Sequence[int]) -> tuple[pa.Array, pa.Array]:
        """Where events count of which some are older than any window, and which those are."""
        kept = list(map(self._bounds.kept, times, good.arrivals))
        at = [
            time if known else self._bounds.counted_at(timestamp, arrived)
            for known, time, timestamp, arrived in zip(kept, times, good.timestamps, good.arrivals, strict=True)
        ]
        return millis(at), pc.invert(pa.array(kept, pa.bool_()))

    def _dead(self, record: Record, error: InvalidEvent) -> DeadLetter:
        said = self._time_of.search(record.value or b"", 0, TIME_SEARCH_BYTES)
        time = (
            int(said[1])
            if said and record.arrival - self._bounds.max_past_ms <= int(said[1]) <= arrival.LATEST
            else None
        )
        return DeadLetter(
            self._stream.topic,
            record,
            error.reason,
            error.detail[:DETAIL_SHOWN],
            self._bounds.counted_at(record.timestamp, record.arrival),
            error.field,
            time,
            error.cause,
        )

    def _late(
        self, partitions: Sequence[int], times: Sequence[int], arrivals: Sequence[int]
    ) -> tuple[list[bool], list[int]]:
        """Which events are late, against the newest event time of their partition so far, and by how much.

        A time after its event's arrival counts as the arrival, or all that follow would seem late.
        """
        newest, allowed = self._newest, self._late_after_ms
        if times and len(held := set(partitions)) == 1:
            # Mostly a chunk is of one partition and its times lie close together: then nothing in it can be late.
            (partition,) = held
            latest = max(min(max(times), max(arrivals)), newest.get(partition, 0))
            if latest - min(times) <= allowed:
                newest[partition] = latest
                return [False] * len(times), []
        late, late_by_ms = [], []
        for partition, time, arrived in zip(partitions, times, arrivals, strict=True):
            behind = newest.get(partition, 0) - time
            if behind <= 0:
                newest[partition] = max(newest.get(partition, 0), min(time, arrived))
            late.append(behind > allowed)
            if behind > allowed:
                late_by_ms.append(behind)
        return late, late_by_ms


def _origin(records: Records) -> list[pa.Array]:
    """The columns of `ORIGIN`."""
    stamps: Sequence[int | None] = records.timestamps
    if arrival.ABSENT in stamps:
        stamps = [None if stamp == arrival.ABSENT else stamp for stamp in stamps]
    places = pa.array(records.partitions, pa.int32()), pa.array(records.offsets, pa.int64())
    return [*places, millis(stamps), millis(records.arrivals)]


def latency(origin: Sequence[pa.Array], now_ms: int) -> pa.Array:
    """Milliseconds from Kafka's timestamp, or the arrival where there is none, to now; never negative."""
    since = pc.coalesce(*origin[-2:]).cast(pa.int64())
    return pc.max_element_wise(pc.subtract(now_ms, since), 0)


def millis(values: Sequence[int | None]) -> pa.Array:
    """Milliseconds since the epoch as a UTC timestamp column."""
    return pa.array(values, pa.int64()).cast(MILLIS)
