"""The catalogue of metrics, each with meaning and labels; `docs/metrics.md` is generated from it.

Labels come from closed sets (streams, models, reasons, process names): never ids of orders, customers or messages.
A process registers only what it serves. `register` creates its counters and histograms when it starts, so that they
rise from 0 and the first failure is an increase. A gauge is created when it is first set: what is unknown is absent.
"""

from __future__ import annotations

from functools import cache

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily

from streamgauge.runtime.metric import (
    BATCH,
    GROUP_TOPIC,
    LATENESS,
    PARTITION,
    CounterName,
    GaugeName,
    HistogramName,
    Metric,
)
from streamgauge.runtime.service_metrics import SERVICES

CATALOGUE = (
    Metric("streamgauge_process_ready", "gauge", "1 when /health reports ready, else 0.", "all", ("process",)),
    Metric("streamgauge_process_info", "gauge", "Always 1.", "all", ("process", "version")),
    Metric("streamgauge_events_in_total", "counter", "Events consumed, good and bad.", "analytics", ("stream",)),
    Metric(
        "streamgauge_events_lost_total",
        "counter",
        "Offsets that retention deleted before they were read; the table `lost_events` names them.",
        "analytics",
        ("stream", "partition"),
    ),
    Metric("streamgauge_events_in_bytes_total", "counter", "Bytes of the consumed values.", "analytics", ("stream",)),
    Metric(
        "streamgauge_deltas_out_total", "counter", "Delta messages committed to `analytics`.", "analytics", ("model",)
    ),
    Metric("streamgauge_deltas_out_bytes_total", "counter", "Bytes of those deltas.", "analytics", ("model",)),
    Metric(
        "streamgauge_dead_letters_total",
        "counter",
        "Events dead-lettered, by reason.",
        "analytics",
        ("stream", "reason"),
    ),
    Metric(
        "streamgauge_outdated_events_total",
        "counter",
        "Events older than STREAMGAUGE_WINDOW_RETENTION_DAYS when they arrived: no window keeps them.",
        "analytics",
        ("stream",),
    ),
    Metric(
        "streamgauge_tombstones_total",
        "counter",
        "Messages without a value on compacted streams: their keys' rows leave the latest tables.",
        "analytics",
        ("stream",),
    ),
    Metric(
        "streamgauge_late_events_total",
        "counter",
        "Events older than the newest of their partition by more than one window.",
        "analytics",
        ("stream",),
    ),
    Metric(
        "streamgauge_lateness_seconds",
        "histogram",
        "How late the late events are.",
        "analytics",
        ("stream",),
        LATENESS,
    ),
    Metric("streamgauge_batch_events", "histogram", "Events of a batch.", "analytics", (), BATCH),
    Metric(
        "streamgauge_batch_stage_seconds",
        "histogram",
        "Time of a batch's stages: consume, decode, models, topic_ids (waiting for them), commit (producing included).",
        "analytics",
        ("stage",),
    ),
    Metric(
        "streamgauge_slow_path_events_total",
        "counter",
        "Events validated one by one, because of a bad neighbour.",
        "analytics",
        ("stream",),
    ),
    Metric(
        "streamgauge_repeated_events_total",
        "counter",
        "Repeated events within their stream's dedup window.",
        "analytics",
        ("stream",),
    ),
    Metric(
        "streamgauge_remembered_ids",
        "gauge",
        "Event ids this replica keeps for deduplication, 8 bytes each.",
        "analytics",
        ("stream",),
    ),
    Metric("streamgauge_transaction_seconds", "histogram", "Begin to commit of a Kafka transaction.", "analytics"),
    Metric("streamgauge_transactions_aborted_total", "counter", "Kafka transactions aborted.", "analytics"),
    Metric("streamgauge_assigned_partitions", "gauge", "Partitions this replica holds.", "analytics", ("stream",)),
    Metric(
        "streamgauge_stream_set_aside",
        "gauge",
        "1 while the stream is set aside: `bad_events` (the circuit breaker is open), or its `topic`, its "
        "`dead_letter_topic` or `analytics` cannot be used; 0 after that.",
        "analytics",
        ("stream", "cause"),
    ),
    Metric("streamgauge_merge_seconds", "histogram", "One merge into DuckDB, with its commit.", "warehouse"),
    Metric("streamgauge_merged_rows_total", "counter", "Delta rows merged.", "warehouse", ("model",)),
    Metric("streamgauge_merged_deltas_total", "counter", "Delta messages merged.", "warehouse"),
    Metric(
        "streamgauge_freshness_seconds",
        "gauge",
        "Age of the newest event visible in the stream's tables.",
        "warehouse",
        ("stream",),
    ),
    Metric(
        "streamgauge_warehouse_lag_messages",
        "gauge",
        "Offsets of `analytics` not merged yet, transaction markers included.",
        "warehouse",
    ),
    Metric("streamgauge_warehouse_file_bytes", "gauge", "Size of the DuckDB file.", "warehouse"),
    Metric(
        "streamgauge_warehouse_rows",
        "gauge",
        "Rows of each table, as of the last retention run.",
        "warehouse",
        ("table",),
    ),
    Metric("streamgauge_rows_expired_total", "counter", "Rows removed by retention.", "warehouse", ("table",)),
    Metric("streamgauge_sql_queries_total", "counter", "SQL queries, by outcome.", "warehouse", ("outcome",)),
    Metric("streamgauge_sql_seconds", "histogram", "Time of an SQL query.", "warehouse"),
    Metric("streamgauge_sql_refusals_total", "counter", "SQL statements refused, by rule.", "warehouse", ("rule",)),
    Metric(
        "streamgauge_kpi_label_sets",
        "gauge",
        "Label sets of the model's KPI counters.",
        "warehouse",
        ("model",),
    ),
    Metric(
        "streamgauge_kpi_rows_total",
        "counter",
        "Delta rows in the KPI counters: `counted`, as `other` beyond the limit of label sets, or too `old`.",
        "warehouse",
        ("model", "outcome"),
    ),
    Metric("streamgauge_generated_events_total", "counter", "Synthetic events acknowledged.", "generate", ("stream",)),
    Metric(
        "streamgauge_dead_letter_fingerprints_total",
        "counter",
        "Dead letters with a fingerprint that `dead_letters` did not have: a new kind of failure.",
        "warehouse",
        ("stream", "reason"),
    ),
    Metric("kafka_brokers", "gauge", "Brokers of the cluster.", "lag"),
    Metric("kafka_topic_partitions", "gauge", "Partitions of the topic.", "lag", ("topic",)),
    Metric("kafka_topic_partition_current_offset", "gauge", "End of the log.", "lag", ("topic", "partition")),
    Metric("kafka_topic_partition_oldest_offset", "gauge", "Oldest retained offset.", "lag", ("topic", "partition")),
    Metric("kafka_consumergroup_current_offset", "gauge", "Committed offset.", "lag", PARTITION),
    Metric(
        "kafka_consumergroup_current_offset_sum",
        "gauge",
        "Committed offsets, added up; absent where a partition has none.",
        "lag",
        GROUP_TOPIC,
    ),
    Metric(
        "kafka_consumergroup_lag",
        "gauge",
        "Events left to read: from the committed offset, or the oldest retained one, to the end; absent without a "
        "commit, unless nothing is there.",
        "lag",
        PARTITION,
    ),
    Metric(
        "kafka_consumergroup_lag_sum",
        "gauge",
        "Lag over the topic's partitions; absent where that of one is unknown.",
        "lag",
        GROUP_TOPIC,
    ),
    Metric(
        "streamgauge_consumergroup_lag_least_events",
        "gauge",
        "Events that are known to wait in the topic's partitions: the group has at least that much to read.",
        "lag",
        GROUP_TOPIC,
    ),
    Metric(
        "streamgauge_consumergroup_lag_unknown_events",
        "gauge",
        "Events in partitions without a commit that may wait or not; lag_least_events has the others.",
        "lag",
        GROUP_TOPIC,
    ),
    Metric(
        "streamgauge_consumergroup_unknown_partitions",
        "gauge",
        "Partitions whose lag is unknown: without a commit, or with one beyond the end.",
        "lag",
        GROUP_TOPIC,
    ),
    Metric(
        "streamgauge_consumergroup_undecided_events",
        "gauge",
        "Events of open transactions that the group has reached: it waits for their producer. In no lag.",
        "lag",
        GROUP_TOPIC,
    ),
    Metric(
        "streamgauge_consumergroup_lost_events_total",
        "counter",
        "Events that retention deleted before the group read them, as far as the sampler saw; not in the lag.",
        "lag",
        PARTITION,
    ),
    Metric("kafka_consumergroup_members", "gauge", "Members of the group.", "lag", ("consumergroup",)),
    Metric(
        "kafka_consumergroup_lag_seconds",
        "gauge",
        "Age of the record at the committed offset; 0 when caught up, absent when unknown and at a lag of 1, which may "
        "be a transaction marker.",
        "lag",
        PARTITION,
    ),
    Metric(
        "kafka_consumergroup_status",
        "gauge",
        "Burrow's verdict: 0 OK, 1 WARN, 2 REWIND, 3 STALL, 4 STOP; absent while UNKNOWN, as without a commit.",
        "lag",
        PARTITION,
    ),
    Metric("streamgauge_topic_produced_per_second", "gauge", "Events in.", "lag", ("topic", "partition")),
    Metric("streamgauge_consumergroup_consumed_per_second", "gauge", "Events committed.", "lag", PARTITION),
    Metric(
        "streamgauge_consumergroup_catch_up_seconds",
        "gauge",
        "Time until the lag is 0 at current rates; absent when it does not shrink.",
        "lag",
        GROUP_TOPIC,
    ),
    Metric(
        "streamgauge_consumergroup_retention_used_ratio",
        "gauge",
        "Share of the retained log not read yet; at 1 the next event to be read is the next to be deleted.",
        "lag",
        PARTITION,
    ),
    Metric(
        "streamgauge_consumergroup_unassigned_partitions",
        "gauge",
        "Partitions with commits that no member holds; absent for a group that commits without joining.",
        "lag",
        GROUP_TOPIC,
    ),
    Metric(
        "streamgauge_consumergroup_inactive_behind_events",
        "gauge",
        "Lag, at least, of a group without members or new commits; absent for active groups.",
        "lag",
        ("consumergroup",),
    ),
    Metric(
        "streamgauge_topic_unread",
        "gauge",
        "1 for a topic, not of dead letters, with events that no group reads.",
        "lag",
        ("topic",),
    ),
    Metric(
        "streamgauge_topic_skew_ratio",
        "gauge",
        "Events in of the busiest partition over the mean.",
        "lag",
        ("topic",),
    ),
    Metric(
        "streamgauge_consumergroup_waiting_cents",
        "gauge",
        "Money in the events that wait; absent without amounts, and unless the raw tables have all of them.",
        "lag",
        GROUP_TOPIC,
    ),
    Metric(
        "streamgauge_consumergroup_waiting_keys",
        "gauge",
        "Keys (orders, say) that wait; absent unless the raw tables have all of them.",
        "lag",
        GROUP_TOPIC,
    ),
    Metric("streamgauge_lag_sample_seconds", "histogram", "Time to sample the whole cluster once.", "lag"),
    Metric(
        "streamgauge_lag_failed",
        "gauge",
        "1 for each part of the last sample that failed: cluster, group or topic.",
        "lag",
        ("kind", "name"),
    ),
    *SERVICES,
)
_BY_NAME = {metric.name: metric for metric in CATALOGUE}


