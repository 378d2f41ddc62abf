"""Prometheus's configuration: valid for promtool, and with all processes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from streamgauge.runtime.metrics import CATALOGUE
from tests.deploy import compose
from tests.repo.files import shown
from tests.support.prometheus import DEPLOY, RULES
from tests.support.requirements import run_program

CONFIGURATIONS = [DEPLOY / "local.yml", DEPLOY / "prometheus.yml"]


def promtool(*arguments: str) -> None:
    """Run promtool; fails with its output."""
    done = run_program("promtool", *arguments, package="prometheus")
    assert done.returncode == 0, done.stdout + done.stderr


def scrape(path: Path) -> dict[str, Any]:
    """The only scrape configuration of a file."""
    (found,) = yaml.safe_load(path.read_text())["scrape_configs"]
    return dict(found)


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=shown)
def test_promtool_accepts_the_configuration(path: Path) -> None:
    """Including the rules that it loads."""
    promtool("check", "config", str(path))


@pytest.mark.parametrize("path", [*sorted(RULES.glob("*.yml")), None], ids=lambda path: shown(path) if path else "all")
def test_promtool_accepts_the_rules(path: Path | None) -> None:
    """Each file alone, and all together, which shows duplicate names."""
    files = [path] if path else sorted(RULES.glob("*.yml"))
    if files:
        promtool("check", "rules", "--lint=all", "--lint-fatal", *map(str, files))


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=shown)
def test_labels_are_the_same_everywhere(path: Path) -> None:
    """Dashboards and alerts use `job`, and `process` as in the metrics."""
    assert scrape(path)["job_name"] == "streamgauge"
    assert scrape(path)["honor_labels"] is True


def test_compose_services_are_scraped() -> None:
    """Every long-running service, by its name, which is the process's name in the catalogue."""
    ours = {name for name, service in compose.ours().items() if service["restart"] != "no"}
    (discovery,) = scrape(DEPLOY / "prometheus.yml")["dns_sd_configs"]
    assert set(discovery["names"]) == ours
    # `streaming` and `shop` are metrics of several processes, or of one with another name.
    assert {metric.process for metric in CATALOGUE} - {"all", "streaming", "shop"} <= ours


def test_the_interval_fits_the_shortest_range() -> None:
    """A rate needs two samples in its range, and should have four."""
    shortest = min(
        (
            int(number) * {"s": 1, "m": 60, "h": 3_600}[unit]
            for path in RULES.glob("*.yml")
            for number, unit in re.findall(r"\[(\d+)([smh])\]", path.read_text())
        ),
        default=3_600,
    )
    for path in CONFIGURATIONS:
        interval = yaml.safe_load(path.read_text())["global"]["scrape_interval"]
        assert int(interval.removesuffix("s")) * 4 <= shortest
