"""Dashboard of process internals: resources, batch times, the growth of the DuckDB file."""

from __future__ import annotations

from grafana import places
from grafana.board import PROCESS, STREAM, Board, Row
from grafana.panels import Query, Spec, series_of

_P = f'{{job="{places.JOB}",process=~"$process"}}'
_NAME = "{{process}} {{instance}}"


def _quantile(metric: str, quantile: float, by: str = "") -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({quantile}, sum by ({labels}) (rate({metric}_bucket[$__rate_interval])))"


USE = Row(
    "Resources",
    (
        series_of(
            "CPU",
            "Cores in use. Analytics and warehouse do nearly all their work on one thread.",
            "none",
            Query(f"rate(process_cpu_seconds_total{_P}[$__rate_interval])", _NAME),
            decimals=2,
        ),
        series_of("Memory", "Resident memory.", "bytes", Query(f"process_resident_memory_bytes{_P}", _NAME)),
        series_of(
            "Open files",
            "File descriptors in use / limit. At 100 % no file or connection can be opened.",
            "percentunit",
            Query(f"process_open_fds{_P} / process_max_fds{_P}", _NAME),
            levels=(0.8,),
        ),
        series_of(
            "Starts",
            "Starts in the last half hour; each is also an annotation on every graph.",
            "short",
            Query(f"sum by (process) (changes(process_start_time_seconds{_P}[30m]))", "{{process}}"),
            levels=(2,),
            runbook="process-restarting",
        ),
        series_of(
            "Garbage collections",
            "Collections of Python's oldest generation per second; many mean that many objects are created and kept.",
            "short",
            Query(f'rate(python_gc_collections_total{_P[:-1]},generation="2"}}[$__rate_interval])', _NAME),
        ),
        series_of(
            "Scrapes",
            "Duration of Prometheus's scrape of each process.",
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
            "Batch time by stage",
            "Seconds per second in each stage, all replicas. A replica whose total is near 1 is at its limit.",
            "s",
            (Query("sum by (stage) (rate(streamgauge_batch_stage_seconds_sum[$__rate_interval]))", "{{stage}}"),),
        ),
        series_of(
            "Slowest stages",
            "99 % of batches pass the stage within this time.",
            "s",
            Query(_quantile("streamgauge_batch_stage_seconds", 0.99, "stage"), "{{stage}}"),
        ),
        series_of(
            "Events per batch",
            "Median and 99th percentile. Large batches mean that a replica is catching up.",
            "short",
            Query(_quantile("streamgauge_batch_events", 0.5), "median"),
            Query(_quantile("streamgauge_batch_events", 0.99), "99 %"),
        ),
        series_of(
            "Partitions held",
            "Partitions of each replica; replicas without partitions are idle.",
            "short",
            Query('sum by (instance) (streamgauge_assigned_partitions{stream=~"$stream"})', "{{instance}}"),
        ),
        series_of(
            "Deltas out",
            "Bytes per second of the deltas committed to `analytics`, by model.",
            "Bps",
            Query("sum by (model) (rate(streamgauge_deltas_out_bytes_total[$__rate_interval]))", "{{model}}"),
        ),
        series_of(
            "Lateness",
            "Lateness of late events, relative to the newest of their partition: 90th percentile.",
            "s",
            Query(_quantile("streamgauge_lateness_seconds", 0.9, "stream"), "{{stream}}"),
        ),
    ),
)
WAREHOUSE = Row(
    "Warehouse: DuckDB",
    (
        series_of(
            "Merges",
            "Duration of a merge into DuckDB with its commit.",
            "s",
            Query(_quantile("streamgauge_merge_seconds", 0.5), "median"),
            Query(_quantile("streamgauge_merge_seconds", 0.99), "99 %"),
        ),
        series_of(
            "Unmerged messages",
            "Offsets of `analytics` that the warehouse has not merged, transaction markers included.",
            "short",
            Query("sum(streamgauge_warehouse_lag_messages)", "messages"),
        ),
        series_of(
            "Queries",
            "SQL queries per second, by outcome.",
            "reqps",
            Query("sum by (outcome) (rate(streamgauge_sql_queries_total[$__rate_interval]))", "{{outcome}}"),
        ),
        series_of(
            "File size",
            "Size of the DuckDB file. Space of expired rows is reused; the file does not shrink.",
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
            "Rows that retention removes per second.",
            "short",
            Query("sum by (table) (rate(streamgauge_rows_expired_total[$__rate_interval]))", "{{table}}"),
        ),
    ),
)
OTHERS = Row(
    "Lag and traffic",
    (
        series_of(
            "Duration of a sample",
            "Time that the lag process takes to sample all groups and topics.",
            "s",
            Query(_quantile("streamgauge_lag_sample_seconds", 0.5), "median"),
            Query(_quantile("streamgauge_lag_sample_seconds", 0.99), "99 %"),
            span=12,
        ),
        series_of(
            "Generated events",
            "Acknowledged synthetic events per second; none if the traffic is real.",
            "eps",
            Query("sum by (stream) (rate(streamgauge_generated_events_total[$__rate_interval]))", "{{stream}}"),
            span=12,
        ),
    ),
)
INTERNALS = Board(
    places.INTERNALS,
    "Streamgauge / Process internals",
    "Resources of the processes, batch times, the growth of the DuckDB file.",
    "pipeline",
    (PROCESS, STREAM),
    (USE, ANALYTICS, WAREHOUSE, OTHERS),
)
