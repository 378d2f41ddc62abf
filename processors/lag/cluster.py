"""State of the cluster's consumer groups and logs, read through the admin client: DESCRIBE rights suffice, no record is
read.

The order matters: committed offsets are requested before the log ends, so that a group is never seen ahead of the log,
and the oldest offsets last: what they have passed is gone.
What is refused or not answered is listed in `failed`, and the rest is returned; only without metadata is there nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from processors.lag.time_lag import OffsetAtTime
from streamgauge.domain.consumer_lag import CHANGELOG
from streamgauge.runtime.connection import rights
from streamgauge.runtime.connection.missing import Granted
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.kafka import Partition, topic_ids
from streamgauge.runtime.settings import Settings

Failure = tuple[str, str]
# Groups whose offsets are requested at the same time.
GROUPS_AT_ONCE = 100
DEAD_LETTERS = ".dlq"
# The topic, partition or group does not exist (any more): not a failure, there is nothing to read.
_GONE = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - librdkafka's own errors have no other name
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
    KafkaError.GROUP_ID_NOT_FOUND,
    KafkaError._UNKNOWN_GROUP,  # noqa: SLF001
}


@dataclass
class Group:
    """A consumer group. `members` is None while unknown, `owners` also during a rebalance."""

    state: str | None = None
    members: int | None = None
    owners: dict[Partition, str] | None = None
    committed: dict[Partition, int] = field(default_factory=dict)

    @property
    def used(self) -> set[Partition]:
        """Partitions it has committed on, and those assigned to its members without a commit yet.

        A changelog is assigned to the member that keeps the state, and no offset of it is ever committed.
        """
        return self.committed.keys() | {tp for tp in self.owners or () if not tp[0].startswith(CHANGELOG)}


@dataclass
class ClusterState:
    """The cluster at one moment. `topic_ids` has those that were read, which is not in every sample; nor is `granted`,
    what this client may do there.
    """

    brokers: int
    partitions: dict[str, int]
    groups: dict[str, Group]
    ends: dict[Partition, int]
    oldest: dict[Partition, int]
    failed: set[Failure]
    topic_ids: dict[str, str] = field(default_factory=dict)
    granted: Granted | None = None

    @property
    def unread(self) -> set[str]:
        """Topics with events that no group has committed on or is assigned. Dead-letter topics do not count."""
        if ("cluster", "groups") in self.failed:
            return set()
        read = {topic for group in self.groups.values() for topic, _ in group.used | set(group.owners or ())}
        filled = {tp[0] for tp, end in self.ends.items() if end > self.oldest.get(tp, end)}
        return {topic for topic in filled - read if not topic.endswith(DEAD_LETTERS)}

    def followed(self) -> dict[str, list[Partition]]:
        """By group, the partitions that it uses, and those of the same topics that have something and that it does not:
        added while it was away, say.
        """
        filled: dict[str, set[Partition]] = defaultdict(set)
        for tp, end in self.ends.items():
            if end > self.oldest.get(tp, 0):
                filled[tp[0]].add(tp)
        return {
            name: sorted(
                (group.used & self.ends.keys()).union(*(filled[topic] for topic in {tp[0] for tp in group.used}))
            )
            for name, group in self.groups.items()
        }


class Filter:
    """Which groups and topics are sampled. Raises `UsageError` for a setting that is not a regular expression."""

    def __init__(self, settings: Settings) -> None:
        def compiled(name: str) -> re.Pattern[str] | None:
            text = getattr(settings, name)
            try:
                return re.compile(text) if text else None
            except re.error as error:
                raise UsageError(f"STREAMGAUGE_{name.upper()}: `{text}` is no regular expression ({error})") from None

        self._groups = compiled("lag_groups_include"), compiled("lag_groups_exclude")
        self._topics = compiled("lag_topics_include"), compiled("lag_topics_exclude")

    def group(self, name: str) -> bool:
        """Whether the group is sampled."""
        return _passes(name, *self._groups)

    def topic(self, name: str) -> bool:
        """Whether the topic is sampled."""
        return _passes(name, *self._topics)


def _passes(name: str, include: re.Pattern[str] | None, exclude: re.Pattern[str] | None) -> bool:
    return (include is None or include.search(name) is not None) and (exclude is None or not exclude.search(name))


class ClusterReader:
    """Reads through an admin client. A call blocks for a few times `timeout_s` at most."""

    def __init__(self, client: Any, chosen: Filter, timeout_s: float) -> None:
        self._client, self._chosen, self._timeout_s = client, chosen, timeout_s
        # What of the last `read` failed for want of a right.
        self._refused: set[Failure] = set()

    def read(self) -> ClusterState:
        """Everything of one sample but times. Raises `KafkaException` when not even metadata can be read."""
        metadata = self._client.list_topics(timeout=self._timeout_s)
        failed: set[Failure] = set()
        self._refused = set()
        tps: list[Partition] = []
        partitions: dict[str, int] = {}
        for name, topic in metadata.topics.items():
            if not self._chosen.topic(name):
                continue
            if topic.error is not None:
                if topic.error.code() not in _GONE:
                    self._fail(failed, ("topic", name), topic.error)
                continue
            partitions[name] = len(topic.partitions)
            led = [number for number, one in topic.partitions.items() if one.leader >= 0]
            if len(led) < len(topic.partitions):
                failed.add(("topic", name))
            tps += [(name, number) for number in led]
        groups = self._groups(failed)
        # A group reads it, but metadata omits it: it was deleted, or we lack the rights; a request tells which.
        hidden = {topic for group in groups.values() for topic, _ in group.used} - set(metadata.topics)
        self._offsets({(topic, 0): OffsetSpec.latest() for topic in hidden}, failed)
        return ClusterState(
            len(metadata.brokers),
            partitions,
            groups,
            self._offsets({tp: OffsetSpec.latest() for tp in tps}, failed),
            self._offsets({tp: OffsetSpec.earliest() for tp in tps}, failed),
            failed,
        )

    def read_rights(self, state: ClusterState) -> None:
        """Fill in `topic_ids` and `granted`; topics that cannot be described now stay out of both."""
        described = topic_ids.known(self._client, state.partitions, operations=True)
        state.topic_ids = {name: topic.id for name, topic in described.items() if topic.id}
        asked = self._client.describe_cluster(include_authorized_operations=True, request_timeout=self._timeout_s)
        try:
            cluster = frozenset(one.name for one in asked.result(self._timeout_s + 1).authorized_operations or ())
        except KafkaException:
            return
        refused = {kind: {name for of, name in self._refused if of == kind} for kind in ("topic", "group")}
        state.granted = Granted(
            {name: topic.operations for name, topic in described.items()},
            refused["topic"],
            len(state.groups),
            refused["group"],
            cluster,
        )

    def _fail(self, failed: set[Failure], failure: Failure, error: KafkaError) -> None:
        failed.add(failure)
        if rights.is_refusal(error):
            self._refused.add(failure)

    def _groups(self, failed: set[Failure]) -> dict[str, Group]:
        try:
            listed = self._client.list_consumer_groups(request_timeout=self._timeout_s).result(self._timeout_s + 1)
        except KafkaException:
            failed.add(("cluster", "groups"))
            return {}
        if listed.errors:  # a coordinator does not answer: its groups are missing
            failed.add(("cluster", "groups"))
        names = [one.group_id for one in listed.valid if self._chosen.group(one.group_id)]
        groups = {name: Group() for name in names}
        if names:
            self._describe(groups, failed)
        names = list(groups)
        for start in range(0, len(names), GROUPS_AT_ONCE):
            self._committed(groups, names[start : start + GROUPS_AT_ONCE], failed)
        return {name: group for name, group in groups.items() if group.members or group.committed}

    def _describe(self, groups: dict[str, Group], failed: set[Failure]) -> None:
        requested = self._client.describe_consumer_groups(list(groups), request_timeout=self._timeout_s)
        for name, result in self._answers(requested, groups, failed):
            group = groups[name]
            group.state, group.members = result.state.name, len(result.members)
            if group.state in ("STABLE", "EMPTY"):
                # During a rebalance nothing is assigned, which says nothing.
                group.owners = {
                    (tp.topic, tp.partition): f"{member.client_id} on {member.host.lstrip('/')}"
                    for member in result.members
                    for tp in member.assignment.topic_partitions
                    if self._chosen.topic(tp.topic)
                }

    def _committed(self, groups: dict[str, Group], names: Sequence[str], failed: set[Failure]) -> None:
        # The library accepts one group per call.
        requested = {
            name: self._client.list_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(name)], request_timeout=self._timeout_s
            )[name]
            for name in names
        }
        for name, result in self._answers(requested, groups, failed):
            for one in result.topic_partitions:
                if one.error is not None:
                    self._fail(failed, ("group", name), one.error)
                elif one.offset >= 0 and self._chosen.topic(one.topic):
                    groups[name].committed[one.topic, one.partition] = one.offset

    def _answers(
        self, requested: Mapping[str, Any], groups: dict[str, Group], failed: set[Failure]
    ) -> Iterator[tuple[str, Any]]:
        """Name and result of each group that answers; one that no longer exists is removed from `groups`."""
        for name, future in requested.items():
            try:
                result = future.result(self._timeout_s + 1)
            except KafkaException as error:
                if error.args[0].code() in _GONE:
                    del groups[name]
                else:
                    self._fail(failed, ("group", name), error.args[0])
                continue
            yield name, result

    def _offsets(self, requested: Mapping[Partition, OffsetSpec], failed: set[Failure]) -> dict[Partition, int]:
        return {tp: int(result.offset) for tp, result in self._list_offsets(requested, failed).items()}

    def offsets_at(
        self, requested: Mapping[Partition, int], ends: Mapping[Partition, int], failed: set[Failure]
    ) -> dict[Partition, OffsetAtTime]:
        """The first record at or after a time (ms), for each partition; without one, the log end that was read."""
        specs = {tp: OffsetSpec.for_timestamp(time) for tp, time in requested.items()}
        return {
            tp: OffsetAtTime(int(result.offset), int(result.timestamp))
            if result.offset >= 0
            else OffsetAtTime(ends[tp], None)
            for tp, result in self._list_offsets(specs, failed).items()
        }

    def _list_offsets(self, requested: Mapping[Partition, OffsetSpec], failed: set[Failure]) -> dict[Partition, Any]:
        if not requested:
            return {}
        request = {TopicPartition(*tp): spec for tp, spec in requested.items()}
        answers: dict[Partition, Any] = {}
        for one, future in self._client.list_offsets(request, request_timeout=self._timeout_s).items():
            try:
                answers[one.topic, one.partition] = future.result(self._timeout_s + 1)
            except KafkaException as error:
                if error.args[0].code() not in _GONE:
                    self._fail(failed, ("topic", one.topic), error.args[0])
        return answers
