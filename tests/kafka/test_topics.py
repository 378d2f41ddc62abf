"""`streamgauge topics` on the real broker: it creates and checks topics, and never alters one."""

from __future__ import annotations

import uuid

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource

from streamgauge.cli.topics import setup
from streamgauge.cli.topics.specs import TopicSpec, TopicState, specs
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.settings import Settings
from tests.conftest import SettingsFactory, TopicFactory

pytestmark = pytest.mark.kafka


def specified_topics(settings: Settings, *streams: str) -> list[TopicSpec]:
    """The specs of these streams, without `analytics`, which the tests of a session would share."""
    return [spec for spec in specs(settings, streams) if spec.name != "analytics"]


def state_of(states: list[TopicState], name: str) -> TopicState:
    return next(state for state in states if state.name == name)


def config(client: AdminClient, topic: str) -> dict[str, str]:
    (future,) = client.describe_configs([ConfigResource(ConfigResource.Type.TOPIC, topic)]).values()
    return {name: entry.value for name, entry in future.result(10).items()}


def test_missing_topics_are_created_as_specified(settings_factory: SettingsFactory, admin_client: AdminClient) -> None:
    settings = settings_factory(partitions=3, retention_hours=2, retention_bytes=5_000_000)
    stream = f"test-{uuid.uuid4()}"
    states = setup.ensure(settings, specified_topics(settings, stream))
    assert [state.created for state in states] == [True, True]
    assert len(admin_client.list_topics(timeout=10).topics[stream].partitions) == 3
    actual = config(admin_client, f"{stream}.dlq")
    assert actual["retention.ms"] == "7200000"
    assert actual["retention.bytes"] == "5000000"
    assert int(actual["max.message.bytes"]) > int(config(admin_client, stream)["max.message.bytes"])


def test_a_second_run_finds_no_differences(settings_factory: SettingsFactory) -> None:
    settings = settings_factory()
    specified = specified_topics(settings, f"test-{uuid.uuid4()}")
    setup.ensure(settings, specified)
    states = setup.ensure(settings, specified)
    assert not any(state.created or state.differences for state in states)


def test_an_existing_topic_is_reported_and_left_alone(
    settings_factory: SettingsFactory, topic_factory: TopicFactory, admin_client: AdminClient
) -> None:
    settings = settings_factory(partitions=6)
    stream = topic_factory(partitions=2, retention_ms="1000")
    state = state_of(setup.ensure(settings, specified_topics(settings, stream)), stream)
    assert [difference.text for difference in state.differences] == [
        "2 partitions, wanted 6",
        "retention.ms=1000, wanted 604800000",
        "retention.bytes=-1, wanted 2000000000",
    ]
    assert not state.breaks
    assert len(admin_client.list_topics(timeout=10).topics[stream].partitions) == 2
    assert config(admin_client, stream)["retention.ms"] == "1000"


def test_a_compacted_topic_breaks(settings_factory: SettingsFactory, topic_factory: TopicFactory) -> None:
    settings = settings_factory()
    stream = topic_factory(cleanup_policy="compact")
    assert state_of(setup.ensure(settings, specified_topics(settings, stream)), stream).breaks


def test_a_dead_letter_topic_accepts_its_sources_largest_events(
    settings_factory: SettingsFactory, topic_factory: TopicFactory, admin_client: AdminClient
) -> None:
    settings = settings_factory()
    stream = topic_factory(max_message_bytes="5000000")
    setup.ensure(settings, specified_topics(settings, stream))
    assert config(admin_client, f"{stream}.dlq")["max.message.bytes"] == "10000000"


def test_more_replicas_than_brokers_is_a_usage_error(settings_factory: SettingsFactory) -> None:
    settings = settings_factory(replication_factor=3)
    with pytest.raises(UsageError, match="refuses the topics"):
        setup.ensure(settings, specified_topics(settings, f"test-{uuid.uuid4()}"))