def register(process: str) -> None:
    """Create the counters and histograms of a process, without the `_created` series that would double their number."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    for metric in CATALOGUE:
        if metric.process in ("all", process) and metric.kind != "gauge":
            (_counter if metric.kind == "counter" else _histogram)(metric.name)


def counter(name: CounterName) -> Counter:
    """The counter of that name, created at first use."""
    return _counter(name)


def gauge(name: GaugeName) -> Gauge:
    """The gauge of that name, created at first use."""
    return _gauge(name)


def histogram(name: HistogramName) -> Histogram:
    """The histogram of that name, created at first use."""
    return _histogram(name)


def family(name: GaugeName) -> GaugeMetricFamily:
    """An empty family of the gauge of that name, for a collector that makes its samples anew at each scrape."""
    metric = _BY_NAME[name]
    return GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)


# Apart from the functions above, because `cache` hides the type of an argument from mypy.
@cache
def _counter(name: str) -> Counter:
    metric = _BY_NAME[name]
    return Counter(metric.name, metric.help, metric.labels)


@cache
def _gauge(name: str) -> Gauge:
    metric = _BY_NAME[name]
    return Gauge(metric.name, metric.help, metric.labels)


@cache
def _histogram(name: str) -> Histogram:
    metric = _BY_NAME[name]
    return Histogram(metric.name, metric.help, metric.labels, buckets=metric.buckets)
