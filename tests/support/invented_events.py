"""Invented events of every stream of a catalog, from its event classes, and a warehouse file made of them.

Few values for each field, times in no order: whatever a table does with its events happens often.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import msgspec
from msgspec import inspect

from processors.analytics.arrival import Bounds
from processors.analytics.batch import Batch
from processors.analytics.decoder import Decoder, Records
from streamgauge.catalog.loader import Catalog
from streamgauge.deltas.models import Models
from streamgauge.warehouse.store import Store

START_MS, SPAN_MS = 1_790_000_000_000, 180_000
PARTITIONS = 2


class Invented(NamedTuple):
    """An event where it lies; `value` is its JSON."""

    topic: str
    partition: int
    offset: int
    at_ms: int
    published_ms: int
    value: bytes


class _Message:
    def key(self) -> bytes | None:
        return None

    def headers(self) -> None:
        return None


def events(catalog: Catalog, count: int, seed: int = 1, bad: float = 0.0, start_ms: int = START_MS) -> list[Invented]:
    """`count` events of each stream; one key lives in one partition. A share of `bad` ones has no key field."""
    rng, found = random.Random(seed), list[Invented]()
    for topic, stream in catalog.streams.items():
        offsets = dict.fromkeys(range(PARTITIONS), 0)
        for number in range(count):
            # Published in the order of the offsets, some time after they happened.
            published = start_ms + SPAN_MS * (number + 1) // count
            at = max(start_ms, published - rng.choice((0, 1, 700, 30_000)))
            event = _struct(stream.event, rng)
            event[stream.event_time] = at
            event |= {"event_id": f"{topic}-{number}"} if "event_id" in event else {}
            partition = sum(str(event[stream.key]).encode()) % PARTITIONS
            if rng.random() < bad:
                del event[stream.key]
            value = msgspec.json.encode(event)
            found.append(Invented(topic, partition, offsets[partition], at, published, value))
            # Transaction markers leave gaps.
            offsets[partition] += rng.choice((1, 1, 1, 2))
    return found


def _struct(kind: type, rng: random.Random) -> dict[str, Any]:
    described = inspect.type_info(kind)
    assert isinstance(described, inspect.StructType)
    return {field.name: _value(field.type, field.name, rng) for field in described.fields}


def _value(kind: inspect.Type, name: str, rng: random.Random) -> Any:
    if isinstance(kind, inspect.Metadata):
        if (kind.extra or {}).get("timestamp"):
            return START_MS + rng.randrange(SPAN_MS)
        return _value(kind.type, name, rng)
    if isinstance(kind, inspect.UnionType):
        return None if rng.random() < 0.3 else _value(kind.types[0], name, rng)
    if isinstance(kind, inspect.ListType) and isinstance(kind.item_type, inspect.StructType):
        return [_struct(kind.item_type.cls, rng) for _ in range(rng.randrange(3))]
    choices: dict[type, Callable[[], Any]] = {
        inspect.LiteralType: lambda: rng.choice(kind.values),  # type: ignore[attr-defined]
        inspect.StrType: lambda: f"{name.upper()[:1]}-{rng.randrange(6)}",
        inspect.IntType: lambda: rng.randrange(1, 50),
        inspect.FloatType: lambda: rng.random(),
        inspect.BoolType: lambda: rng.random() < 0.5,
    }
    return choices[type(kind)]()


def merge(catalog: Catalog, store: Store, some: Iterable[Invented], batch_events: int = 400) -> None:
    """Through decoder, models and merge, as analytics and the warehouse do it."""
    models, chosen = Models(catalog), sorted(some, key=lambda event: event.published_ms)
    decoders = {
        topic: Decoder(stream, Bounds(3_600_000), max_bytes=262_144) for topic, stream in catalog.streams.items()
    }
    for start in range(0, len(chosen), batch_events):
        # As a rebuild reads them: what is dead became so when it arrived.
        batch = Batch(again={})
        for topic in catalog.streams:
            own = [event for event in chosen[start : start + batch_events] if event.topic == topic]
            if not own:
                continue
            records = Records(
                [event.value for event in own],
                [event.partition for event in own],
                [event.offset for event in own],
                [event.published_ms for event in own],
                [event.published_ms for event in own],
                [_Message() for _ in own],
            )
            chunk = decoders[topic].chunk(records, START_MS + 10 * SPAN_MS)
            batch.chunks[topic].append(chunk)
            batch.dead.extend(chunk.dead)
        store.merge(dict(models.deltas(batch.relations(START_MS + 10 * SPAN_MS))), {0: start + 1})
