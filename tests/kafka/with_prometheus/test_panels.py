"""Every panel of a running pipeline, queried in a real Prometheus: it has data, or a known reason to have none."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator

import pytest

from grafana.alerts import ALERTS
from grafana.generate import BOARDS
from streamgauge.warehouse.client import QueryError, Warehouse
from tests.kafka.with_prometheus.conftest import Watch
from tests.support.prometheus import Prometheus
from tests.support.rig import Rig
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(300)]
WITHIN_S = 150.0
# Panels that may be empty on a healthy pipeline, each with the reason.
EMPTY = {
    ("streamgauge-overview", "Firing alerts"): "no alert fires when all is well",
    ("streamgauge-lag", "Time to catch up"): "no lag shrinks for long enough",
    ("streamgauge-lag", "Partitions with the most lag"): "every group has read everything",
    ("streamgauge-lag", "Groups without members"): "every group has members",
    ("streamgauge-lag", "Unread topics"): "no topic with events is without a reader",
    ("streamgauge-lag", "Failed samples"): "no part of a sample failed",
    ("streamgauge-failures", "Misplaced events"): "every producer partitions alike",
    ("streamgauge-commerce", "Overdue sagas"): "no saga is stuck",
    ("streamgauge-commerce", "Residue of ended sagas"): "no saga left anything",
    ("streamgauge-commerce", "Campaigns about to sell out"): "the scripted shop publishes no campaigns",
    ("streamgauge-internals", "Rows expired"): "nothing is old enough",
}
# Columns of tables that have other columns.
EMPTY_QUERIES = {"streamgauge_consumergroup_catch_up_seconds": "no lag shrinks for long enough"}


@pytest.fixture(scope="module")
def prom(watch: Watch) -> Iterator[Prometheus]:
    """A Prometheus with the rules as they are."""
    with watch(1) as running:
        yield running


def as_sent(expr: str) -> str:
    """A panel's query as Grafana sends it: every variable on "all", over the last half minute."""
    text = expr.replace("$__rate_interval", "10s").replace("$__range", "30s")
    return re.sub(r'"\$\w+"', '".*"', text)


def empty(prom: Prometheus, expr: str) -> bool:
    """Whether a query returns no finite number now."""
    return not any(math.isfinite(sample.value) for sample in prom.query(as_sent(expr)))


def test_every_panel_has_data(rig: Rig, prom: Prometheus) -> None:
    """Each query of each panel at some moment: rare events need not show all the time."""
    missing = {
        (board.uid, spec.title, query.expr)
        for board in BOARDS
        for spec in board.specs()
        for query in spec.queries
        if (board.uid, spec.title) not in EMPTY and not any(name in query.expr for name in EMPTY_QUERIES)
    }
    deadline = time.monotonic() + WITHIN_S
    with Warehouse(rig.settings) as sql:
        while missing and time.monotonic() < deadline:
            sql.query("SELECT 1")
            with pytest.raises(QueryError):
                sql.query("SELECT getenv('HOME')")
            missing = {place for place in missing if empty(prom, place[2])}
            time.sleep(0.5)  # between two rounds
    assert not missing, "\n".join(" | ".join(place) for place in sorted(missing))


def test_the_list_of_empty_panels_is_current() -> None:
    """It names panels that exist."""
    existing = {(board.uid, spec.title) for board in BOARDS for spec in board.specs()}
    assert EMPTY.keys() <= existing


def test_every_variable_has_values(prom: Prometheus) -> None:
    """The values offered at the top of the dashboard."""
    for board in BOARDS:
        for variable in board.variables:
            found = {series.get(variable.label) for series in prom.series(variable.metric)} - {None}
            assert found, f"{board.title}: {variable.name}"


def test_every_rule_is_evaluated_without_error(prom: Prometheus) -> None:
    """Duplicate series, many-to-many matches and the like show only on real data."""
    wait_until(lambda: all(rule["health"] != "unknown" for rule in prom.rules()), "every rule evaluated", WITHIN_S)
    rules = prom.rules()
    assert len([rule for rule in rules if rule["type"] == "alerting"]) == len(ALERTS)
    assert {rule["name"]: rule["lastError"] for rule in rules if rule["health"] != "ok"} == {}


def test_no_other_alert_fires_on_a_healthy_pipeline(prom: Prometheus) -> None:
    """A false alarm is a bug in the rule. Allowed are those on the shop's bad events, and those of a busy machine whose
    transactions time out."""
    firing = {alert.name: alert.annotations["summary"] for alert in prom.alerts() if alert.state == "firing"}
    assert firing.keys() <= {"NewFailureKind", "DeadLetterRate", "TransactionAborts"}, firing
