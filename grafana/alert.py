"""One alert rule, for Prometheus and for Grafana alike: `Alert`, and what both renderings share.

A rule is a value and a limit, kept apart, because Grafana then shows the value of what is well too and can tell "no
data" from "well". A summary names the thing and the amount: `{topic}` is a label of the value, `{value:duration}` the
value in words. Summaries are written with `.Labels` and `.Value`, never with `$`: Grafana expands `$` in the files it
is provisioned from.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

Severity = Literal["critical", "warning"]
NoData = Literal["OK", "Alerting", "NoData"]
OnError = Literal["OK", "Alerting", "Error"]
_PLACE = re.compile(r"\{(\w+)(?::(\w+))?\}")
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
    """A rule: fires when `expr` is beyond `limit` for `for_s` seconds.

    `no_data` and `on_error` are Grafana's states for a query without an answer and for one that fails. A number that
    is not known is absent, so no data is well (`OK`) wherever another rule watches the one who serves the number; and
    a Prometheus that is gone should wake somebody once, not twenty times, so only the rules on `up` alert on an error.
    `limit_s` says that the limit is seconds, so that a test can shorten it with everything else.
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
        """The name as an address has it: consumer-lag."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", self.name).lower()

    @property
    def runbook(self) -> str:
        """Name of its page in docs/runbooks: the alert's name, unless two share one."""
        return self.page or self.slug

    @property
    def prometheus_expr(self) -> str:
        """Value and limit in one."""
        value = self.expr if re.fullmatch(r"[\w:]+", self.expr) else f"({self.expr})"
        return f"{value} {'<' if self.below else '>'} {self.limit:g}"

    def prometheus_summary(self) -> str:
        """The summary as Prometheus's template."""
        return _template(self.summary, ".Value")

    def grafana_summary(self) -> str:
        """The summary as Grafana's template; without a value it is the one for no data."""
        text = _template(self.summary, ".Values.A.Value")
        return (
            f"{{{{ if .Values.A }}}}{text}{{{{ else }}}}{self.no_data_summary}{{{{ end }}}}"
            if self.no_data_summary
            else text
        )

    def scaled(self, factor: float) -> Alert:
        """The same rule on a clock that runs 1/`factor` times as fast: for tests on a real pipeline."""
        return replace(
            self,
            expr=scaled(self.expr, factor),
            for_s=round(self.for_s * factor),
            limit=self.limit * factor if self.limit_s else self.limit,
        )


def scaled(expr: str, factor: float) -> str:
    """PromQL with its ranges and offsets shortened, none below 5 s."""

    def shorter(found: re.Match[str]) -> str:
        seconds = int(found[2]) * _SECONDS[found[3]]
        return f"{found[1]}{max(5, round(seconds * factor))}s"

    return _DURATION.sub(shorter, expr)


def _template(text: str, value: str) -> str:
    def placed(found: re.Match[str]) -> str:
        if found[1] != "value":
            return f"{{{{ .Labels.{found[1]} }}}}"
        return f"{{{{ {_WORDS[found[2]].format(value)} }}}}"

    return _PLACE.sub(placed, text)
