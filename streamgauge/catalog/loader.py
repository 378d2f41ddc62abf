"""Loader: the catalog of one Python package, its streams, models and views checked at start.

The package has `STREAMS` (a tuple of `Stream`), a folder `models/` and optionally one `views/`, with `.sql` files.
Every catalog has three more relations: `*` has one row per message of any stream, `dead_letters` one per dead letter,
`tombstones` one per tombstone of a compacted stream. The models over them are built in, as are the streams `lag`,
`dead-letter-retries` and `audit` with their models (catalog/builtin).
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

import duckdb
import pyarrow as pa

from streamgauge.catalog import causes, deduplication, model, view
from streamgauge.catalog.builtin.audit import AUDIT
from streamgauge.catalog.builtin.lag import LAG
from streamgauge.catalog.builtin.retries import RETRIES
from streamgauge.catalog.causes import Causes
from streamgauge.catalog.model import Model
from streamgauge.catalog.stream import ARRIVED_AT, ORIGIN, PLACE, Stream
from streamgauge.catalog.view import View
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.metric import Metric

ANALYTICS_TOPIC = "analytics"
# The consumer group of the warehouse. It commits for lag monitors only: what it has read is in its file.
WAREHOUSE_GROUP = "warehouse"
# Of a dead letter: the id of the topic that the event was in, where it is known.
TOPIC_ID = "kafka_topic_id"
_MILLIS = pa.timestamp("ms", tz="UTC")
# One row per message of any stream. `occurred_at` is Kafka's timestamp, or else the arrival, when the event is dead or
# older than any window (`outdated`), so that the message always counts.
# `repeated`: the same event came before, so that no other relation has this one (catalog/deduplication.py).
EVERY_MESSAGE = pa.schema(
    [
        pa.field("stream", pa.string()),
        pa.field("bytes", pa.int64()),
        pa.field("occurred_at", _MILLIS),
        pa.field("dead", pa.bool_()),
        pa.field("late", pa.bool_()),
        pa.field("latency_ms", pa.int64()),
        *ORIGIN,
        pa.field("repeated", pa.bool_()),
        pa.field("outdated", pa.bool_()),
        pa.field("tombstone", pa.bool_()),
    ]
)
# One row per tombstone: a key of a compacted stream that is gone.
TOMBSTONES = pa.schema(
    [pa.field("stream", pa.string()), pa.field("key", pa.string()), *ORIGIN, pa.field(TOPIC_ID, pa.string())]
)
# One row per dead letter. `payload` is at most the first 4,096 bytes, for display; the whole is in `letter_topic`.
# `letter_partition` and `letter_offset` say where there, in letters that other services wrote.
# `stream` is ours, or the dead-letter topic of another service; `topic`, its id and ORIGIN are the event's position.
DEAD_LETTERS = pa.schema(
    [
        pa.field("stream", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("detail", pa.string()),
        pa.field("key", pa.string()),
        pa.field("payload", pa.string()),
        pa.field("bytes", pa.int64()),
        *PLACE,
        pa.field("topic", pa.string()),
        pa.field(TOPIC_ID, pa.string()),
        pa.field("fingerprint", pa.string()),
        pa.field("field", pa.string()),
        pa.field("event_time", _MILLIS),
        pa.field("attempts", pa.int32()),
        pa.field("retry_of", pa.string()),
        pa.field("consumer", pa.string()),
        pa.field("letter_topic", pa.string()),
        pa.field("letter_partition", pa.int32()),
        pa.field("letter_offset", pa.int64()),
        pa.field("dead_at", _MILLIS),
    ]
)
BUILT_IN_STREAMS = {LAG.topic: LAG, RETRIES.topic: RETRIES, AUDIT.topic: AUDIT}
BUILT_IN = {
    "*": (EVERY_MESSAGE, "occurred_at"),
    "dead_letters": (DEAD_LETTERS, "dead_at"),
    "tombstones": (TOMBSTONES, ARRIVED_AT),
}


@dataclass(frozen=True)
class Streams:
    """The streams of a package by topic, and its services' internal topics (`INTERNAL_TOPICS`)."""

    name: str
    streams: Mapping[str, Stream]
    internal: tuple[str, ...]

    @property
    def compacted(self) -> frozenset[str]:
        """The streams that are reference data."""
        return frozenset(topic for topic, stream in self.streams.items() if stream.compacted)

    @property
    def own(self) -> Mapping[str, Stream]:
        """The streams of the package itself, without those that Streamgauge adds (`lag`, …)."""
        return {topic: stream for topic, stream in self.streams.items() if topic not in BUILT_IN_STREAMS}

    @property
    def topics(self) -> tuple[str, ...]:
        """All topics needed: those of the streams, their dead-letter topics, internal ones, and `analytics`."""
        own = [topic for stream in self.streams.values() for topic in (stream.topic, stream.dead_letter_topic)]
        return (*own, *self.internal, ANALYTICS_TOPIC)


