"""Metrics of the commerce services, and of the synthetic services that reply to them; part of the catalogue."""

from __future__ import annotations

from streamgauge.runtime.metric import VERDICT, Metric

SERVICES = (
    Metric(
        "streamgauge_service_events_in_total",
        "counter",
        "Events read, good and bad; those read again after a failure count again.",
        "streaming",
        ("topic",),
    ),
    Metric(
        "streamgauge_service_events_skipped_total",
        "counter",
        "Invalid events, which analytics dead-letters.",
        "streaming",
        ("topic",),
    ),
    Metric("streamgauge_service_events_out_total", "counter", "Events published.", "streaming", ("topic",)),
    Metric(
        "streamgauge_service_dead_letters_total",
        "counter",
        "Events that the service failed on because of a bug, in the stream's dead-letter topic.",
        "streaming",
        ("topic",),
    ),
    Metric(
        "streamgauge_service_misplaced_events_total",
        "counter",
        "Events in another partition than murmur2 gives their key, so that a join by key misses them. `producer` is "
        "the header `client.id` or the event's source, `partitioner` the likeliest: crc32 (librdkafka), fnv1a "
        "(Sarama), other.",
        "streaming",
        ("topic", "producer", "partitioner"),
    ),
    Metric("streamgauge_service_commit_seconds", "histogram", "A transaction's commit, with its state.", "streaming"),
    Metric("streamgauge_service_partitions", "gauge", "Partitions held, changelogs included.", "streaming"),
    Metric(
        "streamgauge_saga_ignored_total",
        "counter",
        "Events that changed nothing: duplicates, answers late or after the end.",
        "fulfilment",
        ("state", "event_type"),
    ),
    Metric(
        "streamgauge_saga_timeouts_total",
        "counter",
        "Attempts that timed out.",
        "fulfilment",
        ("state",),
    ),
    Metric(
        "streamgauge_saga_clock_behind_seconds",
        "gauge",
        "How far the partition's time-outs are behind the clock, as after an outage.",
        "fulfilment",
        ("partition",),
    ),
    Metric(
        "streamgauge_fraud_verdict_seconds",
        "histogram",
        "From the request in Kafka to its verdict, without the commit.",
        "fraud",
        (),
        VERDICT,
    ),
    Metric("streamgauge_fraud_flagged_total", "counter", "Rules that fired.", "fraud", ("rule",)),
    Metric(
        "streamgauge_fraud_verdicts_total",
        "counter",
        "Verdicts, `declined` or `cleared`; those of a transaction that fails count again.",
        "fraud",
        ("verdict", "payment_method"),
    ),
    Metric(
        "streamgauge_attribution_events_total",
        "counter",
        "Clicks and orders: in_time, late (a click after an order it could have earned), too_late to change a settled "
        "order, repeated.",
        "attribution",
        ("kind", "news"),
    ),
    Metric(
        "streamgauge_attribution_changes_total", "counter", "Credits given and reversed.", "attribution", ("change",)
    ),
    Metric(
        "streamgauge_attribution_unknown_total",
        "counter",
        "Events published without a field: campaign or product unknown.",
        "attribution",
        ("table",),
    ),
    Metric(
        "streamgauge_shop_answers_total",
        "counter",
        "Replies of the synthetic services, repeated ones included.",
        "shop",
        ("event_type",),
    ),
    Metric(
        "streamgauge_shop_waiting",
        "gauge",
        "Requests and journeys that wait, by service.",
        "shop",
        ("service",),
    ),
    Metric(
        "streamgauge_shop_moved",
        "gauge",
        "Money (cents) and units moved: the totals of the services' ledger.",
        "shop",
        ("what",),
    ),
    Metric(
        "streamgauge_shop_skipped_total",
        "counter",
        "Invalid events.",
        "shop",
        ("topic",),
    ),
)
