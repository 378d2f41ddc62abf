"""Output of `streamgauge up` for people: addresses and commands when it is ready, and the summary at the end."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.table import Table

from streamgauge.cli.local.stack import TRAFFIC
from streamgauge.cli.local.tally import Figures
from streamgauge.cli.local.target import Target
from streamgauge.cli.terminal import Screen
from streamgauge.runtime.settings import PREFIX, Settings

EXAMPLE = "SELECT stream, sum(events) AS events FROM stream_windows GROUP BY ALL ORDER BY ALL"
# Settings that another terminal needs to find what runs here.
_WHERE = (
    "data_dir",
    "broker_port",
    "sql_port",
    "sql_url",
    "sql_token_file",
    "bootstrap_servers",
    "mode",
    "security_protocol",
    "sasl_mechanism",
    "sasl_username",
    "ssl_ca_location",
    "ssl_certificate_location",
    "ssl_key_location",
    "catalog",
    "analytics_group",
    "dead_letter_topics",
)
_SECRETS = ("sasl_password", "ssl_key_password", "sql_token")


@dataclass
class Summary:
    """Filled while `up` runs."""

    figures: Figures | None = None
    freshness_s: float | None = None
    ready_s: float | None = None
    first_figure_s: float | None = None
    all_ready_s: float | None = None
    restarts: Mapping[str, list[str]] = field(default_factory=dict)
    gave_up: str = ""
    notice: str = ""
    clean: bool = True

    @property
    def well(self) -> bool:
        """Whether nothing was given up, all stopped cleanly, and the figures are right."""
        return not self.gave_up and self.clean and (self.figures is None or self.figures.right)

    def lines(self) -> list[tuple[str, str, str]]:
        """Rows of the summary: name, value, remark."""
        rows: list[tuple[str, str, str]] = []
        if self.figures is not None:
            rows += self._counts(self.figures)
        if self.freshness_s is not None:
            rows.append(("freshness", f"{self.freshness_s:.2f} s", "age of the newest figure when the traffic stopped"))
        for name, seconds in (
            ("ready after", self.ready_s),
            ("first figures after", self.first_figure_s),
            ("all services after", self.all_ready_s),
        ):
            if seconds is not None:
                rows.append((name, f"{seconds:.1f} s", ""))
        died = [f"{name} {len(why)} (last: {why[-1]})" for name, why in self.restarts.items() if why]
        rows.append(("restarts", str(sum(map(len, self.restarts.values()))), ", ".join(died)))
        return rows

    def _counts(self, figures: Figures) -> list[tuple[str, str, str]]:
        took = figures.seconds
        rate = (
            f"{figures.published:,} by the traffic, {figures.published / took:,.0f}/s over {took:.1f} s" if took else ""
        )
        if not figures.complete:
            rate = f"the traffic was killed; at least {figures.published:,} were its own"
        if figures.others:
            rate += f"; {figures.others:,} by the services and others"
        rows = [("events produced", f"{figures.produced:,}", rate)]
        if figures.visible is None:
            return [*rows, ("visible in SQL", "unknown", "the warehouse did not answer")]
        how = "" if figures.logged is not None else "compared with the traffic's own count; the log was not counted"
        rows.append(("visible in SQL", f"{figures.visible:,}", how))
        rows.append(("dead letters", f"{figures.dead_letters:,}", ""))
        rows.append(("missing", f"{figures.missing:,}", "produced − visible" if figures.missing else ""))
        if figures.doubled:
            rows.append(("counted twice", f"{figures.doubled:,}", "visible, but not in the log"))
        return rows


def show(summary: Summary) -> None:
    """Print the summary on standard output."""
    console = Screen(width=160)
    shown = Table("", "", "", title="Summary", title_justify="left", show_header=False, box=None, pad_edge=False)
    shown.columns[1].justify = "right"
    for name, value, remark in summary.lines():
        shown.add_row(name, value, remark)
    console.print()
    console.print(shown)
    if summary.notice:
        console.print(f"Not exact: {summary.notice}", style="yellow")
    if summary.gave_up:
        console.print(f"Gave up: {summary.gave_up}", style="red")


def program() -> str:
    """How to call us: by name where the shell finds it, else by path."""
    script = Path(sys.executable).with_name("streamgauge")
    found = shutil.which("streamgauge")
    if found and Path(found) == script:
        return "streamgauge"
    return os.path.relpath(script) if script.is_relative_to(Path.cwd()) else str(script)


def hints(to: Target, metrics: Mapping[str, int], seconds: float) -> list[str]:
    """Addresses and commands to show once everything is ready, `seconds` after the start.

    `metrics` are the metrics ports by process.
    """
    settings, name = to.settings, program()
    host = "127.0.0.1"
    lines = [
        f"ready after {seconds:.1f} s",
        f"  pages    http://{host}:{settings.dashboard_port}",
        f"  SQL      {settings.warehouse_url}   {name} sql '{EXAMPLE}'",
        f"  health   {name} status",
        "  metrics  " + ", ".join(f"http://{host}:{port}/metrics ({one})" for one, port in metrics.items()),
    ]
    where = [
        f"{PREFIX}{field.upper()}={shlex.quote(str(value.absolute() if isinstance(value, Path) else value))}"
        for field in _WHERE
        if (value := getattr(settings, field)) != Settings.model_fields[field].default
    ]
    if where:
        lines.append(f"  in another terminal, first: export {' '.join(where)}")
    if secrets := [f"{PREFIX}{field.upper()}" for field in _SECRETS if getattr(settings, field) is not None]:
        lines.append(f"  and, as in this one: {', '.join(secrets)}")
    if to.observed:
        lines.append(f"  {settings.bootstrap} is observed: nothing is created, produced or committed there")
    elif to.shop and to.ours:
        lines.append("  a demo: a synthetic shop on a Kafka of its own; your own cluster: up --bootstrap HOST:PORT")
    if not to.observed and not to.shop:
        lines.append(f"  no traffic: the generator has no events for {settings.catalog}; produce to its topics")
    elif to.shop and TRAFFIC not in metrics:
        lines.append(f"  no traffic: produce to the topics, or run {name} generate")
    return [*lines, "Ctrl-C stops everything and prints a summary"]
