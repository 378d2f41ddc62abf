"""Recording rules: aggregates that dashboards and alerts would otherwise compute over all partitions each time.

With 5,000 partitions and five groups a lag metric has 25,000 series; a rule reduces them to one per group and topic.
Names are level:metric:operation, as Prometheus recommends.
"""

from __future__ import annotations

from dataclasses import dataclass

GROUP_TOPIC = ("consumergroup", "topic")


@dataclass(frozen=True)
class Recording:
    """A recording rule and the labels of its series."""

    name: str
    expr: str
    labels: tuple[str, ...]


def _worst(metric: str) -> Recording:
    return Recording(f"consumergroup_topic:{metric}:max", f"max by (consumergroup, topic) ({metric})", GROUP_TOPIC)


RECORDINGS = (
    _worst("kafka_consumergroup_lag_seconds"),
    # OK means that all of the topic is: not where the lag of a partition is unknown.
    Recording(
        "consumergroup_topic:kafka_consumergroup_status:max",
        "(max by (consumergroup, topic) (kafka_consumergroup_status) > 0) or (max by (consumergroup, topic) "
        "(kafka_consumergroup_status) unless on (consumergroup, topic) "
        "(max by (consumergroup, topic) (streamgauge_consumergroup_unknown_partitions) > 0))",
        GROUP_TOPIC,
    ),
    _worst("streamgauge_consumergroup_retention_used_ratio"),
    Recording(
        "consumergroup_topic:streamgauge_consumergroup_consumed_per_second:sum",
        "sum by (consumergroup, topic) (streamgauge_consumergroup_consumed_per_second)",
        GROUP_TOPIC,
    ),
    Recording(
        "topic:streamgauge_topic_produced_per_second:sum",
        "sum by (topic) (streamgauge_topic_produced_per_second)",
        ("topic",),
    ),
    # The same with the label `stream` of our own metrics, for comparison.
    Recording(
        "stream:streamgauge_topic_produced_per_second:sum",
        'label_replace(sum by (topic) (streamgauge_topic_produced_per_second), "stream", "$1", "topic", "(.*)")',
        ("topic", "stream"),
    ),
)


def recorded() -> dict[str, tuple[str, ...]]:
    """Names and labels, for `names.check`."""
    return {rule.name: rule.labels for rule in RECORDINGS}
