"""Alert rules, rendered for both Prometheus and Grafana.

A rule keeps value and limit apart, so that Grafana also shows the value while nothing fires and can tell "no data" from
"OK". In a summary `{topic}` is a label of the value and `{value:duration}` the value in words. Summaries use `.Labels`
and `.Value`, never `$`: Grafana expands `$` in its provisioning files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

Severity = Literal["critical", "warning"]
NoData = Literal["OK", "Alerting", "NoData"]
OnError = Literal["OK", "Alerting", "Error"]
_PLACEHOLDER = re.compile(r"\{(\w+)(?::(\w+))?\}")
_DURATION = re.compile(r"(\[|offset )(\d+)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_WORDS = {
    "duration": "{} | humanizeDuration",
    "percent": "{} | humanizePercentage",
    "rate": '{} | printf "%.1f"',
    "count": '{} | printf "%.0f"',
}


@dataclass(frozen=True)
class Alert:
    """Fires when `expr` is above `limit` (or `below` it) for `for_s` seconds.

    `no_data` and `on_error` are Grafana's states for a query without result and a failed query. Unknown values are
    absent, so no data is `OK` if another rule watches the process that exports the value. A lost Prometheus should
    alert once, not twenty times, so only rules on `up` alert on an error. `limit_s`: the limit is in seconds, and tests
    scale it like other durations. `board` and `panel` are what the alert links to; `page` is its runbook, if it shares
    that of another alert.
    """

    name: str
    group: str
    severity: Severity
    expr: str
    limit: float
    for_s: int
    summary: str
    board: str
    panel: str
    below: bool = False
    limit_s: bool = False
    no_data: NoData = "OK"
    on_error: OnError = "OK"
    no_data_summary: str = ""
    page: str = ""

    @property
    def slug(self) -> str:
        """The name in kebab case: consumer-lag."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", self.name).lower()

    @property
    def runbook(self) -> str:
        """Name of its page in docs/runbooks; two alerts may share one."""
        return self.page or self.slug

    @property
    def prometheus_expr(self) -> str:
        """The expression with the limit."""
        value = self.expr if re.fullmatch(r"[\w:]+", self.expr) else f"({self.expr})"
        return f"{value} {'<' if self.below else '>'} {self.limit:g}"

    def prometheus_summary(self) -> str:
        """The summary as a Prometheus template."""
        return _template(self.summary, ".Value")

    def grafana_summary(self) -> str:
        """The summary as a Grafana template; without a value it is `no_data_summary`."""
        text = _template(self.summary, ".Values.A.Value")
        return (
            f"{{{{ if .Values.A }}}}{text}{{{{ else }}}}{self.no_data_summary}{{{{ end }}}}"
            if self.no_data_summary
            else text
        )

    def scaled(self, factor: float) -> Alert:
        """The rule with all durations multiplied by `factor`, for tests on a real pipeline."""
        return replace(
            self,
            expr=scaled(self.expr, factor),
            for_s=round(self.for_s * factor),
            limit=self.limit * factor if self.limit_s else self.limit,
        )


def scaled(expr: str, factor: float) -> str:
    """PromQL with its ranges and offsets multiplied by `factor`, at least 5 s."""

    def shorter(found: re.Match[str]) -> str:
        seconds = int(found[2]) * _SECONDS[found[3]]
        return f"{found[1]}{max(5, round(seconds * factor))}s"

    return _DURATION.sub(shorter, expr)


def _template(text: str, value: str) -> str:
    def replacement(found: re.Match[str]) -> str:
        if found[1] != "value":
            return f"{{{{ .Labels.{found[1]} }}}}"
        return f"{{{{ {_WORDS[found[2]].format(value)} }}}}"

    return _PLACEHOLDER.sub(replacement, text)
