"""What a metric is: an entry of the catalogue in metrics.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# Seconds. Fine around the promise (p50 0.5 s, p99 1 s), coarse above it.
LATENCY = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# Seconds, fine around the promise of a verdict (p99 0.3 s).
VERDICT = (0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
LATENESS = (1.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0)
BATCH = (1, 10, 100, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000)

PARTITION = ("consumergroup", "topic", "partition")
GROUP_TOPIC = ("consumergroup", "topic")


@dataclass(frozen=True)
class Metric:
    """One entry: `kind` is Prometheus's type; `process` says who serves it.

    `streaming` is fulfilment, fraud and attribution (processors/streaming), `shop` is `streamgauge services`.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    process: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = LATENCY
