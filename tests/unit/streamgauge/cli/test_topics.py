"""What is wanted of a topic, and which differences break the pipeline."""

from __future__ import annotations

import pytest

from streamgauge.cli.topics.specs import TopicSpec, compare, fit_to_source, specs
from streamgauge.runtime import settings


def wanted(topic: str, **environ: str) -> TopicSpec:
    found = specs(
        settings.load({f"STREAMGAUGE_{name}": value for name, value in environ.items()}),
        ["orders", "dead-letter-retries", "audit"],
    )
    return next(spec for spec in found if spec.name == topic)


def test_each_stream_has_a_topic_and_a_dead_letter_topic() -> None:
    names = [spec.name for spec in specs(settings.load({}), ["orders", "lag"])]
    assert names == ["orders", "orders.dlq", "lag", "lag.dlq", "analytics"]


@pytest.mark.parametrize("topic", ["orders", "orders.dlq", "analytics"])
def test_retention_is_always_set_both_ways(topic: str) -> None:
    config = wanted(topic, RETENTION_HOURS="3", RETENTION_BYTES="1000000").config
    assert int(config["retention.ms"]) >= 3 * 3_600_000
    assert int(config["retention.bytes"]) >= 1_000_000


@pytest.mark.parametrize("topic", ["dead-letter-retries", "audit"])
def test_what_people_did_is_never_forgotten(topic: str) -> None:
    """A letter whose record were gone could be sent twice."""
    config = wanted(topic, RETENTION_HOURS="1").config
    assert (config["retention.ms"], config["retention.bytes"], config["cleanup.policy"]) == ("-1", "-1", "delete")


def test_analytics_keeps_what_the_tables_keep() -> None:
    assert wanted("analytics", WINDOW_RETENTION_DAYS="2", RETENTION_HOURS="1").config["retention.ms"] == "172800000"
    assert wanted("analytics", WINDOW_RETENTION_DAYS="2", RETENTION_HOURS="72").config["retention.ms"] == "259200000"


def test_one_replica_may_be_away() -> None:
    replicas = {count: wanted("orders", REPLICATION_FACTOR=count).config["min.insync.replicas"] for count in "123"}
    assert replicas == {"1": "1", "2": "1", "3": "2"}


@pytest.mark.parametrize(
    ("topic", "change", "breaks"),
    [
        ("orders", {"cleanup.policy": "compact"}, True),
        ("orders", {"cleanup.policy": "compact,delete"}, True),
        ("orders", {"retention.ms": "1000"}, False),
        ("orders", {"max.message.bytes": "1000"}, False),
        ("orders.dlq", {"max.message.bytes": "1048588"}, False),  # larger letters refer to their event
        ("orders.dlq", {"max.message.bytes": "499"}, True),
        ("orders.dlq", {"max.message.bytes": "99000000"}, False),
        ("analytics", {"max.message.bytes": "1048588"}, False),  # larger deltas are split
        ("analytics", {"max.message.bytes": "1048587"}, True),
    ],
)
def test_what_breaks(topic: str, change: dict[str, str], breaks: bool) -> None:
    spec = wanted(topic)
    (difference,) = compare(spec, spec.partitions, {**spec.config, **change})
    assert difference.breaks is breaks
    assert difference.text.startswith(next(iter(change)))


def test_another_number_of_partitions_is_shown_only() -> None:
    spec = wanted("orders")
    (difference,) = compare(spec, spec.partitions + 1, spec.config)
    assert (difference.text, difference.breaks) == ("7 partitions, wanted 6", False)


def test_what_the_broker_does_not_tell_is_no_difference() -> None:
    spec = wanted("orders")
    assert compare(spec, spec.partitions, {}) == ()


def test_a_dead_letter_topic_grows_with_its_source() -> None:
    spec = wanted("orders.dlq")
    assert fit_to_source(spec, {}) == spec
    assert fit_to_source(spec, {"orders": {"max.message.bytes": "9000000"}}).config["max.message.bytes"] == "18000000"


def test_reference_data_compacts_and_keeps_older_versions_as_long_as_events() -> None:
    spec = specs(settings.load({"STREAMGAUGE_RETENTION_HOURS": "2"}), ["orders", "products"], {"products"})[2]
    assert spec.config["cleanup.policy"] == "compact"
    assert spec.config["min.compaction.lag.ms"] == "7200000"
    (difference,) = compare(spec, spec.partitions, {"cleanup.policy": "delete"})
    assert not difference.breaks


def test_internal_topics_have_no_dead_letters() -> None:
    names = [spec.name for spec in specs(settings.load({}), ["orders"], internal=["ticks"])]
    assert names == ["orders", "orders.dlq", "ticks", "analytics"]
