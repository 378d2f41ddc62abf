"""Renders the rules for Grafana: grafana/generated/alerts/, mounted at /etc/grafana/provisioning/alerting.

Each rule has two steps: A queries Prometheus for the value, B compares it with the limit. Grafana expands `$` in
annotations and labels when it reads the file, but not in queries; none of them contains a `$`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from grafana_foundation_sdk.builders import alerting, expr, prometheus
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.alerting import RelativeTimeRange

from grafana import places
from grafana.alert import Alert
from grafana.board import Board
from grafana.prometheus_rules import INTERVAL_S, dump

# Fields of Grafana's HTTP API that are not part of a provisioned rule.
_NOT_IN_FILES = ("folderUID", "orgID", "ruleGroup")
LOOKBACK_S = 600


def rules(alerts: Iterable[Alert], boards: Mapping[str, Board], runbooks: Mapping[str, str]) -> str:
    """streamgauge.yaml: all groups, in the folder of the dashboards."""
    groups = []
    for name, entries in groupby(alerts, key=lambda alert: alert.group):
        groups.append(
            {
                "orgId": 1,
                "name": f"streamgauge-{name}",
                "folder": places.FOLDER,
                "interval": f"{INTERVAL_S}s",
                "rules": [_rule(alert, boards[alert.board], runbooks) for alert in entries],
            }
        )
    return dump({"apiVersion": 1, "groups": groups}, "grafana/alerts.py")


def _rule(alert: Alert, board: Board, runbooks: Mapping[str, str]) -> dict[str, Any]:
    panel = board.panel_id(alert.panel)
    rule = alerting.Rule(alert.name).uid(f"streamgauge-{alert.slug}").condition("B")
    rule.with_query(_value(alert)).with_query(_limit(alert))
    rule.for_val(f"{alert.for_s}s").no_data_state(alert.no_data).exec_err_state(alert.on_error)
    rule.labels({"severity": alert.severity}).annotations(
        {
            "summary": alert.grafana_summary(),
            "runbook_url": runbooks[alert.runbook],
            "__dashboardUid__": board.uid,
            "__panelId__": str(panel),
        }
    )
    rendered: dict[str, Any] = json.loads(json.dumps(rule.build(), cls=JSONEncoder))
    for name in _NOT_IN_FILES:
        rendered.pop(name)
    order = ("uid", "title", "condition", "for", "noDataState", "execErrState", "labels", "annotations")
    return {name: rendered[name] for name in order} | {
        "dashboardUid": board.uid,
        "panelId": panel,
        "data": rendered["data"],
    }


def _value(alert: Alert) -> alerting.Query:
    query = prometheus.Dataquery().expr(alert.expr).instant().ref_id("A")
    step = alerting.Query("A").datasource_uid(places.DATASOURCE).model(query)
    return step.relative_time_range(RelativeTimeRange(from_val=LOOKBACK_S, to=0))


def _limit(alert: Alert) -> alerting.Query:
    evaluator = expr.ExprTypeThresholdConditionsEvaluator().type("lt" if alert.below else "gt").params([alert.limit])
    condition = expr.ExprTypeThresholdConditions().evaluator(evaluator)
    limit = expr.TypeThreshold().ref_id("B").expression("A").conditions([condition])
    step = alerting.Query("B").datasource_uid("__expr__").model(limit)
    return step.relative_time_range(RelativeTimeRange(from_val=LOOKBACK_S, to=0))
