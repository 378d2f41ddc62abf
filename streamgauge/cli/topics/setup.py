"""`streamgauge topics`: create the topics that are missing, check those that exist, never alter one."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic
from rich.table import Table

from streamgauge.cli.topics.specs import TopicSpec, TopicState, compare, fit_to_source
from streamgauge.runtime import kafka
from streamgauge.runtime.connection import rights
from streamgauge.runtime.connection.explain import explained
from streamgauge.runtime.connection.rights import Right
from streamgauge.runtime.errors import TransientError, UsageError
from streamgauge.runtime.settings import Settings

_RIGHTS = (Right("DescribeConfigs", "topic"), Right("Create", "cluster"))
# No retry would mend these: the settings ask for what this cluster does not give.
_UNACCEPTABLE = {
    KafkaError.INVALID_REPLICATION_FACTOR,
    KafkaError.INVALID_PARTITIONS,
    KafkaError.INVALID_CONFIG,
    KafkaError.POLICY_VIOLATION,
}


def ensure(settings: Settings, wanted: Iterable[TopicSpec], timeout_s: float = 15.0) -> list[TopicState]:
    """Create what is missing, check what exists; blocks until every new topic has its leaders.

    Raises `UsageError` where no broker answers or it refuses a topic, `TransientError` where leaders are late.
    """
    kafka.require_broker(settings)
    client = kafka.admin(settings)
    try:
        counts = _partition_counts(client, timeout_s)
        wanted = list(wanted)
        configs = _configs(client, [spec.name for spec in wanted if spec.name in counts], timeout_s)
        wanted = [fit_to_source(spec, configs) for spec in wanted]
        created = _create(settings, client, [spec for spec in wanted if spec.name not in counts], timeout_s)
    except KafkaException as error:
        if (inner := error.args[0]).code() in _UNACCEPTABLE:
            raise UsageError(f"Kafka on {settings.bootstrap} refuses the topics: {inner.str()}") from None
        raise explained(error, settings, *_RIGHTS) from error
    return [
        TopicState(spec.name, spec.partitions, True)
        if spec.name in created
        else TopicState(
            spec.name,
            counts.get(spec.name, spec.partitions),
            False,
            compare(spec, counts.get(spec.name, spec.partitions), configs.get(spec.name, {})),
        )
        for spec in wanted
    ]


def _partition_counts(client: AdminClient, timeout_s: float) -> dict[str, int]:
    topics = client.list_topics(timeout=timeout_s).topics
    return {name: len(topic.partitions) for name, topic in topics.items()}


def _configs(client: AdminClient, names: list[str], timeout_s: float) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    requests = client.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, name) for name in names])
    found = {}
    for resource, future in requests.items():
        try:
            found[resource.name] = {key: entry.value for key, entry in future.result(timeout=timeout_s).items()}
        except KafkaException as error:
            raise KafkaException(error.args[0], resource.name) from None
    return found


def _create(settings: Settings, client: AdminClient, missing: list[TopicSpec], timeout_s: float) -> set[str]:
    if not missing:
        return set()
    topics = [
        NewTopic(spec.name, spec.partitions, spec.replication_factor, config=dict(spec.config)) for spec in missing
    ]
    created = set()
    for name, future in client.create_topics(topics).items():
        try:
            future.result(timeout=timeout_s)
            created.add(name)
        except KafkaException as error:
            if rights.is_refusal(error.args[0]):
                raise explained(error, settings, Right("Create", "topic", name)) from error
            # Another `topics` was faster, and created the same.
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
    _wait_for_leaders(client, {spec.name: spec.partitions for spec in missing}, timeout_s)
    return created


def _wait_for_leaders(client: AdminClient, expected: Mapping[str, int], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        topics = client.list_topics(timeout=timeout_s).topics
        late = [
            name
            for name in expected
            if name not in topics or not topics[name].partitions or _leaderless(topics[name].partitions.values())
        ]
        if not late:
            return
        if time.monotonic() > deadline:
            raise TransientError(f"no leader after {timeout_s:.0f} s for {', '.join(late)}")
        time.sleep(0.02)


def _leaderless(partitions: Iterable[object]) -> bool:
    return any(getattr(partition, "leader", -1) < 0 for partition in partitions)


def table(states: Iterable[TopicState]) -> Table:
    """The states as a table for people."""
    shown = Table("topic", "partitions", "state")
    for state in states:
        text = "created" if state.created else "; ".join(difference.text for difference in state.differences) or "ok"
        word = "breaks: " if state.breaks else "differs: " if state.differences else ""
        shown.add_row(state.name, str(state.partitions), word + text, style="red" if state.breaks else None)
    return shown
