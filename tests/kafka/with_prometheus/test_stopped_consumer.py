"""A consumer stops while events keep coming: the real Prometheus fires an alert that names it, until it is back."""

from __future__ import annotations

import pytest

from tests.kafka.with_prometheus.conftest import Watch
from tests.support.prometheus import Alert, Prometheus
from tests.support.rig import Rig
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(300)]
WITHIN_S = 120.0
# A minute of lag is three seconds here, and `for: 2m` six.
FACTOR = 0.05


def firing(prom: Prometheus, name: str, **labels: str) -> Alert | None:
    """The alert with that name and those labels if it fires now."""
    for alert in prom.alerts():
        if alert.name == name and alert.state == "firing" and labels.items() <= alert.labels.items():
            return alert
    return None


def analytics_missing(prom: Prometheus) -> list[Alert]:
    """The firing alerts that report analytics as missing or down."""
    found = [firing(prom, name, process="analytics") for name in ("ProcessMissing", "ProcessDown")]
    return [alert for alert in found if alert is not None]


def test_a_stopped_consumer_is_an_alert_until_it_is_back(rig: Rig, watch: Watch) -> None:
    with watch(FACTOR) as prom:
        (analytics,) = [worker for worker in rig.workers if "analytics" in worker.log.name]
        wait_until(lambda: bool(prom.query("kafka_consumergroup_lag_seconds")), "Prometheus knows the lag", WITHIN_S)
        wait_until(lambda: firing(prom, "ConsumerLag") is None, "no lag to begin with", WITHIN_S)
        analytics.stop()

        group = {"consumergroup": "analytics", "topic": "orders"}
        wait_until(lambda: firing(prom, "ConsumerLag", **group) is not None, "the lag alert fires", WITHIN_S)
        # Missing if it stopped in time and removed its run file, down if it had to be killed.
        wait_until(lambda: bool(analytics_missing(prom)), "the alert on the process fires", WITHIN_S)
        alert = firing(prom, "ConsumerLag", **group)
        assert alert is not None
        assert alert.labels["severity"] == "warning"
        assert alert.annotations["summary"].startswith("analytics is ")
        assert alert.annotations["summary"].endswith(" behind on orders")
        assert "streamgauge-runbooks" in alert.annotations["runbook_url"]

        rig.start("process", "analytics")
        wait_until(lambda: firing(prom, "ConsumerLag") is None, "the lag alert is over", WITHIN_S)
        wait_until(lambda: firing(prom, "ProcessMissing") is None, "the alert on the process is over", WITHIN_S)
