"""`streamgauge replay`: rehearses a replay; with --yes rewinds the consumer group."""

from __future__ import annotations

import getpass
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from processors.registry import Processor
from streamgauge.catalog import loader
from streamgauge.cli import offsets, output
from streamgauge.cli.rebuild import reread
from streamgauge.cli.replay import plan
from streamgauge.cli.replay.plan import TopicSummary
from streamgauge.dead_letters.retry import records
from streamgauge.runtime import kafka, log_reader
from streamgauge.runtime import settings as settings_module
from streamgauge.runtime.connection.explain import explained
from streamgauge.runtime.connection.rights import Right
from streamgauge.runtime.errors import StreamgaugeError, UsageError
from streamgauge.runtime.kafka import Partition, topic_identity, topic_ids
from streamgauge.runtime.settings import Settings

CALL_S = 15.0
log = logging.getLogger("streamgauge")


def main(name: str, to: str | None, to_offset: list[str], *, yes: bool, re_emit: bool) -> int:
    """Rehearse, and with `yes` rewind; returns the exit code. Raises `UsageError` where it is not allowed."""
    settings = settings_module.load()
    processor = plan.processor(name, settings.analytics_group)
    if (to is None) == (not to_offset):
        raise UsageError("give a start: --to TIME, or --to-offset topic:partition:offset, once per partition")
    at = plan.parse_time(to) if to else None
    given = plan.parse_offsets(to_offset)
    kafka.require_broker(settings)
    topics = loader.streams_of(settings.catalog).streams
    admin = kafka.admin(settings)
    with _kafka_errors(f"the offsets of {name} cannot be read", settings, Right("Describe", "group", name)):
        found = [at for at in offsets.committed_with_metadata(admin, name, timeout_s=CALL_S) if at.topic in topics]
        now = topic_ids.read(admin, {at.topic for at in found})
        there = [
            (at.topic, at.partition) for at in found if at.topic in now and at.partition < now[at.topic].partitions
        ]
        earlier = plan.earlier(found, now, offsets.ends(admin, there, CALL_S))
    for text in earlier.values():
        output.line(text)
    committed = {(at.topic, at.partition): at.offset for at in found if at.topic not in earlier}
    if not found:
        raise UsageError(f"the group {name} has committed nothing yet: there is nothing to replay")
    if unknown := given.keys() - committed.keys():
        raise UsageError(f"the group {name} has no offset that can be used of {min(unknown)[0]}[{min(unknown)[1]}]")
    with records.reader(settings) as consumer:
        lows = {partition: log_reader.span(consumer, partition)[0] for partition in committed}
        wanted = given if at is None else _at(consumer, committed, at)
    ranges = plan.rewound(committed, wanted, lows)
    if not ranges:
        output.line(f"{name} has read nothing since then: there is nothing to replay")
        return 0
    removed = {partition: wanted[partition] for partition in ranges if wanted[partition] < lows[partition]}
    for (topic, number), offset in removed.items():
        output.line(f"{topic}[{number}] begins at {lows[topic, number]}: events from {offset} on have been removed")
    _rehearse(settings, name, processor, ranges)
    with _kafka_errors(f"the group {name} cannot be described", settings, Right("Describe", "group", name)):
        members = offsets.members(admin, name, CALL_S)
    if not yes:
        output.line("nothing was changed: this is a rehearsal; --yes rewinds the group")
        return 0
    if not re_emit:
        raise UsageError(f"{name} publishes events and commands: add --re-emit to allow that it publishes them again")
    if members:
        raise UsageError(
            f"the group {name} has {members} member{'' if members == 1 else 's'}: stop every `streamgauge process "
            f"{name}` first"
        )
    _rewind(settings, admin, name, ranges, {topic: described.id for topic, described in now.items()})
    _record(settings, name, ranges, to)
    return 0


