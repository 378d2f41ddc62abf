"""Metric names as types: what mypy knows is what the catalogue has, kind by kind."""

from __future__ import annotations

from typing import get_args

import pytest

from streamgauge.runtime import metrics
from streamgauge.runtime.metric import CounterName, GaugeName, HistogramName


@pytest.mark.parametrize(
    ("kind", "names"), [("counter", CounterName), ("gauge", GaugeName), ("histogram", HistogramName)]
)
def test_the_names_of_a_kind_are_those_of_the_catalogue(kind: str, names: object) -> None:
    assert sorted(get_args(names)) == sorted(metric.name for metric in metrics.CATALOGUE if metric.kind == kind)
    assert list(get_args(names)) == sorted(get_args(names))


def test_a_metric_is_created_once() -> None:
    assert metrics.counter("streamgauge_events_in_total") is metrics.counter("streamgauge_events_in_total")
    assert metrics.gauge("streamgauge_process_ready") is metrics.gauge("streamgauge_process_ready")


def test_a_family_has_the_labels_of_the_catalogue() -> None:
    family = metrics.family("kafka_consumergroup_lag")
    assert family.name == "kafka_consumergroup_lag"
    family.add_metric(("group", "topic", "0"), 1.0)
    assert family.samples[0].labels == {"consumergroup": "group", "topic": "topic", "partition": "0"}
