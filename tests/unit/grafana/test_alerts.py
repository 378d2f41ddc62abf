"""Every rule fires and resolves, by promtool; both renderings are equal; the catalogue is consistent."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from grafana.alert import Alert, scaled
from grafana.alerts import ALERTS
from tests.repo.files import ROOT
from tests.support.requirements import run_program
from tests.unit.grafana.scenario import Scenario
from tests.unit.grafana.scenarios import SCENARIOS

RULES = ROOT / "deploy/prometheus/rules"
GRAFANA = ROOT / "grafana/generated/alerts/streamgauge.yaml"


def prometheus_rules() -> dict[str, dict[str, Any]]:
    """The generated rules, by alert."""
    loaded = yaml.safe_load((RULES / "streamgauge-alerts.yml").read_text(encoding="utf-8"))
    return {rule["alert"]: rule for group in loaded["groups"] for rule in group["rules"]}


def grafana_rules() -> dict[str, dict[str, Any]]:
    """The generated rules, by title."""
    loaded = yaml.safe_load(GRAFANA.read_text(encoding="utf-8"))
    return {rule["title"]: rule for group in loaded["groups"] for rule in group["rules"]}


def scenario_files(scenario: Scenario, folder: Path, rule: dict[str, Any] | None = None) -> Path:
    """Write the test file of promtool and one with the scenario's rule (or `rule`) only, which is faster than all."""
    rule = rule or prometheus_rules()[scenario.alert]
    group = {"name": "alone", "rules": [rule]}
    (folder / "rule.yml").write_text(yaml.safe_dump({"groups": [group]}, allow_unicode=True), encoding="utf-8")
    fixed = {name: text for name, text in rule["annotations"].items() if name != "summary"}
    expected = [
        {"exp_labels": {**labels, **rule["labels"]}, "exp_annotations": {**fixed, "summary": summary}}
        for labels, summary in scenario.fires
    ]
    times: tuple[tuple[str, list[Any]], ...] = ((scenario.quiet, []), (scenario.at, expected), (scenario.clear, []))
    content = {
        "rule_files": [str(RULES / "streamgauge-recording.yml"), "rule.yml"],
        "evaluation_interval": scenario.step,
        "group_eval_order": ["streamgauge-recording"],
        "tests": [
            {
                "interval": scenario.step,
                "input_series": [{"series": name, "values": values} for name, values in scenario.series.items()],
                "alert_rule_test": [
                    {"eval_time": time, "alertname": scenario.alert, "exp_alerts": alerts} for time, alerts in times
                ],
            }
        ],
    }
    file = folder / "test.yml"
    file.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return file


def promtool(file: Path) -> subprocess.CompletedProcess[str]:
    return run_program("promtool", "test", "rules", str(file), package="prometheus")


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: f"{s.alert} {s.name}".strip())
def test_the_rule_fires_and_clears(scenario: Scenario, tmp_path: Path) -> None:
    """Quiet before its time, firing with the right summary, resolved when the cause is gone."""
    done = promtool(scenario_files(scenario, tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_scenario() -> None:
    """A rule without a scenario might never fire."""
    assert {scenario.alert for scenario in SCENARIOS} == {alert.name for alert in ALERTS}
    assert all(scenario.fires for scenario in SCENARIOS)


def test_a_wrong_limit_is_found(tmp_path: Path) -> None:
    """The check itself: the same scenario with a mistyped limit."""
    rule = prometheus_rules()[SCENARIOS[0].alert]
    assert promtool(scenario_files(SCENARIOS[0], tmp_path, rule)).returncode == 0
    wrong = {**rule, "expr": rule["expr"].replace("> 60", "> 600")}
    assert promtool(scenario_files(SCENARIOS[0], tmp_path, wrong)).returncode == 1


def test_both_renderings_are_equal() -> None:
    """Name, value, limit, time, severity, runbook of each alert, in Prometheus's file and in Grafana's."""
    ours, theirs = prometheus_rules(), grafana_rules()
    assert list(ours) == list(theirs) == [alert.name for alert in ALERTS]
    for alert in ALERTS:
        rule, other = ours[alert.name], theirs[alert.name]
        value, limit = other["data"]
        assert value["model"]["expr"] in rule["expr"]
        (condition,) = limit["model"]["conditions"]
        assert condition["evaluator"] == {"type": "lt" if alert.below else "gt", "params": [alert.limit]}
        assert rule["expr"].endswith(f" {'<' if alert.below else '>'} {alert.limit:g}")
        assert rule["for"] == other["for"] == f"{alert.for_s}s"
        assert rule["labels"] == other["labels"] == {"severity": alert.severity}
        assert rule["annotations"]["runbook_url"] == other["annotations"]["runbook_url"]


def test_grafana_accepts_the_rules() -> None:
    """What Grafana rejects at its start: an interval that is no multiple of 10 s, a uid too long or used twice, an
    unknown step or panel."""
    loaded = yaml.safe_load(GRAFANA.read_text(encoding="utf-8"))
    assert loaded["apiVersion"] == 1
    uids = [rule["uid"] for group in loaded["groups"] for rule in group["rules"]]
    assert len(set(uids)) == len(uids)
    for group in loaded["groups"]:
        assert int(group["interval"].removesuffix("s")) % 10 == 0
        assert group["folder"] == "Streamgauge"
        for rule in group["rules"]:
            assert len(rule["uid"]) <= 40
            assert rule["condition"] in [step["refId"] for step in rule["data"]]
            assert rule["noDataState"] in ("OK", "NoData", "Alerting")
            assert rule["execErrState"] in ("OK", "Error", "Alerting")
            board = json.loads((ROOT / f"grafana/generated/dashboards/{rule['dashboardUid']}.json").read_text("utf-8"))
            assert rule["panelId"] in [panel["id"] for panel in board["panels"]]


def test_nothing_in_grafanas_file_is_expanded() -> None:
    """Grafana expands `$` in annotations and labels, but not in queries: none has a `$`."""
    assert "$" not in GRAFANA.read_text(encoding="utf-8")


def test_a_lost_prometheus_is_one_alert() -> None:
    """A Prometheus that is down, or scrapes nothing, is one alert with a summary of its own."""
    loud = [alert for alert in ALERTS if alert.no_data != "OK" or alert.on_error != "OK"]
    assert [alert.name for alert in loud] == ["ProcessDown"]
    assert all(alert.no_data_summary for alert in loud)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_summaries_name_the_thing_and_the_amount(alert: Alert) -> None:
    """At least one label, and the value unless it has no meaning."""
    assert "{{ .Labels." in alert.prometheus_summary()
    silent = {"ProcessMissing", "ProcessNotReady", "LagUnknown", "LagSamplesStopped"}
    assert ("{{ .Value |" in alert.prometheus_summary()) == (alert.name not in silent)
    assert alert.grafana_summary().replace(".Values.A.Value", ".Value").find(alert.prometheus_summary()) >= 0


@pytest.mark.parametrize(
    ("expr", "factor", "shorter"),
    [
        ("rate(x[5m])", 0.1, "rate(x[30s])"),
        ("avg_over_time(x[1h] offset 10m)", 0.05, "avg_over_time(x[180s] offset 30s)"),
        ("x offset 1w", 0.0001, "x offset 60s"),
        ("rate(x[1m])", 0.01, "rate(x[5s])"),
        ("kafka_lag_5m > 10", 0.1, "kafka_lag_5m > 10"),
    ],
)
def test_scaled(expr: str, factor: float, shorter: str) -> None:
    """Only ranges and offsets change."""
    assert scaled(expr, factor) == shorter