def _rehearse(settings: Settings, name: str, processor: Processor, ranges: Mapping[Partition, tuple[int, int]]) -> None:
    read: dict[str, TopicSummary] = {topic: TopicSummary() for topic, _ in ranges}
    total = sum(end - start for start, end in ranges.values())
    output.line(f"{name} would read {total:,} offsets of {len(ranges)} partitions again:")
    for topic, message in _messages(settings, ranges):
        read[topic].add(message.value(), message.key(), message.timestamp()[1])
    for line in plan.lines(read):
        output.line(line)
    starts = [one.first_ms for one in read.values() if one.first_ms is not None]
    if starts:
        emitted = {topic: TopicSummary() for topic in processor.outputs}
        for topic, message in _messages(settings, _since(settings, processor.outputs, min(starts))):
            emitted[topic].add(message.value(), message.key(), message.timestamp()[1], source=name)
        published = list(plan.lines(emitted))
        output.line(f"since {datetime.fromtimestamp(min(starts) / 1_000, UTC):%Y-%m-%d %H:%M:%S} it has published:")
        for line in published or ["  nothing"]:
            output.line(line)
        output.line("which of these it publishes again depends on its state:")
    output.line(f"  {processor.replay}")


def _messages(settings: Settings, ranges: Mapping[Partition, tuple[int, int]]) -> Any:
    wanted = reread.InputLog({partition: [span] for partition, span in ranges.items()})
    for chunk in reread.read(settings, wanted, lambda *_: None):
        for message in chunk:
            yield message.topic(), message


def _since(settings: Settings, topics: tuple[str, ...], ms: int) -> dict[Partition, tuple[int, int]]:
    """The ranges of the topics that were published from then until now."""
    with records.reader(settings) as consumer:
        starts = [
            TopicPartition(at.topic, at.partition, ms)
            for topic in topics
            for at in log_reader.partitions(consumer, topic)
        ]
        found = log_reader.at_times(consumer, starts)
        ends = {place: log_reader.span(consumer, place)[1] for place in ((p.topic, p.partition) for p in found)}
    return {
        (p.topic, p.partition): (p.offset, ends[p.topic, p.partition])
        for p in found
        if 0 <= p.offset < ends[p.topic, p.partition]
    }


def _at(consumer: Any, committed: Mapping[Partition, int], at: datetime) -> dict[Partition, int]:
    """Per partition, the first offset published at or after that time, by Kafka's timestamps."""
    wanted = [TopicPartition(*partition, int(at.timestamp() * 1_000)) for partition in committed]
    found = log_reader.at_times(consumer, wanted)
    return {(p.topic, p.partition): p.offset for p in found if p.offset >= 0}


@contextmanager
def _kafka_errors(what: str, settings: Settings, *needed: Right) -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        why = explained(error, settings, *needed)
        raise type(why)(f"{what}: {why}") from None


def _rewind(
    settings: Settings,
    admin: AdminClient,
    group: str,
    ranges: Mapping[Partition, tuple[int, int]],
    ids: Mapping[str, str],
) -> None:
    # With the topic's id, as the service commits them: should the topic be made anew, they are no places in it.
    starts = [
        TopicPartition(topic, number, start, metadata=topic_identity.metadata(ids.get(topic, "")))
        for (topic, number), (start, _) in ranges.items()
    ]
    right = Right("Read", "group", group)
    (future,) = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, starts)]).values()
    # Kafka refuses this where a member has joined meanwhile.
    with _kafka_errors(f"the group {group} was not rewound", settings, right):
        for done in future.result(CALL_S).topic_partitions:
            if done.error:
                why = explained(KafkaException(done.error), settings, right, Right("Read", "topic", done.topic))
                raise StreamgaugeError(f"{done.topic}[{done.partition}] was not rewound: {why}")


def _record(settings: Settings, name: str, ranges: Mapping[Partition, tuple[int, int]], to: str | None) -> None:
    """Record who replayed what and when: a log line, and one in `replays.jsonl` of the data directory."""
    done = {
        "replayed_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "by": getpass.getuser(),
        "group": name,
        "to": to,
        "offsets": {f"{topic}:{number}": list(span) for (topic, number), span in ranges.items()},
    }
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with (settings.data_dir / "replays.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(done) + "\n")
    log.warning("replay: %s reads %d partitions again from %s", name, len(ranges), to or "given offsets")
    output.line(f"rewound; start `streamgauge process {name}` and it reads them again")
