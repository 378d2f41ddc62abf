"""A real Prometheus (Debian's package) on a pipeline under test, and its HTTP API as methods.

    with prometheus(tmp_path / "prometheus", data_dir=rig.settings.data_dir) as prom:
        wait_until(lambda: prom.all_up(4), "every target is up", 60)
        assert prom.query("sum(streamgauge_events_in_total)")[0].value > 0

Its configuration is deploy/prometheus/local.yml with another folder of run files and shorter intervals; the rules are
those of deploy/prometheus/rules/ unless a test passes its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from streamgauge.cli.local import child
from streamgauge.cli.local.ports import free_port
from streamgauge.runtime.data_dir import run_file
from tests.support.requirements import require_program
from tests.support.waiting import wait_until

DEPLOY = Path(__file__).parents[2] / "deploy" / "prometheus"
RULES = DEPLOY / "rules"
STARTS_WITHIN_S = 60.0


@dataclass(frozen=True)
class Sample:
    """One series in the result of an instant query; a scalar has no labels."""

    labels: dict[str, str]
    value: float


@dataclass(frozen=True)
class Target:
    """A scrape target: `health` is `up`, `down` or `unknown` (not scraped yet)."""

    labels: dict[str, str]
    health: str
    error: str


@dataclass(frozen=True)
class Alert:
    """An alert that is `pending` or `firing`."""

    name: str
    labels: dict[str, str]
    annotations: dict[str, str]
    state: str


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus; for a query that it rejects, methods raise `httpx.HTTPStatusError` with its message."""

    url: str
    log: Path

    def query(self, promql: str, at: float | None = None) -> list[Sample]:
        """An instant query, now or at a Unix time in seconds."""
        data = self._get("query", query=promql, **({} if at is None else {"time": at}))
        if data["resultType"] == "scalar":
            return [Sample({}, float(data["result"][1]))]
        return [Sample(row["metric"], float(row["value"][1])) for row in data["result"]]

    def query_range(self, promql: str, last_s: float, step_s: float) -> list[dict[str, Any]]:
        """`[{"metric": labels, "values": [[time, text], …]}]` of the last `last_s` seconds, as a panel queries it."""
        now = time.time()
        data = self._get("query_range", query=promql, start=now - last_s, end=now, step=step_s)
        return list(data["result"])

    def value(self, promql: str) -> float | None:
        """The value of a query that returns one series; None where it returns none."""
        found = self.query(promql)
        assert len(found) <= 1, f"{promql} returns {len(found)} series"
        return found[0].value if found else None

    def targets(self) -> list[Target]:
        """Every active target."""
        found = self._get("targets", state="active")["activeTargets"]
        return [Target(row["labels"], row["health"], row["lastError"]) for row in found]

    def all_up(self, number: int) -> bool:
        """Whether there are `number` targets and each of them is up."""
        return [target.health for target in self.targets()] == ["up"] * number

    def metadata(self) -> dict[str, tuple[str, str]]:
        """Type and help of each metric by the name used in queries: OpenMetrics omits a counter's `_total`."""
        found = {}
        for name, (entry, *_) in self._get("metadata").items():
            ending = "_total" if entry["type"] == "counter" and not name.endswith("_total") else ""
            found[name + ending] = entry["type"], entry["help"]
        return found

    def series(self, selector: str = '{__name__!=""}') -> list[dict[str, str]]:
        """Labels of every series of the last five minutes that the selector matches."""
        now = time.time()
        return list(self._get("series", **{"match[]": selector, "start": now - 300, "end": now}))

    def alerts(self) -> list[Alert]:
        """Alerts that are pending or firing."""
        found = self._get("alerts")["alerts"]
        return [Alert(a["labels"]["alertname"], a["labels"], a["annotations"], a["state"]) for a in found]

    def rules(self) -> list[dict[str, Any]]:
        """Every rule, with `name`, `type` (`alerting` or `recording`), `health` and `lastError`."""
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def _get(self, path: str, **parameters: Any) -> Any:
        response = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=30, trust_env=False)
        if response.is_error:
            raise httpx.HTTPStatusError(f"{parameters}: {response.text}", request=response.request, response=response)
        return response.json()["data"]


def configuration(data_dir: Path, rules: Sequence[Path], interval: str) -> dict[str, Any]:
    """deploy/prometheus/local.yml with another data directory, other rules and another interval."""
    config: dict[str, Any] = yaml.safe_load((DEPLOY / "local.yml").read_text())
    config["global"] = {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval}
    config["rule_files"] = [str(path.resolve()) for path in rules]
    (discovery,) = config["scrape_configs"][0]["file_sd_configs"]
    discovery["files"] = [str(data_dir.resolve() / "run" / run_file.PATTERN)]
    discovery["refresh_interval"] = "1s"
    return config


@contextmanager
def prometheus(
    folder: Path, data_dir: Path, rules: Sequence[Path] | None = None, interval: str = "1s"
) -> Iterator[Prometheus]:
    """A Prometheus that scrapes the processes of `data_dir`, ready; its files are in `folder`.

    `rules` are rule files; unset, those of deploy/prometheus/rules/. Their `for:` and ranges stay as they are.
    """
    binary, port = require_program("prometheus", "prometheus"), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    rules = sorted(RULES.glob("*.yml")) if rules is None else rules
    config, log = folder / "prometheus.yml", folder / "prometheus.log"
    config.write_text(yaml.safe_dump(configuration(data_dir, rules, interval)))
    process = child.spawn(
        [
            binary,
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        log,
    )
    try:
        prom = Prometheus(f"http://127.0.0.1:{port}", log)
        wait_until(lambda: _ready(prom), f"Prometheus is ready; its log is {log}", STARTS_WITHIN_S, alive=process)
        yield prom
    finally:
        child.stop(process, 10)


def _ready(prom: Prometheus) -> bool:
    try:
        return httpx.get(f"{prom.url}/-/ready", timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False
