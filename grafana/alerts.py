"""Every alert there is. Add one here, its page in docs/runbooks, its scenario in tests; then `make grafana`.

Those on consumer lag are in lag_alerts.py. Limits are for a pipeline that promises figures within a second: a minute
of lag is a lot. Where a limit depends on the business (declines, stock-outs, money) it is a starting point; change it
here.
"""

from __future__ import annotations

from grafana import places
from grafana.alert import Alert
from grafana.lag_alerts import LAG
from streamgauge.domain import limits

_JOB = f'job="{places.JOB}"'
# Without these three nobody counts, nobody stores, and nobody would notice.
REQUIRED = ("analytics", "warehouse", "lag")
# Topics of events: not Kafka's own, not dead letters (silence is good there), not what follows from others.
_EVENTS = '{topic!~"__.*|changelog__.*|.*[.]dlq|analytics"}'
_PRODUCED = f"topic:streamgauge_topic_produced_per_second:sum{_EVENTS}"

PIPELINE = (
    Alert(
        "ProcessDown",
        "pipeline",
        "critical",
        # Not `up == 0`: what is well must have a value too, or nothing scraped at all would look well.
        f"count by (process) (up{{{_JOB}}}) - sum by (process) (up{{{_JOB}}})",
        0,
        60,
        "processes of {process} that do not answer: {value:count}",
        places.OVERVIEW,
        "Processes that answer",
        no_data="Alerting",
        on_error="Alerting",
        no_data_summary="Prometheus scrapes no process of Streamgauge, or does not answer",
    ),
    Alert(
        "ProcessMissing",
        "pipeline",
        "critical",
        " or ".join(f'absent(up{{{_JOB},process="{name}"}})' for name in REQUIRED),
        0,
        120,
        "no {process} process is known to Prometheus",
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
        "{process} at {instance} runs but cannot do its work",
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
        # A stream with less than an event in five seconds ages by itself; one whose traffic is unknown may not.
        "max by (stream) (streamgauge_freshness_seconds) unless on (stream) "
        "stream:streamgauge_topic_produced_per_second:sum < 0.2",
        30,
        120,
        "the figures of {stream} are {value:duration} old",
        places.OVERVIEW,
        "Age of the figures",
        limit_s=True,
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
        "{value:percent} of the events of {stream} cannot be processed",
        places.FAILURES,
        "Share that fails, by stream",
    ),
    Alert(
        "NewFailureKind",
        "pipeline",
        "warning",
        # A counter's first sample is no increase: a series that was not there is news in itself.
        "sum by (stream, reason) (increase(streamgauge_dead_letter_fingerprints_total[15m]) > 0"
        " or (streamgauge_dead_letter_fingerprints_total"
        " unless streamgauge_dead_letter_fingerprints_total offset 15m))",
        0,
        0,
        "{stream} fails in ways not seen before: {reason}, {value:count} new in fifteen minutes",
        places.FAILURES,
        "New kinds of failure",
    ),
)

TRAFFIC = (
    Alert(
        "NoEvents",
        "traffic",
        "critical",
        f"avg_over_time({_PRODUCED}[1h] offset 10m) and on (topic) max_over_time({_PRODUCED}[10m]) == 0",
        # At an event in twenty seconds, ten minutes without one are no chance.
        0.05,
        120,
        "{topic} gets no events; it had {value:rate} a second",
        places.OVERVIEW,
        "Published and consumed",
    ),
    Alert(
        "ThroughputDrop",
        "traffic",
        "warning",
        # Against the same time last week, or yesterday where last week is not known; quiet topics do not count.
        f"avg_over_time({_PRODUCED}[15m]) / (avg_over_time({_PRODUCED}[15m] offset 1w) > 1"
        f" or avg_over_time({_PRODUCED}[15m] offset 1d) > 1)",
        0.3,
        900,
        "{topic} gets {value:percent} of the events it had at this time before",
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
        "{value:percent} of the {method} payments are declined",
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
        "{location} cannot reserve {value:percent} of the units that are ordered",
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
        "{location} has promised more than it has of {value:count} articles",
        places.COMMERCE,
        "Articles without stock",
    ),
    Alert(
        "CampaignSellsOut",
        "business",
        "warning",
        f'sum by (channel) ({_WANTED}{{level=~"sold_out|critical"}}) / (sum by (channel) ({_WANTED}) > 1)',
        0.2,
        60,
        "{value:percent} of what the running {channel} campaigns sell is gone, or will be within a minute",
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
        "{value:count} orders are half undone, overdue in the state {state}",
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
        "{value:count} orders whose saga ended as {state} have money or stock left over, or too much moved back",
        places.COMMERCE,
        "Residue of ended sagas",
    ),
)

ALERTS = (*LAG, *PIPELINE, *TRAFFIC, *BUSINESS)
