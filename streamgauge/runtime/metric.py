"""A metric: an entry of the catalogue in metrics.py, and the names that code may use.

The names are types, so that mypy finds a misspelt one, or a counter that is used as a gauge. A new metric is a name
here and an entry in the catalogue; a test compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# Seconds. Fine around the target (p50 0.5 s, p99 1 s), coarse above it.
LATENCY = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# Seconds, fine around the target of a verdict (p99 0.3 s).
VERDICT = (0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
LATENESS = (1.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0)
BATCH = (1, 10, 100, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000)

PARTITION = ("consumergroup", "topic", "partition")
GROUP_TOPIC = ("consumergroup", "topic")

CounterName = Literal[
    "streamgauge_attribution_changes_total",
    "streamgauge_attribution_events_total",
    "streamgauge_attribution_unknown_total",
    "streamgauge_consumergroup_lost_events_total",
    "streamgauge_dead_letter_fingerprints_total",
    "streamgauge_dead_letters_total",
    "streamgauge_deltas_out_bytes_total",
    "streamgauge_deltas_out_total",
    "streamgauge_events_in_bytes_total",
    "streamgauge_events_in_total",
    "streamgauge_events_lost_total",
    "streamgauge_fraud_flagged_total",
    "streamgauge_fraud_verdicts_total",
    "streamgauge_generated_events_total",
    "streamgauge_kpi_rows_total",
    "streamgauge_late_events_total",
    "streamgauge_merged_deltas_total",
    "streamgauge_merged_rows_total",
    "streamgauge_outdated_events_total",
    "streamgauge_repeated_events_total",
    "streamgauge_rows_expired_total",
    "streamgauge_saga_ignored_total",
    "streamgauge_saga_timeouts_total",
    "streamgauge_service_dead_letters_total",
    "streamgauge_service_events_in_total",
    "streamgauge_service_events_out_total",
    "streamgauge_service_events_skipped_total",
    "streamgauge_service_misplaced_events_total",
    "streamgauge_shop_answers_total",
    "streamgauge_shop_skipped_total",
    "streamgauge_slow_path_events_total",
    "streamgauge_sql_queries_total",
    "streamgauge_sql_refusals_total",
    "streamgauge_tombstones_total",
    "streamgauge_transactions_aborted_total",
]
GaugeName = Literal[
    "kafka_brokers",
    "kafka_consumergroup_current_offset",
    "kafka_consumergroup_current_offset_sum",
    "kafka_consumergroup_lag",
    "kafka_consumergroup_lag_seconds",
    "kafka_consumergroup_lag_sum",
    "kafka_consumergroup_members",
    "kafka_consumergroup_status",
    "kafka_topic_partition_current_offset",
    "kafka_topic_partition_oldest_offset",
    "kafka_topic_partitions",
    "streamgauge_assigned_partitions",
    "streamgauge_consumergroup_catch_up_seconds",
    "streamgauge_consumergroup_consumed_per_second",
    "streamgauge_consumergroup_inactive_behind_events",
    "streamgauge_consumergroup_lag_least_events",
    "streamgauge_consumergroup_lag_unknown_events",
    "streamgauge_consumergroup_retention_used_ratio",
    "streamgauge_consumergroup_unassigned_partitions",
    "streamgauge_consumergroup_undecided_events",
    "streamgauge_consumergroup_unknown_partitions",
    "streamgauge_consumergroup_waiting_cents",
    "streamgauge_consumergroup_waiting_keys",
    "streamgauge_freshness_seconds",
    "streamgauge_kpi_label_sets",
    "streamgauge_lag_failed",
    "streamgauge_process_info",
    "streamgauge_process_ready",
    "streamgauge_remembered_ids",
    "streamgauge_saga_clock_behind_seconds",
    "streamgauge_service_partitions",
    "streamgauge_shop_moved",
    "streamgauge_shop_waiting",
    "streamgauge_stream_set_aside",
    "streamgauge_topic_produced_per_second",
    "streamgauge_topic_skew_ratio",
    "streamgauge_topic_unread",
    "streamgauge_warehouse_file_bytes",
    "streamgauge_warehouse_lag_messages",
    "streamgauge_warehouse_rows",
]
HistogramName = Literal[
    "streamgauge_batch_events",
    "streamgauge_batch_stage_seconds",
    "streamgauge_fraud_verdict_seconds",
    "streamgauge_lag_sample_seconds",
    "streamgauge_lateness_seconds",
    "streamgauge_merge_seconds",
    "streamgauge_service_commit_seconds",
    "streamgauge_sql_seconds",
    "streamgauge_transaction_seconds",
]


@dataclass(frozen=True)
class Metric:
    """One entry: `kind` is Prometheus's type, `process` the process that serves it.

    `streaming` is fulfilment, fraud and attribution (processors/streaming), `shop` is `streamgauge services`.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    process: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = LATENCY
