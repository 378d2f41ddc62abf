"""Scenarios of the alerts on consumer lag."""

from __future__ import annotations

from tests.unit.grafana.scenario import Scenario

TOPIC = 'consumergroup="billing",topic="orders"'
PARTITION = 'consumergroup="billing",topic="orders",partition="%d"'
BILLING = {"consumergroup": "billing", "topic": "orders"}

LAG = (
    Scenario(
        "ConsumerLag",
        {
            f"kafka_consumergroup_lag_seconds{{{PARTITION % 0}}}": "10x1 95x20 0x20",
            f"kafka_consumergroup_lag_seconds{{{PARTITION % 1}}}": "0x60",
        },
        "2m",
        "5m",
        ((BILLING, "billing is 1m 35s behind on orders"),),
        "13m",
    ),
    Scenario(
        "ConsumerLagCritical",
        {f"kafka_consumergroup_lag_seconds{{{PARTITION % 0}}}": "10x1 4000x20 0x20"},
        "4m",
        "8m",
        ((BILLING, "billing is 1h 6m 40s behind on orders"),),
        "13m",
    ),
    Scenario(
        "ConsumerStalled",
        {
            f"kafka_consumergroup_status{{{PARTITION % 0}}}": "0x1 3x20 0x20",
            f"kafka_consumergroup_status{{{PARTITION % 1}}}": "0x1 4x20 1x20",
            f"kafka_consumergroup_status{{{PARTITION % 2}}}": "2x60",
        },
        "2m",
        "5m",
        ((BILLING, "billing has stalled or stopped on orders (partitions: 2)"),),
        "13m",
    ),
    Scenario(
        "ConsumerRewound",
        {
            f"kafka_consumergroup_status{{{PARTITION % 0}}}": "0x3 2x5 0x20",
            f"kafka_consumergroup_status{{{PARTITION % 1}}}": "3x40",
        },
        "1m",
        "3m",
        ((BILLING, "billing was rewound on orders (partitions: 1) and reads events again"),),
        "7m",
    ),
    Scenario(
        "LagNotRecovering",
        {f"streamgauge_consumergroup_lag_least_events{{{TOPIC}}}": "500+100x50 5500-200x20"},
        "8m",
        "20m",
        ((BILLING, "billing is 4500 events behind on orders and does not catch up"),),
        "34m",
    ),
    Scenario(
        "LagNotRecovering",
        {'streamgauge_consumergroup_lag_least_events{consumergroup="billing",topic="orders"}': "9000x60 9000-300x30"},
        "8m",
        "25m",
        ((BILLING, "billing is 9000 events behind on orders and does not catch up"),),
        "40m",
        "the same number all the time",
    ),
    Scenario(
        "RetentionRisk",
        {
            f"streamgauge_consumergroup_retention_used_ratio{{{PARTITION % 0}}}": "0.2x3 0.9x20 0.3x20",
            'kafka_topic_partition_oldest_offset{topic="orders",partition="0"}': "700x60",
            # Everything is unread, but the log has not lost anything yet.
            'streamgauge_consumergroup_retention_used_ratio{consumergroup="new",topic="clicks",partition="0"}': "1x60",
            'kafka_topic_partition_oldest_offset{topic="clicks",partition="0"}': "0x60",
        },
        "5m",
        "9m",
        ((BILLING, "billing has not read 90% of the retained orders: events are about to be lost"),),
        "14m",
    ),
    Scenario(
        "GroupInactiveBehind",
        {
            'streamgauge_consumergroup_inactive_behind_events{consumergroup="billing"}': "_x2 800x40 _x20",
            'streamgauge_consumergroup_inactive_behind_events{consumergroup="idle"}': "6x80",
        },
        "9m",
        "15m",
        (({"consumergroup": "billing"}, "billing has no members, and 800 events wait for it"),),
        "28m",
    ),
    Scenario(
        "EventsLost",
        {
            f"streamgauge_consumergroup_lost_events_total{{{PARTITION % 0}}}": "0x4 700x160",
            f"streamgauge_consumergroup_lost_events_total{{{PARTITION % 1}}}": "0x4 300x160",
            # Lost before anybody watched.
            'streamgauge_consumergroup_lost_events_total{consumergroup="old",topic="a",partition="0"}': "_x4 9x160",
        },
        "1m",
        "3m",
        ((BILLING, "retention deleted about 1000 events of orders before billing read them"),),
        "70m",
    ),
    Scenario(
        "InputLost",
        {'streamgauge_view_lost_events_recent_events{stream="shipments"}': "_x3 60x20 0x20"},
        "1m",
        "3m",
        (
            (
                {"stream": "shipments"},
                "retention deleted up to 60 events of shipments before analytics read them: the figures lack them",
            ),
        ),
        "14m",
    ),
    Scenario(
        "NeverCommitted",
        {
            'streamgauge_consumergroup_lag_unknown_events{consumergroup="billing",topic="orders"}': "0x3 5000x40 0x40",
            'streamgauge_consumergroup_lag_unknown_events{consumergroup="few",topic="orders"}': "3x80",
        },
        "9m",
        "15m",
        ((BILLING, "billing never committed on partitions of orders: up to 5000 events wait there"),),
        "28m",
    ),
    Scenario(
        "TransactionHangs",
        {'streamgauge_consumergroup_undecided_events{consumergroup="billing",topic="orders"}': "0x3 40x60 0x40"},
        "14m",
        "20m",
        ((BILLING, "billing waits on orders for an open transaction of 40 events"),),
        "38m",
    ),
    Scenario(
        "MoneyWaiting",
        {'streamgauge_consumergroup_waiting_cents{consumergroup="billing",topic="orders"}': "0x3 2140000x20 0x20"},
        "5m",
        "9m",
        ((BILLING, "€21400 wait in orders behind billing"),),
        "14m",
    ),
    Scenario(
        "LagUnknown",
        {'streamgauge_lag_failed{kind="group",name="billing"}': "_x3 1x20 _x20"},
        "5m",
        "9m",
        (({"kind": "group", "name": "billing"}, "the lag of group billing cannot be read"),),
        "18m",
    ),
    Scenario(
        "LagSamplesStopped",
        {'streamgauge_lag_sample_seconds_count{process="lag",instance="d:1"}': "0+3x10 30x20 33+3x20"},
        "5m",
        "13m",
        (
            (
                {"process": "lag", "instance": "d:1"},
                "lag at d:1 has stopped sampling: its lags are out of date",
            ),
        ),
        "20m",
    ),
)
