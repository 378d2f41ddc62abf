"""Inside the processes: what they use, what a batch takes, where its time goes, how the DuckDB file grows."""

from __future__ import annotations

from grafana import places
from grafana.board import PROCESS, STREAM, Board, Row
from grafana.panels import Query, Spec, series_of

_P = f'{{job="{places.JOB}",process=~"$process"}}'
_NAME = "{{process}} {{instance}}"


def _slow(metric: str, quantile: float, by: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({quantile}, sum by ({labels}) (rate({metric}_bucket[$__rate_interval])))"


USE = Row(
    "What the processes use",
    (
        series_of(
            "Processor",
            "Cores in use; 1 is one core. Analytics and warehouse use one thread for their work and little beside.",
            "none",
            Query(f"rate(process_cpu_seconds_total{_P}[$__rate_interval])", _NAME),
            decimals=2,
        ),
        series_of("Memory", "Resident memory.", "bytes", Query(f"process_resident_memory_bytes{_P}", _NAME)),
        series_of(
            "Open files",
            "File descriptors in use over those allowed. At 100 % nothing can be opened or connected.",
            "percentunit",
            Query(f"process_open_fds{_P} / process_max_fds{_P}", _NAME),
            levels=(0.8,),
        ),
        series_of(
            "Starts",
            "Starts in the last half hour; each is also a blue mark on every graph.",
            "short",
            Query(f"sum by (process) (changes(process_start_time_seconds{_P}[30m]))", "{{process}}"),
            levels=(2,),
            runbook="process-restarting",
        ),
        series_of(
            "Garbage collections",
            "Collections of Python's oldest generation a second; many mean that much is made and kept.",
            "short",
            Query(f'rate(python_gc_collections_total{_P[:-1]},generation="2"}}[$__rate_interval])', _NAME),
        ),
        series_of(
            "Scrapes",
            "How long Prometheus takes to read each process's metrics.",
            "s",
            Query(f"scrape_duration_seconds{_P}", _NAME),
        ),
    ),
)
ANALYTICS = Row(
    "Analytics: a batch",
    (
        Spec(
            "stacked",
            "Where a batch's time goes",
            "Seconds a second spent in each stage, all replicas. Together near 1 a replica: it is at its limit.",
            "s",
            (Query("sum by (stage) (rate(streamgauge_batch_stage_seconds_sum[$__rate_interval]))", "{{stage}}"),),
        ),
        series_of(
            "Slowest stages",
            "99 of a hundred batches pass the stage within this time.",
            "s",
            Query(_slow("streamgauge_batch_stage_seconds", 0.99, "stage"), "{{stage}}"),
        ),
        series_of(
            "Events of a batch",
            "The middle and the largest. Small batches are quick; large ones mean that it catches up.",
            "short",
            Query(_slow("streamgauge_batch_events", 0.5), "half up to"),
            Query(_slow("streamgauge_batch_events", 0.99), "99 % up to"),
        ),
        series_of(
            "Partitions held",
            "Partitions of each replica. Replicas without any have nothing to do.",
            "short",
            Query('sum by (instance) (streamgauge_assigned_partitions{stream=~"$stream"})', "{{instance}}"),
        ),
        series_of(
            "Deltas out",
            "Bytes a second of the deltas committed to `analytics`, by model.",
            "Bps",
            Query("sum by (model) (rate(streamgauge_deltas_out_bytes_total[$__rate_interval]))", "{{model}}"),
        ),
        series_of(
            "Lateness",
            "Of the events that are late, how late against the newest of their partition: nine of ten.",
            "s",
            Query(_slow("streamgauge_lateness_seconds", 0.9, "stream"), "{{stream}}"),
        ),
    ),
)
WAREHOUSE = Row(
    "Warehouse: DuckDB",
    (
        series_of(
            "Merges",
            "One merge into DuckDB with its commit.",
            "s",
            Query(_slow("streamgauge_merge_seconds", 0.5), "half within"),
            Query(_slow("streamgauge_merge_seconds", 0.99), "99 % within"),
        ),
        series_of(
            "Not merged yet",
            "Positions of `analytics` that the warehouse has not merged, transaction markers among them.",
            "short",
            Query("sum(streamgauge_warehouse_lag_messages)", "messages"),
        ),
        series_of(
            "Queries",
            "SQL queries a second, by how they ended.",
            "reqps",
            Query("sum by (outcome) (rate(streamgauge_sql_queries_total[$__rate_interval]))", "{{outcome}}"),
        ),
        series_of(
            "Size of the file",
            "The DuckDB file. Rows that retention removes leave room in it; it does not shrink.",
            "bytes",
            Query("max(streamgauge_warehouse_file_bytes)", "warehouse.duckdb"),
        ),
        series_of(
            "Rows",
            "Rows of the ten largest tables, as of the last retention run.",
            "short",
            Query("topk(10, max by (table) (streamgauge_warehouse_rows))", "{{table}}"),
        ),
        series_of(
            "Rows expired",
            "Rows that retention removes a second.",
            "short",
            Query("sum by (table) (rate(streamgauge_rows_expired_total[$__rate_interval]))", "{{table}}"),
        ),
    ),
)
OTHERS = Row(
    "Lag and traffic",
    (
        series_of(
            "A sample of the cluster",
            "How long the lag process takes to look at every group and topic once.",
            "s",
            Query(_slow("streamgauge_lag_sample_seconds", 0.5), "half within"),
            Query(_slow("streamgauge_lag_sample_seconds", 0.99), "99 % within"),
            span=12,
        ),
        series_of(
            "Generated events",
            "Synthetic events that the broker acknowledged, a second. Nothing where the traffic is real.",
            "eps",
            Query("sum by (stream) (rate(streamgauge_generated_events_total[$__rate_interval]))", "{{stream}}"),
            span=12,
        ),
    ),
)
INTERNALS = Board(
    places.INTERNALS,
    "Streamgauge / Process internals",
    "What the processes use, where a batch's time goes, how the DuckDB file grows.",
    "pipeline",
    (PROCESS, STREAM),
    (USE, ANALYTICS, WAREHOUSE, OTHERS),
)
