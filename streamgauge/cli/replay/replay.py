"""`streamgauge replay`: the rehearsal, and with --yes the group's new offsets."""

from __future__ import annotations

import getpass
import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition

from processors.registry import Processor
from streamgauge.catalog import loader
from streamgauge.cli import output
from streamgauge.cli.rebuild import reread
from streamgauge.cli.replay import plan
from streamgauge.cli.replay.plan import Place, Seen
from streamgauge.dead_letters.retry import records
from streamgauge.runtime import kafka, log_reader
from streamgauge.runtime import settings as settings_module
from streamgauge.runtime.errors import StreamgaugeError, UsageError
from streamgauge.runtime.process import set_up_logging
from streamgauge.runtime.settings import Settings

CALL_S = 15.0
log = logging.getLogger("streamgauge")


def main(name: str, to: str | None, to_offset: list[str], *, yes: bool, re_emit: bool) -> int:
    """Rehearse, and with `yes` rewind; returns the exit code. Raises `UsageError` for what may not be."""
    settings = settings_module.load()
    processor = plan.processor(name, settings.analytics_group)
    if (to is None) == (not to_offset):
        raise UsageError("say from where: --to TIME, or --to-offset topic:partition:offset (again for each partition)")
    at = plan.moment(to) if to else None
    given = plan.places(to_offset)
    kafka.require_broker(settings)
    topics = loader.streams_of(settings.catalog).streams
    admin = kafka.admin(settings)
    committed = {place: offset for place, offset in _committed(admin, name).items() if place[0] in topics}
    if not committed:
        raise UsageError(f"the group {name} has committed nothing yet: there is nothing to read again")
    if unknown := given.keys() - committed.keys():
        raise UsageError(f"the group {name} has no offset of {min(unknown)[0]}[{min(unknown)[1]}]")
    with records.reader(settings) as consumer:
        lows = {place: consumer.get_watermark_offsets(TopicPartition(*place), timeout=CALL_S)[0] for place in committed}
        wanted = given if at is None else _at(consumer, committed, at)
    ranges = plan.rewound(committed, wanted, lows)
    if not ranges:
        output.line(f"{name} has read nothing since then: there is nothing to read again")
        return 0
    again = {place: wanted[place] for place in ranges if wanted[place] < lows[place]}
    for (topic, number), offset in again.items():
        output.line(f"{topic}[{number}] begins at {lows[topic, number]}: what lay from {offset} on is gone")
    _rehearse(settings, name, processor, ranges)
    members = _members(admin, name)
    if not yes:
        output.line("nothing was changed: this is a rehearsal; --yes rewinds the group")
        return 0
    if not re_emit:
        raise UsageError(f"{name} publishes events and commands: add --re-emit to say that it may publish them again")
    if members:
        raise UsageError(
            f"the group {name} has {members} member{'' if members == 1 else 's'}: stop every `streamgauge process "
            f"{name}` first"
        )
    _rewind(admin, name, ranges)
    _record(settings, name, ranges, to)
    return 0


def _rehearse(settings: Settings, name: str, processor: Processor, ranges: Mapping[Place, tuple[int, int]]) -> None:
    read: dict[str, Seen] = {topic: Seen() for topic, _ in ranges}
    total = sum(end - start for start, end in ranges.values())
    output.line(f"{name} would read {total:,} offsets of {len(ranges)} partitions again:")
    for topic, message in _messages(settings, ranges):
        read[topic].add(message.value(), message.key(), message.timestamp()[1])
    for line in plan.lines(read):
        output.line(line)
    starts = [one.first_ms for one in read.values() if one.first_ms is not None]
    if starts:
        emitted = {topic: Seen() for topic in processor.outputs}
        for topic, message in _messages(settings, _since(settings, processor.outputs, min(starts))):
            emitted[topic].add(message.value(), message.key(), message.timestamp()[1], source=name)
        told = list(plan.lines(emitted))
        output.line(f"since {datetime.fromtimestamp(min(starts) / 1_000, UTC):%Y-%m-%d %H:%M:%S} it has published:")
        for line in told or ["  nothing"]:
            output.line(line)
        output.line("what of it comes again depends on its state:")
    output.line(f"  {processor.replay}")


def _messages(settings: Settings, ranges: Mapping[Place, tuple[int, int]]) -> Any:
    wanted = reread.Log({place: [span] for place, span in ranges.items()})
    for some in reread.read(settings, wanted, lambda *_: None):
        for message in some:
            yield message.topic(), message


def _since(settings: Settings, topics: tuple[str, ...], ms: int) -> dict[Place, tuple[int, int]]:
    """The part of the topics that was published from then on, up to now."""
    with records.reader(settings) as consumer:
        starts = [
            TopicPartition(place.topic, place.partition, ms)
            for topic in topics
            for place in log_reader.partitions(consumer, topic)
        ]
        found = consumer.offsets_for_times(starts, timeout=CALL_S)
        ends = {(p.topic, p.partition): consumer.get_watermark_offsets(p, timeout=CALL_S)[1] for p in found}
    return {
        (p.topic, p.partition): (p.offset, ends[p.topic, p.partition])
        for p in found
        if 0 <= p.offset < ends[p.topic, p.partition]
    }


def _at(consumer: Any, committed: Mapping[Place, int], at: datetime) -> dict[Place, int]:
    """Of each partition the first offset whose message was published at that time or later, by Kafka's timestamps."""
    asked = [TopicPartition(*place, int(at.timestamp() * 1_000)) for place in committed]
    found = consumer.offsets_for_times(asked, timeout=CALL_S)
    return {(p.topic, p.partition): p.offset for p in found if p.offset >= 0}


def _committed(admin: Any, group: str) -> dict[Place, int]:
    (future,) = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]).values()
    try:
        return {(p.topic, p.partition): p.offset for p in future.result(CALL_S).topic_partitions if p.offset >= 0}
    except KafkaException as error:
        raise StreamgaugeError(f"the offsets of {group} cannot be read: {error.args[0].str()}") from None


def _members(admin: Any, group: str) -> int:
    (future,) = admin.describe_consumer_groups([group]).values()
    try:
        return len(future.result(CALL_S).members)
    except KafkaException as error:
        raise StreamgaugeError(f"the group {group} cannot be described: {error.args[0].str()}") from None


def _rewind(admin: Any, group: str, ranges: Mapping[Place, tuple[int, int]]) -> None:
    offsets = [TopicPartition(*place, start) for place, (start, _) in ranges.items()]
    (future,) = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, offsets)]).values()
    try:
        # Kafka refuses it itself where a member has joined since.
        for done in future.result(CALL_S).topic_partitions:
            if done.error:
                raise StreamgaugeError(f"{done.topic}[{done.partition}] was not rewound: {done.error.str()}")
    except KafkaException as error:
        raise StreamgaugeError(f"the group {group} was not rewound: {error.args[0].str()}") from None


def _record(settings: Settings, name: str, ranges: Mapping[Place, tuple[int, int]], to: str | None) -> None:
    """A line in the log, and one in `replays.jsonl` of the data directory: who, when, what."""
    set_up_logging(settings.log_level)
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