@dataclass(frozen=True)
class Catalog(Streams):
    """Streams with their models and views, and the causes between event types."""

    models: tuple[Model, ...]
    views: tuple[View, ...] = ()
    causes: Causes = field(default_factory=dict)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The catalog's own metrics: its models' KPI counters and its views' gauges."""
        return (*model.metrics(self.models), *view.metrics(self.views))

    def raw_table(self, stream: str) -> str | None:
        """The table with every event of the stream unchanged; None when the catalog has none."""
        copies = (entry.name for entry in self.models_of(stream) if entry.merge == "append" and entry.is_copy)
        return next(copies, None)

    def models_of(self, stream: str) -> tuple[Model, ...]:
        """The models over one stream (or over `*` or `dead_letters`)."""
        return tuple(entry for entry in self.models if entry.stream == stream)

    @cached_property
    def digest(self) -> str:
        """Twelve hexadecimal digits that change with any event class or model, that is whenever figures may change."""
        facts = [f"{topic} {stream.event_time} {stream.schema}" for topic, stream in sorted(self.streams.items())]
        facts += [f"{topic} compacted" for topic in sorted(self.compacted)]
        facts += [f"{topic} repeats {s.repeats_within_s}" for topic, s in self.streams.items() if s.repeats_within_s]
        facts += [f"{m.name} {m.stream} {m.merge} {m.key} {m.every_ms} {m.delta_sql}" for m in self.models]
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]


@cache
def streams_of(name: str) -> Streams:
    """Import the package and check its streams, not its models: half a second less than `load`, and without DuckDB.

    Raises `UsageError` naming what is wrong and where.
    """
    try:
        package = importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"catalog `{name}` cannot be imported ({error}); set STREAMGAUGE_CATALOG to a package that is "
            "installed or in the working directory"
        ) from None
    listed = getattr(package, "STREAMS", None)
    if listed is None or package.__file__ is None or not all(isinstance(entry, Stream) for entry in listed):
        raise UsageError(f"catalog `{name}` has no STREAMS, a tuple of streamgauge.catalog.stream.Stream")
    if taken := {entry.topic for entry in listed} & BUILT_IN_STREAMS.keys():
        raise UsageError(f"catalog `{name}`: the stream `{min(taken)}` is built in; give yours another topic")
    streams = {entry.topic: entry for entry in (*listed, *BUILT_IN_STREAMS.values())}
    for stream in streams.values():
        names = stream.columns.schema.names
        for role in ("key", "event_time", "amount", "belongs_to"):
            given = getattr(stream, role)
            if given not in names and not (role in ("amount", "belongs_to") and given is None):
                raise UsageError(
                    f"catalog `{name}`, stream `{stream.topic}`: {role} `{given}` is not a field of its events"
                )
        if stream.amount is not None and stream.columns.schema.field(stream.amount).type != pa.int64():
            raise UsageError(f"catalog `{name}`, stream `{stream.topic}`: `{stream.amount}` must be integer cents")
        if stream.repeats_within_s is not None and (why := deduplication.obstacle(stream, stream.repeats_within_s)):
            raise UsageError(f"catalog `{name}`, stream `{stream.topic}`: repeats_within_s: {why}")
        if stream.columns.schema.field(stream.event_time).type != _MILLIS:
            raise UsageError(
                f"catalog `{name}`, stream `{stream.topic}`: `{stream.event_time}` must be of type "
                "streamgauge.catalog.types.Millis"
            )
    return Streams(name, streams, tuple(getattr(package, "INTERNAL_TOPICS", ())))


@cache
def load(name: str) -> Catalog:
    """Import the package and check its streams and models, once in a process.

    Raises `UsageError` naming what is wrong and where.
    """
    checked = streams_of(name)
    package, streams = importlib.import_module(name), checked.streams
    schemas = {topic: stream.schema for topic, stream in streams.items()}
    schemas |= {relation: schema for relation, (schema, _) in BUILT_IN.items()}
    times = {topic: stream.event_time for topic, stream in streams.items()}
    times |= {relation: time for relation, (_, time) in BUILT_IN.items()}
    folders = (Path(__file__).parent / "builtin/models", Path(str(package.__file__)).parent / "models")
    with duckdb.connect(":memory:") as con:
        models = [model.load(con, path, schemas, times) for folder in folders for path in sorted(folder.glob("*.sql"))]
    models = [entry.with_tombstones(streams.get(entry.stream)) for entry in models]
    seen: dict[str, Model] = {}
    for entry in models:
        if entry.name in seen:
            raise UsageError(f"catalog `{name}` has two models named `{entry.name}`")
        seen[entry.name] = entry
    try:
        model.metrics(models)
    except ValueError as error:
        raise UsageError(f"catalog `{name}`: {error}") from None
    views = view.load([path for folder in folders for path in sorted((folder.parent / "views").glob("*.sql"))], models)
    caused = getattr(package, "CAUSES", {})
    try:
        causes.ancestors(caused)
    except ValueError as error:
        raise UsageError(f"catalog `{name}`, CAUSES: {error}") from None
    return Catalog(name, streams, checked.internal, tuple(models), views, caused)
