"""The overview dashboard: rate, errors and duration of the pipeline."""

from __future__ import annotations

from grafana import places
from grafana.board import STREAM, Board, Row
from grafana.panels import Column, Query, series_of, stat_of, table_of
from streamgauge.domain import limits

_S = '{stream=~"$stream"}'
_JOB = f'{{job="{places.JOB}"}}'
_DEAD = f"streamgauge_dead_letters_total{_S}[$__rate_interval]"
_IN = f"streamgauge_events_in_total{_S}[$__rate_interval]"
_PRODUCED = 'stream:streamgauge_topic_produced_per_second:sum{stream=~"$stream"}'


def _quantile(metric: str, quantile: float) -> str:
    """A quantile of a histogram over all replicas."""
    return f"histogram_quantile({quantile}, sum by (le) (rate({metric}_bucket[$__rate_interval])))"


GLANCE = Row(
    "At a glance",
    (
        stat_of(
            "Alerts firing",
            "Prometheus alerts that fire now; the last row lists them.",
            "short",
            'count(ALERTS{alertstate="firing"}) or vector(0)',
            (1,),
        ),
        stat_of(
            "Processes up",
            "Share of the known processes that answered the last scrape.",
            "percentunit",
            f"avg(up{_JOB})",
            (0.5, 1),
            low_is_bad=True,
            decimals=0,
            runbook="process-down",
        ),
        stat_of(
            "Events in",
            "Events that analytics consumes per second, valid and invalid.",
            "eps",
            f"sum(rate({_IN}))",
            decimals=0,
        ),
        stat_of(
            "Dead letters",
            "Share of events that could not be processed. They are kept, with the reason.",
            "percentunit",
            f"(sum(rate({_DEAD})) or vector(0)) / sum(rate({_IN}))",
            (limits.FAILING_SHARE, 0.05),
            decimals=2,
            runbook="dead-letter-rate",
        ),
        stat_of(
            "Worst freshness",
            "Age of the newest event visible in SQL, for the stream where it is oldest; a stream without traffic ages.",
            "s",
            f"max(streamgauge_freshness_seconds{_S})",
            (5, 30),
            decimals=1,
            runbook="figures-stale",
        ),
        stat_of(
            "Worst consumer lag",
            "Age of the oldest unread event of any consumer group of the cluster.",
            "s",
            "max(consumergroup_topic:kafka_consumergroup_lag_seconds:max)",
            (limits.LAG_WARNING_S, limits.LAG_CRITICAL_S),
            decimals=0,
            runbook="consumer-lag",
        ),
    ),
)
RATE = Row(
    "Rate",
    (
        series_of(
            "Published and consumed",
            "Events per second published (dashed, by the broker's offsets) and consumed by analytics. Lines that stay "
            "apart mean lag.",
            "eps",
            Query(_PRODUCED, "{{stream}} published"),
            Query(f"sum by (stream) (rate({_IN}))", "{{stream}} consumed"),
            span=12,
            dashed=".* published",
            runbook="no-events",
        ),
        series_of(
            "Bytes in",
            "Bytes of the values that analytics consumes per second.",
            "Bps",
            Query(f"sum by (stream) (rate(streamgauge_events_in_bytes_total{_S}[$__rate_interval]))", "{{stream}}"),
            span=6,
        ),
        series_of(
            "Rows merged",
            "Delta rows that the warehouse merges per second, all models, and their messages.",
            "short",
            Query("sum(rate(streamgauge_merged_rows_total[$__rate_interval]))", "rows"),
            Query("sum(rate(streamgauge_merged_deltas_total[$__rate_interval]))", "messages"),
            span=6,
        ),
    ),
)
ERRORS = Row(
    "Errors",
    (
        series_of(
            "Failed events",
            "Dead letters / events, by stream.",
            "percentunit",
            Query(f"sum by (stream) (rate({_DEAD})) / sum by (stream) (rate({_IN}))", "{{stream}}"),
            levels=(limits.FAILING_SHARE,),
            runbook="dead-letter-rate",
        ),
        series_of(
            "Aborted transactions",
            "Kafka transactions aborted in the last minute. One or two come with a restart or a rebalance.",
            "short",
            Query("sum by (process) (increase(streamgauge_transactions_aborted_total[1m]))", "{{process}}"),
            runbook="transaction-aborts",
        ),
        series_of(
            "Failed SQL queries",
            "Failed queries per second: refused, timed out, invalid.",
            "reqps",
            Query(
                'sum by (outcome) (rate(streamgauge_sql_queries_total{outcome!="ok"}[$__rate_interval]))', "{{outcome}}"
            ),
        ),
    ),
)
DURATION = Row(
    "Duration",
    (
        series_of(
            "Freshness",
            "Age of the newest event visible in the stream's tables, by event time.",
            "s",
            Query(f"max by (stream) (streamgauge_freshness_seconds{_S})", "{{stream}}"),
            levels=(1, 30),
            runbook="figures-stale",
        ),
        series_of(
            "Transactions",
            "Duration of a Kafka transaction, from begin to commit.",
            "s",
            Query(_quantile("streamgauge_transaction_seconds", 0.5), "median"),
            Query(_quantile("streamgauge_transaction_seconds", 0.99), "99 %"),
        ),
        series_of(
            "Merges and queries",
            "Duration of a merge into DuckDB with its commit, and of an SQL query: 99th percentile.",
            "s",
            Query(_quantile("streamgauge_merge_seconds", 0.99), "merge, 99 %"),
            Query(_quantile("streamgauge_sql_seconds", 0.99), "query, 99 %"),
        ),
    ),
)
HEALTH = Row(
    "Processes and alerts",
    (
        table_of(
            "Processes",
            "All processes that Prometheus knows. Ready is the state of /health; a process that stays unready alerts.",
            (
                Query(f"max by (process, instance) (up{_JOB})", "Up"),
                Query(f"min by (process, instance) (streamgauge_process_ready{_JOB})", "Ready"),
                Query(f"max by (process, instance) (time() - process_start_time_seconds{_JOB})", "Uptime"),
                Query(f"max by (process, instance) (process_resident_memory_bytes{_JOB})", "Memory"),
            ),
            {
                "process": Column(width=120),
                "instance": Column(),
                "Up": Column("bool_yes_no", (0.5, 1), low_is_bad=True, width=90),
                "Ready": Column("bool_yes_no", (0.5, 1), low_is_bad=True, width=90),
                "Uptime": Column("dtdurations", width=140),
                "Memory": Column("bytes", width=110),
            },
            span=12,
            runbook="process-not-ready",
        ),
        table_of(
            "Firing alerts",
            "Alerts that fire now. The runbooks are linked at the top.",
            (
                Query(
                    'sum by (alertname, severity, process, consumergroup, topic, stream) (ALERTS{alertstate="firing"})'
                ),
            ),
            {"alertname": Column(width=200), "severity": Column(width=90)},
            span=12,
            hidden=("Value",),
            no_value="none",
        ),
    ),
)
OVERVIEW = Board(
    places.OVERVIEW,
    "Streamgauge / Overview",
    "Health of the pipeline: rate, errors and duration, from Kafka to the figures in SQL.",
    "overview",
    (STREAM,),
    (GLANCE, RATE, ERRORS, DURATION, HEALTH),
)
