"""A scenario for each alert rule; those of consumer lag are in lag_scenarios.py."""

from __future__ import annotations

from tests.unit.grafana.lag_scenarios import LAG
from tests.unit.grafana.scenario import Scenario

JOB = 'job="streamgauge"'
PRODUCED = 'streamgauge_topic_produced_per_second{topic="%s",partition="0"}'
KINDS = 'streamgauge_dead_letter_fingerprints_total{stream="orders",reason="wrong_type"}'

SCENARIOS = (
    *LAG,
    Scenario(
        "ProcessDown",
        {
            f'up{{{JOB},process="analytics",instance="a:1"}}': "1x3 0x10 1x20",
            f'up{{{JOB},process="analytics",instance="b:1"}}': "1x40",
            f'up{{{JOB},process="warehouse",instance="c:1"}}': "1x40",
        },
        "2m",
        "5m",
        (({"process": "analytics"}, "1 analytics processes are down"),),
        "9m",
    ),
    Scenario(
        "ProcessMissing",
        {
            f'up{{{JOB},process="analytics",instance="a:1"}}': "1x40",
            f'up{{{JOB},process="warehouse",instance="c:1"}}': "0x40",
            f'up{{{JOB},process="lag",instance="d:1"}}': "_x10 1x30",
        },
        "1m",
        "4m",
        (({"job": "streamgauge", "process": "lag"}, "Prometheus knows no lag process"),),
        "7m",
    ),
    Scenario(
        "ProcessNotReady",
        {f'streamgauge_process_ready{{{JOB},process="warehouse",instance="c:1"}}': "1x3 0x20 1x20"},
        "5m",
        "9m",
        (({"process": "warehouse", "instance": "c:1"}, "warehouse at c:1 is running but not ready"),),
        "14m",
    ),
    Scenario(
        "ProcessRestarting",
        {f'process_start_time_seconds{{{JOB},process="lag",instance="d:1"}}': "100x3 200x3 300x3 400x90"},
        "4m",
        "8m",
        (({"process": "lag"}, "lag has started 3 times in half an hour"),),
        "40m",
    ),
    Scenario(
        "FiguresStale",
        {
            'streamgauge_freshness_seconds{stream="orders"}': "1x3 45x20 1x20",
            PRODUCED % "orders": "5x60",
            # Nothing happens there: its figures age, and are current.
            'streamgauge_freshness_seconds{stream="refunds"}': "900x60",
            PRODUCED % "refunds": "0x60",
        },
        "3m",
        "6m",
        (({"stream": "orders"}, "the figures of orders are 45s old"),),
        "14m",
    ),
    Scenario(
        "FiguresStale",
        {'streamgauge_freshness_seconds{stream="orders"}': "1x3 45x20 1x20"},
        "3m",
        "6m",
        (({"stream": "orders"}, "the figures of orders are 45s old"),),
        "14m",
        "without the lag process nobody knows the traffic",
    ),
    Scenario(
        "StreamSetAside",
        {
            'streamgauge_stream_set_aside{stream="orders",cause="bad_events"}': "_x3 1x20 0x20",
            'streamgauge_stream_set_aside{stream="payments",cause="topic"}': "0x60",
        },
        "2m",
        "6m",
        (({"stream": "orders", "cause": "bad_events"}, "orders is set aside by 1 replicas of analytics: bad_events"),),
        "14m",
    ),
    Scenario(
        "TransactionAborts",
        {f'streamgauge_transactions_aborted_total{{{JOB},process="analytics"}}': "0x9 0+1x10 10x60"},
        "5m",
        "10m",
        (({"process": "analytics"}, "analytics aborted 10 Kafka transactions in ten minutes"),),
        "25m",
    ),
    Scenario(
        "DeadLetterRate",
        {
            'streamgauge_events_in_total{stream="orders"}': "0+100x80",
            'streamgauge_dead_letters_total{stream="orders",reason="wrong_type"}': "0+5x40 200x40",
            'streamgauge_dead_letters_total{stream="orders",reason="missing_field"}': "0+1x40 40x40",
            'streamgauge_events_in_total{stream="payments"}': "0+1000x80",
            'streamgauge_dead_letters_total{stream="payments",reason="wrong_type"}': "0+1x80",
        },
        "4m",
        "10m",
        (({"stream": "orders"}, "6% of the events of orders fail"),),
        "30m",
    ),
    Scenario(
        "NewFailureKind",
        {KINDS: "_x3 1x80"},
        "1m",
        "3m",
        (
            (
                {"stream": "orders", "reason": "wrong_type"},
                "orders has 1 new kinds of failure in fifteen minutes: wrong_type",
            ),
        ),
        "19m",
        "the first ever",
    ),
    Scenario(
        "NewFailureKind",
        {KINDS: "1x40 2x80"},
        "18m",
        "22m",
        (
            (
                {"stream": "orders", "reason": "wrong_type"},
                "orders has 1 new kinds of failure in fifteen minutes: wrong_type",
            ),
        ),
        "40m",
        "one more",
    ),
    Scenario(
        "KeysMisplaced",
        {'streamgauge_service_misplaced_events_total{topic="orders",producer="web",partitioner="crc32"}': "_x3 4x80"},
        "1m",
        "3m",
        (
            (
                {"topic": "orders", "producer": "web", "partitioner": "crc32"},
                "web puts keys of orders into other partitions than the others do (crc32): 4 events in ten minutes",
            ),
        ),
        "14m",
    ),
    Scenario(
        "NoEvents",
        {
            PRODUCED % "orders": "5x120 0x60 5x20",
            # Silence is what one wishes for here, or what follows from the other.
            PRODUCED % "orders.dlq": "5x120 0x80",
            PRODUCED % "analytics": "5x120 0x80",
            # So rare that ten minutes without one are nothing.
            PRODUCED % "refunds": "0.01x120 0x80",
        },
        "68m",
        "80m",
        (({"topic": "orders"}, "orders gets no events; it had 4.2 per second"),),
        "95m",
    ),
    Scenario(
        "ThroughputDrop",
        {PRODUCED % "orders": "10x360 2x10 10x20", PRODUCED % "refunds": "0.5x360 0.1x30"},
        "24h20m",
        "24h44m",
        (({"topic": "orders"}, "orders gets 20% of its usual events at this time"),),
        "25h20m",
        step="4m",
    ),
    Scenario(
        "ThroughputDrop",
        {PRODUCED % "orders": "40x360 10x2600"},
        "23h",
        "168h40m",
        (({"topic": "orders"}, "orders gets 25% of its usual events at this time"),),
        "193h",
        "last week counts, where it is known",
        step="4m",
    ),
    Scenario(
        "PaymentDeclineRate",
        {
            'streamgauge_kpi_payment_windows_requested_total{method="card"}': "0+30x120",
            'streamgauge_kpi_payment_windows_declined_total{method="card"}': "0+12x40 480x80",
            # Two of four: nothing that one could call a rate.
            'streamgauge_kpi_payment_windows_requested_total{method="bnpl"}': "0x9 4x110",
            'streamgauge_kpi_payment_windows_declined_total{method="bnpl"}': "0x9 2x110",
        },
        "4m",
        "12m",
        (({"method": "card"}, "40% of card payments are declined"),),
        "35m",
    ),
    Scenario(
        "StockOuts",
        {
            'streamgauge_kpi_inventory_windows_reserved_total{location="berlin"}': "0+30x160",
            'streamgauge_kpi_inventory_windows_rejected_total{location="berlin"}': "0+10x60 600x100",
        },
        "9m",
        "15m",
        (({"location": "berlin"}, "berlin cannot reserve 25% of the units ordered"),),
        "45m",
    ),
    Scenario(
        "StockOversold",
        {
            'streamgauge_view_stock_status_articles{location="berlin",status="oversold"}': "_x3 2x10 _x40",
            'streamgauge_view_stock_status_articles{location="berlin",status="out"}': "7x60",
            'streamgauge_view_stock_status_articles{location="vienna",status="ok"}': "300x60",
        },
        "2m",
        "4m",
        (({"location": "berlin"}, "berlin has reserved more than it has of 2 SKUs"),),
        "15m",
    ),
    Scenario(
        "CampaignSellsOut",
        {
            'streamgauge_view_surge_levels_wanted_per_minute{channel="search",level="ok"}': "60x5 30x20 70x40",
            'streamgauge_view_surge_levels_wanted_per_minute{channel="search",level="critical"}': "10x5 30x20 2x40",
            'streamgauge_view_surge_levels_wanted_per_minute{channel="search",level="sold_out"}': "_x5 15x20 _x40",
            # Next to nothing is wanted there: its share means nothing.
            'streamgauge_view_surge_levels_wanted_per_minute{channel="email",level="critical"}': "0.5x60",
            # Quiet, and nothing is short of anything.
            'streamgauge_view_surge_levels_wanted_per_minute{channel="social",level="ok"}': "50x60",
        },
        "3m",
        "8m",
        (
            (
                {"channel": "search"},
                "60% of what the active search campaigns sell is sold out, or will be within a minute",
            ),
        ),
        "20m",
    ),
    Scenario(
        "SagaStuck",
        {
            'streamgauge_view_sagas_stuck_overdue{state="requesting_payment"}': "0x3 7x10 0x20",
            'streamgauge_view_sagas_stuck_overdue{state="refunding_payment"}': "3x60",
        },
        "2m",
        "4m",
        (({"state": "requesting_payment"}, "7 orders are overdue in the state requesting_payment"),),
        "9m",
    ),
    Scenario(
        "CompensationUnfinished",
        {
            'streamgauge_view_sagas_stuck_overdue{state="requesting_payment"}': "7x60",
            'streamgauge_view_sagas_stuck_overdue{state="refunding_payment"}': "0x3 3x10 0x20",
        },
        "2m",
        "4m",
        (
            (
                {"state": "refunding_payment"},
                "3 orders are not fully compensated: overdue in the state refunding_payment",
            ),
        ),
        "9m",
    ),
    Scenario(
        "CompensationResidue",
        {'streamgauge_view_saga_residues_orders{state="compensated"}': "0x3 2x10 0x20"},
        "2m",
        "4m",
        (
            (
                {"state": "compensated"},
                "2 orders whose saga ended as compensated have a residue of money or stock",
            ),
        ),
        "9m",
    ),
)
