"""The check of PromQL names accepts exported names and reports others."""

from __future__ import annotations

import pytest

from grafana import names
from grafana.generate import expressions
from grafana.recording import recorded

GOOD = (
    'sum by (stream) (rate(streamgauge_events_in_total{stream=~"$stream"}[$__rate_interval]))',
    "histogram_quantile(0.99, sum by (le, stage) (rate(streamgauge_batch_stage_seconds_bucket[5m])))",
    'count(ALERTS{alertstate="firing"}) or vector(0)',
    "kafka_consumergroup_lag_sum and deriv(kafka_consumergroup_lag_sum[10m]) >= 0",
    "max by (stream) (streamgauge_freshness_seconds) unless on (stream) "
    "stream:streamgauge_topic_produced_per_second:sum < 0.2",
    'label_replace(sum by (topic) (kafka_topic_partitions), "stream", "$1", "topic", "(.*)")',
    "streamgauge_dead_letter_fingerprints_total offset $__range",
    'rate(streamgauge_kpi_order_windows_orders_total{region="eu-west"}[1m]) * 1e3',
    'absent(up{job="streamgauge",process="lag"})',
)
BAD = (
    ("rate(streamgauge_events_total[5m])", "`streamgauge_events_total` is not a metric of any process"),
    ('streamgauge_events_in_total{topic="orders"}', "`streamgauge_events_in_total` has no label `topic`"),
    ("sum by (topic) (streamgauge_events_in_total)", "nothing in it has the label `topic`"),
    ("streamgauge_batch_stage_seconds", "`streamgauge_batch_stage_seconds` is not a metric of any process"),
    ("up / up_and_down", "`up_and_down` is not a metric of any process"),
    (
        "rate(streamgauge_kpi_order_windows_turnover_total[5m])",
        "`streamgauge_kpi_order_windows_turnover_total` is not a metric of any process",
    ),
    ("topic:kafka_lag:max", "`topic:kafka_lag:max` is not a metric of any process"),
)


@pytest.mark.parametrize("expression", GOOD)
def test_exported_names_pass(expression: str) -> None:
    assert names.check(expression, recorded()) == []


@pytest.mark.parametrize(("expression", "problem"), BAD)
def test_unknown_names_are_reported(expression: str, problem: str) -> None:
    assert names.check(expression, recorded()) == [problem]


def test_everything_that_is_generated_passes() -> None:
    """Panels, variables, alerts and recording rules."""
    found = list(expressions())
    assert len(found) > 100
    assert [problem for _, expression in found for problem in names.check(expression, recorded())] == []
