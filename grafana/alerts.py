"""All alerts; those on consumer lag are in lag_alerts.py.

To add one, add it here, its page in docs/runbooks and its scenario in the tests; then run `make grafana`. Limits suit a
pipeline whose figures are a second old: a minute of lag is a lot. Limits that depend on the business (declines,
stock-outs, money) are starting points; change them here.
"""

from __future__ import annotations

from grafana import places
from grafana.alert import Alert
from grafana.lag_alerts import LAG
from streamgauge.domain import limits
from streamgauge.domain.consumer_lag import CHANGELOG

_JOB = f'job="{places.JOB}"'
# Without these three nothing is counted, stored or watched.
REQUIRED = ("analytics", "warehouse", "lag")
# Topics of events, without Kafka's own, dead letters and derived topics.
_EVENTS = f'{{topic!~"__.*|{CHANGELOG}.*|.*[.]dlq|analytics"}}'
_PRODUCED = f"topic:streamgauge_topic_produced_per_second:sum{_EVENTS}"

PIPELINE = (
    Alert(
        "ProcessDown",
        "pipeline",
        "critical",
        # Not `up == 0`: it has no value while all is well, and so would look the same as no scrape at all.
        f"count by (process) (up{{{_JOB}}}) - sum by (process) (up{{{_JOB}}})",
        0,
        60,
        "{value:count} {process} processes are down",
        places.OVERVIEW,
        "Processes up",
        no_data="Alerting",
        on_error="Alerting",
        no_data_summary="Prometheus scrapes no process of Streamgauge, or is down",
    ),
    Alert(
        "ProcessMissing",
        "pipeline",
        "critical",
        " or ".join(f'absent(up{{{_JOB},process="{name}"}})' for name in REQUIRED),
        0,
        120,
        "Prometheus knows no {process} process",
        places.OVERVIEW,
        "Processes",
    ),
    Alert(
        "ProcessNotReady",
        "pipeline",
        "warning",
        f"min by (process, instance) (streamgauge_process_ready{{{_JOB}}})",
        1,
        300,
        "{process} at {instance} is running but not ready",
        places.OVERVIEW,
        "Processes",
        below=True,
    ),
    Alert(
        "ProcessRestarting",
        "pipeline",
        "warning",
        f"sum by (process) (changes(process_start_time_seconds{{{_JOB}}}[30m]))",
        2,
        0,
        "{process} has started {value:count} times in half an hour",
        places.INTERNALS,
        "Starts",
    ),
    Alert(
        "FiguresStale",
        "pipeline",
        "critical",
        # A stream with less than one event in five seconds ages by itself; one with unknown traffic is not exempt.
        "max by (stream) (streamgauge_freshness_seconds) unless on (stream) "
        "stream:streamgauge_topic_produced_per_second:sum < 0.2",
        30,
        120,
        "the figures of {stream} are {value:duration} old",
        places.OVERVIEW,
        "Freshness",
        limit_s=True,
    ),
    Alert(
        "StreamSetAside",
        "pipeline",
        "critical",
        "sum by (stream, cause) (streamgauge_stream_set_aside)",
        0,
        60,
        "{stream} is set aside by {value:count} replicas of analytics: {cause}",
        places.FAILURES,
        "Streams set aside",
    ),
    Alert(
        "TransactionAborts",
        "pipeline",
        "warning",
        # A rebalance or a restart aborts one or two.
        "sum by (process) (increase(streamgauge_transactions_aborted_total[10m]))",
        3,
        0,
        "{process} aborted {value:count} Kafka transactions in ten minutes",
        places.FAILURES,
        "Aborted transactions",
    ),
    Alert(
        "DeadLetterRate",
        "pipeline",
        "warning",
        "sum by (stream) (rate(streamgauge_dead_letters_total[5m]))"
        " / sum by (stream) (rate(streamgauge_events_in_total[5m]))",
        limits.FAILING_SHARE,
        300,
        "{value:percent} of the events of {stream} fail",
        places.FAILURES,
        "Failure rate by stream",
    ),
    Alert(
        "NewFailureKind",
        "pipeline",
        "warning",
        # increase() misses the first sample of a new series.
        "sum by (stream, reason) (increase(streamgauge_dead_letter_fingerprints_total[15m]) > 0"
        " or (streamgauge_dead_letter_fingerprints_total"
        " unless streamgauge_dead_letter_fingerprints_total offset 15m))",
        0,
        0,
        "{stream} has {value:count} new kinds of failure in fifteen minutes: {reason}",
        places.FAILURES,
        "New kinds of failure",
    ),
    Alert(
        "KeysMisplaced",
        "pipeline",
        "warning",
        "sum by (topic, producer, partitioner) (increase(streamgauge_service_misplaced_events_total[10m]) > 0"
        " or (streamgauge_service_misplaced_events_total"
        " unless streamgauge_service_misplaced_events_total offset 10m))",
        0,
        0,
        "{producer} puts keys of {topic} into other partitions than the others do ({partitioner}): "
        "{value:count} events in ten minutes",
        places.FAILURES,
        "Misplaced events",
    ),
)

