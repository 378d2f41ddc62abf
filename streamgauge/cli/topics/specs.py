"""Specifications of the topics that Streamgauge needs, and how an existing topic differs from its own.

Every difference is shown. Only what would stop a stream, or all of them, is a failure (`Difference.breaks`):

1. A topic that is compacted and is not reference data: it loses events, and a sum over the rest is wrong. Analytics
   sets its stream aside.
2. A topic we write that takes less than Kafka's default (`analytics`) or than any letter (`….dlq`). Larger deltas are
   split, and larger letters refer to their event.

Another number of partitions or another retention is the owner's choice: shown, but not a failure.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace

from streamgauge.catalog.builtin.audit import AUDIT_TOPIC
from streamgauge.catalog.builtin.retries import RETRIES_TOPIC
from streamgauge.catalog.loader import Catalog
from streamgauge.dead_letters.reference import SMALLEST_LETTER_BYTES
from streamgauge.runtime.settings import Settings

ANALYTICS = "analytics"
# Kafka's default, 1 MiB and a batch's header, so that topics made by others do not differ needlessly.
_MESSAGE = 1_048_588
_SIZE = "max.message.bytes"
_HOUR_MS = 3_600_000
# The raw rows of all streams pass through `analytics` too, so it fills about as fast as they do together.
_ANALYTICS_SHARE = 5


@dataclass(frozen=True)
class TopicSpec:
    """The specification of a topic. `source` is the topic whose dead letters it holds."""

    name: str
    partitions: int
    replication_factor: int
    config: Mapping[str, str]
    source: str | None = None


@dataclass(frozen=True)
class Difference:
    """One difference from the specification, and whether it stops or falsifies the pipeline."""

    text: str
    breaks: bool


@dataclass(frozen=True)
class TopicState:
    """A topic as it exists."""

    name: str
    partitions: int
    created: bool
    differences: tuple[Difference, ...] = ()

    @property
    def breaks(self) -> bool:
        """Whether a difference stops or falsifies the pipeline."""
        return any(difference.breaks for difference in self.differences)


def of_catalog(settings: Settings, catalog: Catalog) -> list[TopicSpec]:
    """Specifications of all topics of a catalog."""
    return specs(settings, catalog.streams, catalog.compacted, catalog.internal)


def specs(
    settings: Settings, streams: Iterable[str], compacted: Container[str] = (), internal: Iterable[str] = ()
) -> list[TopicSpec]:
    """Specifications of each stream's topic, its dead-letter topic, and `analytics`.

    `compacted` names the streams that are reference data; `internal` topics carry no events and keep one hour.
    """

    def spec(name: str, size: int, hours: int, retained: int, source: str | None = None) -> TopicSpec:
        replicas = settings.replication_factor
        config = {
            "cleanup.policy": "delete",
            # Always both: Quix Streams copies them to changelog topics, and fails where one is missing.
            "retention.ms": str(hours * _HOUR_MS),
            "retention.bytes": str(retained),
            _SIZE: str(size),
            # One replica may be down without stopping writers; an acknowledged event is on all others.
            "min.insync.replicas": str(max(1, replicas - 1)),
        }
        return TopicSpec(name, settings.partitions, replicas, config, source)

    hours, retained = settings.retention_hours, settings.retention_bytes
    wanted = []
    for topic in streams:
        wanted.append(spec(topic, _MESSAGE, hours, retained))
        if topic in compacted:
            # Older versions stay as long as the events that refer to them.
            kept = {"cleanup.policy": "compact", "min.compaction.lag.ms": wanted[-1].config["retention.ms"]}
            wanted[-1] = replace(wanted[-1], config={**wanted[-1].config, **kept})
        if topic in (RETRIES_TOPIC, AUDIT_TOPIC):
            # Without its record a letter could be sent twice, and an audit may come much later: kept for ever.
            kept = {**wanted[-1].config, "retention.ms": "-1", "retention.bytes": "-1"}
            wanted[-1] = replace(wanted[-1], partitions=1, config=kept)
        # Must hold the largest event of its topic together with the error headers.
        wanted.append(spec(f"{topic}.dlq", 2 * _MESSAGE, hours, retained, source=topic))
    wanted += [spec(topic, _MESSAGE, 1, retained) for topic in internal]
    # The tables are rebuilt from it, so it keeps as much as they do.
    longest = max(hours, 24 * settings.window_retention_days)
    return [*wanted, spec(ANALYTICS, 4 * _MESSAGE, longest, _ANALYTICS_SHARE * retained)]


def compare(spec: TopicSpec, partitions: int, config: Mapping[str, str]) -> tuple[Difference, ...]:
    """How an existing topic differs from `spec`. Settings that the broker does not report are taken to be right."""
    found = []
    if partitions != spec.partitions:
        found.append(Difference(f"{partitions} partitions, wanted {spec.partitions}", breaks=False))
    for name, wanted in spec.config.items():
        actual = config.get(name, wanted)
        if actual != wanted:
            found.append(Difference(f"{name}={actual}, wanted {wanted}", _breaks(spec, name, actual, wanted)))
    return tuple(found)


def _breaks(spec: TopicSpec, name: str, actual: str, wanted: str) -> bool:
    if name == "cleanup.policy":
        return "compact" in actual and wanted == "delete"
    least = _MESSAGE if spec.name == ANALYTICS else SMALLEST_LETTER_BYTES if spec.source is not None else 0
    return name == _SIZE and int(actual) < least


def fit_to_source(spec: TopicSpec, configs: Mapping[str, Mapping[str, str]]) -> TopicSpec:
    """A dead-letter topic accepts twice what its source accepts, which its owner may have raised."""
    size = int(configs.get(spec.source or "", {}).get(_SIZE, 0))
    if 2 * size <= int(spec.config[_SIZE]):
        return spec
    return replace(spec, config={**spec.config, _SIZE: str(2 * size)})
