"""The first dashboard one opens: is all well, and if not, where. Rate, errors, duration of the pipeline."""

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


def _slow(metric: str, quantile: float) -> str:
    """A quantile of a histogram over all replicas."""
    return f"histogram_quantile({quantile}, sum by (le) (rate({metric}_bucket[$__rate_interval])))"


GLANCE = Row(
    "At a glance",
    (
        stat_of(
            "Alerts firing",
            "Alert rules of Prometheus that fire now. Which ones: the last row.",
            "short",
            'count(ALERTS{alertstate="firing"}) or vector(0)',
            (1,),
        ),
        stat_of(
            "Processes that answer",
            "Share of the processes that Prometheus knows which answered the last scrape.",
            "percentunit",
            f"avg(up{_JOB})",
            (0.5, 1),
            low_is_bad=True,
            decimals=0,
            runbook="process-down",
        ),
        stat_of(
            "Events in",
            "Events that analytics consumes a second, good and bad.",
            "eps",
            f"sum(rate({_IN}))",
            decimals=0,
        ),
        stat_of(
            "Dead letters",
            "Share of the events that could not be processed. They are kept, with the reason.",
            "percentunit",
            f"(sum(rate({_DEAD})) or vector(0)) / sum(rate({_IN}))",
            (limits.FAILING_SHARE, 0.05),
            decimals=2,
            runbook="dead-letter-rate",
        ),
        stat_of(
            "Oldest figures",
            "Age of the newest event visible in SQL, for the stream where it is oldest. A stream without traffic ages.",
            "s",
            f"max(streamgauge_freshness_seconds{_S})",
            (5, 30),
            decimals=1,
            runbook="figures-stale",
        ),
        stat_of(
            "Worst consumer lag",
            "Age of the oldest event that a consumer group of the cluster still has to read.",
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
            "Events a second that reach the topics (dashed: as the broker counts them) and that analytics consumes. "
            "Lines apart for long mean lag.",
            "eps",
            Query(_PRODUCED, "{{stream}} published"),
            Query(f"sum by (stream) (rate({_IN}))", "{{stream}} consumed"),
            span=12,
            dashed=".* published",
            runbook="no-events",
        ),
        series_of(
            "Bytes in",
            "Bytes of the values that analytics consumes a second.",
            "Bps",
            Query(f"sum by (stream) (rate(streamgauge_events_in_bytes_total{_S}[$__rate_interval]))", "{{stream}}"),
            span=6,
        ),
        series_of(
            "Rows merged",
            "Rows of deltas that the warehouse merges a second, all models together, and the messages they came in.",
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
            "Events that fail",
            "Share of each stream's events that become dead letters.",
            "percentunit",
            Query(f"sum by (stream) (rate({_DEAD})) / sum by (stream) (rate({_IN}))", "{{stream}}"),
            levels=(limits.FAILING_SHARE,),
            runbook="dead-letter-rate",
        ),
        series_of(
            "Transactions that abort",
            "Kafka transactions aborted in the last minute. One or two come with a restart or a rebalance.",
            "short",
            Query("sum by (process) (increase(streamgauge_transactions_aborted_total[1m]))", "{{process}}"),
            runbook="transaction-aborts",
        ),
        series_of(
            "SQL that fails",
            "Queries a second that did not end well: refused, too long, wrong.",
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
            "Age of the figures",
            "Now minus the event time of the newest event visible in the stream's tables.",
            "s",
            Query(f"max by (stream) (streamgauge_freshness_seconds{_S})", "{{stream}}"),
            levels=(1, 30),
            runbook="figures-stale",
        ),
        series_of(
            "Transactions",
            "From begin to commit of a Kafka transaction, its messages produced in between.",
            "s",
            Query(_slow("streamgauge_transaction_seconds", 0.5), "half within"),
            Query(_slow("streamgauge_transaction_seconds", 0.99), "99 % within"),
        ),
        series_of(
            "Merges and queries",
            "One merge into DuckDB with its commit, and one SQL query; the slowest one in a hundred.",
            "s",
            Query(_slow("streamgauge_merge_seconds", 0.99), "merge, 99 % within"),
            Query(_slow("streamgauge_sql_seconds", 0.99), "query, 99 % within"),
        ),
    ),
)
HEALTH = Row(
    "Processes and alerts",
    (
        table_of(
            "Processes",
            "Every process that Prometheus knows. Ready is what its /health says; not ready for long is an alert.",
            (
                Query(f"max by (process, instance) (up{_JOB})", "Answers"),
                Query(f"min by (process, instance) (streamgauge_process_ready{_JOB})", "Ready"),
                Query(f"max by (process, instance) (time() - process_start_time_seconds{_JOB})", "Runs for"),
                Query(f"max by (process, instance) (process_resident_memory_bytes{_JOB})", "Memory"),
            ),
            {
                "process": Column(width=120),
                "instance": Column(),
                "Answers": Column("bool_yes_no", (0.5, 1), low_is_bad=True, width=90),
                "Ready": Column("bool_yes_no", (0.5, 1), low_is_bad=True, width=90),
                "Runs for": Column("dtdurations", width=140),
                "Memory": Column("bytes", width=110),
            },
            span=12,
            runbook="process-not-ready",
        ),
        table_of(
            "Alerts that fire",
            "What Prometheus's rules say now. The runbooks are a link at the top.",
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
    "Is the pipeline well, and if not, where: rate, errors and duration, from Kafka to the figures in SQL.",
    "overview",
    (STREAM,),
    (GLANCE, RATE, ERRORS, DURATION, HEALTH),
)