TRAFFIC = (
    Alert(
        "NoEvents",
        "traffic",
        "critical",
        f"avg_over_time({_PRODUCED}[1h] offset 10m) and on (topic) max_over_time({_PRODUCED}[10m]) == 0",
        # At one event in twenty seconds, ten minutes without one are no coincidence.
        0.05,
        120,
        "{topic} gets no events; it had {value:rate} per second",
        places.OVERVIEW,
        "Published and consumed",
    ),
    Alert(
        "ThroughputDrop",
        "traffic",
        "warning",
        # Compared with the same time last week, or yesterday if last week is unknown; quiet topics do not count.
        f"avg_over_time({_PRODUCED}[15m]) / (avg_over_time({_PRODUCED}[15m] offset 1w) > 1"
        f" or avg_over_time({_PRODUCED}[15m] offset 1d) > 1)",
        0.3,
        900,
        "{topic} gets {value:percent} of its usual events at this time",
        places.OVERVIEW,
        "Published and consumed",
        below=True,
    ),
)

_REQUESTED = "sum by (method) (rate(streamgauge_kpi_payment_windows_requested_total[10m]))"
_REJECTED = "sum by (location) (rate(streamgauge_kpi_inventory_windows_rejected_total[10m]))"
_RESERVED = "sum by (location) (rate(streamgauge_kpi_inventory_windows_reserved_total[10m]))"
_WANTED = "streamgauge_view_surge_levels_wanted_per_minute"
_COMPENSATING = "cancelling_shipment|refunding_payment|releasing_stock"
BUSINESS = (
    Alert(
        "PaymentDeclineRate",
        "business",
        "warning",
        f"sum by (method) (rate(streamgauge_kpi_payment_windows_declined_total[10m])) / ({_REQUESTED} > 0.02)",
        limits.MANY_DECLINED,
        300,
        "{value:percent} of {method} payments are declined",
        places.COMMERCE,
        "Declined payments",
    ),
    Alert(
        "StockOuts",
        "business",
        "warning",
        f"{_REJECTED} / ({_REJECTED} + {_RESERVED} > 0.02)",
        0.1,
        600,
        "{location} cannot reserve {value:percent} of the units ordered",
        places.COMMERCE,
        "Units not in stock",
    ),
    Alert(
        "StockOversold",
        "business",
        "critical",
        'sum by (location) (streamgauge_view_stock_status_articles{status="oversold"})',
        0,
        60,
        "{location} has reserved more than it has of {value:count} SKUs",
        places.COMMERCE,
        "SKUs out of stock",
    ),
    Alert(
        "CampaignSellsOut",
        "business",
        "warning",
        f'sum by (channel) ({_WANTED}{{level=~"sold_out|critical"}}) / (sum by (channel) ({_WANTED}) > 1)',
        0.2,
        60,
        "{value:percent} of what the active {channel} campaigns sell is sold out, or will be within a minute",
        places.COMMERCE,
        "Campaigns about to sell out",
    ),
    Alert(
        "SagaStuck",
        "business",
        "warning",
        f'sum by (state) (streamgauge_view_sagas_stuck_overdue{{state!~"{_COMPENSATING}"}})',
        0,
        60,
        "{value:count} orders are overdue in the state {state}",
        places.COMMERCE,
        "Overdue sagas",
    ),
    Alert(
        "CompensationUnfinished",
        "business",
        "critical",
        f'sum by (state) (streamgauge_view_sagas_stuck_overdue{{state=~"{_COMPENSATING}"}})',
        0,
        60,
        "{value:count} orders are not fully compensated: overdue in the state {state}",
        places.COMMERCE,
        "Overdue sagas",
    ),
    Alert(
        "CompensationResidue",
        "business",
        "critical",
        "sum by (state) (streamgauge_view_saga_residues_orders)",
        0,
        60,
        "{value:count} orders whose saga ended as {state} have a residue of money or stock",
        places.COMMERCE,
        "Residue of ended sagas",
    ),
)

ALERTS = (*LAG, *PIPELINE, *TRAFFIC, *BUSINESS)
