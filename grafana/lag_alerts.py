"""Alerts on consumer lag: behind, stalled, rewound, about to lose events, money waiting."""

from __future__ import annotations

from grafana import places
from grafana.alert import Alert
from streamgauge.domain import lag_status, limits

_GROUP_TOPIC = "by (consumergroup, topic)"

LAG = (
    Alert(
        "ConsumerLag",
        "lag",
        "warning",
        "consumergroup_topic:kafka_consumergroup_lag_seconds:max",
        limits.LAG_WARNING_S,
        120,
        "{consumergroup} is {value:duration} behind on {topic}",
        places.LAG,
        "Lag in time",
        limit_s=True,
    ),
    Alert(
        "ConsumerLagCritical",
        "lag",
        "critical",
        "consumergroup_topic:kafka_consumergroup_lag_seconds:max",
        limits.LAG_CRITICAL_S,
        300,
        "{consumergroup} is {value:duration} behind on {topic}",
        places.LAG,
        "Lag in time",
        limit_s=True,
        page="consumer-lag",
    ),
    Alert(
        "ConsumerStalled",
        "lag",
        "critical",
        f"sum {_GROUP_TOPIC} (kafka_consumergroup_status >= bool {lag_status.VALUES['STALL']})",
        0,
        120,
        "{consumergroup} has stalled or stopped on {topic} (partitions: {value:count})",
        places.LAG,
        "Status by group and topic",
    ),
    Alert(
        "ConsumerRewound",
        "lag",
        "warning",
        f"sum {_GROUP_TOPIC} (kafka_consumergroup_status == bool {lag_status.VALUES['REWIND']})",
        0,
        0,
        "{consumergroup} was rewound on {topic} (partitions: {value:count}) and reads events again",
        places.LAG,
        "Status by group and topic",
    ),
    Alert(
        "LagNotRecovering",
        "lag",
        "warning",
        # The current lag, if it has not decreased for ten minutes; where a part is unknown, what it is at least.
        "streamgauge_consumergroup_lag_least_events and deriv(streamgauge_consumergroup_lag_least_events[10m]) >= 0",
        1_000,
        600,
        "{consumergroup} is {value:count} events behind on {topic} and does not catch up",
        places.LAG,
        "Lag in events",
    ),
    Alert(
        "RetentionRisk",
        "lag",
        "critical",
        # A log that still begins at offset 0 has not reached its retention.
        f"max {_GROUP_TOPIC} (streamgauge_consumergroup_retention_used_ratio and on (topic, partition) "
        "kafka_topic_partition_oldest_offset > 0)",
        limits.RETENTION_AT_RISK,
        300,
        "{consumergroup} has not read {value:percent} of the retained {topic}: events are about to be lost",
        places.LAG,
        "Retention used",
    ),
    Alert(
        "GroupInactiveBehind",
        "lag",
        "warning",
        # Transaction markers: a group that has read everything may show a lag of one per partition.
        "streamgauge_consumergroup_inactive_behind_events",
        50,
        600,
        "{consumergroup} has no members, and {value:count} events wait for it",
        places.LAG,
        "Groups without members",
    ),
    Alert(
        "EventsLost",
        "lag",
        "warning",
        # A counter that appears with what was lost before does not fire: it increases while it is watched, or not.
        f"sum {_GROUP_TOPIC} (increase(streamgauge_consumergroup_lost_events_total[1h]))",
        0,
        0,
        "retention deleted about {value:count} events of {topic} before {consumergroup} read them",
        places.LAG,
        "Deleted unread",
    ),
    Alert(
        "NeverCommitted",
        "lag",
        "warning",
        # Where a member holds the partition, STALL alarms.
        "streamgauge_consumergroup_lag_unknown_events",
        50,
        600,
        "{consumergroup} never committed on partitions of {topic}: up to {value:count} events wait there",
        places.LAG,
        "Never committed",
    ),
    Alert(
        "TransactionHangs",
        "lag",
        "warning",
        # Kafka aborts a transaction after its time-out, 15 minutes at most by default.
        "streamgauge_consumergroup_undecided_events",
        0,
        900,
        "{consumergroup} waits on {topic} for an open transaction of {value:count} events",
        places.LAG,
        "Open transactions",
    ),
    Alert(
        "MoneyWaiting",
        "lag",
        "warning",
        f"sum {_GROUP_TOPIC} (streamgauge_consumergroup_waiting_cents) / 100",
        limits.MONEY_WAITING_CENTS // 100,
        300,
        "€{value:count} wait in {topic} behind {consumergroup}",
        places.LAG,
        "Money waiting",
    ),
    Alert(
        "LagUnknown",
        "lag",
        "warning",
        "max by (kind, name) (streamgauge_lag_failed)",
        0,
        300,
        "the lag of {kind} {name} cannot be read",
        places.LAG,
        "Failed samples",
    ),
    Alert(
        "LagSamplesStopped",
        "lag",
        "critical",
        # The process is up but takes no samples: its gauges keep their last values.
        "sum by (process, instance) (increase(streamgauge_lag_sample_seconds_count[5m]))",
        1,
        60,
        "{process} at {instance} has stopped sampling: its lags are out of date",
        places.INTERNALS,
        "Duration of a sample",
        below=True,
    ),
)
