"""`streamgauge status` as a screen."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table

from generators.ledger import CATALOG
from streamgauge.cli.status.facts import MOST_NAMED, Facts
from streamgauge.cli.terminal import Screen, Text

_STATE_STYLES = {"ready": "green", "degraded": "yellow", "not ready": "red"}


def show(facts: Facts, wrong: Sequence[str]) -> None:
    """Print the facts, then the problems, on standard output."""
    console = Screen(soft_wrap=True)
    if facts.processes:
        console.print(_processes(facts))
        console.print()
    console.print(_rest(facts))
    if facts.streams:
        console.print()
        console.print(_streams(facts))
        for stream in facts.streams:
            if stream.outdated:
                console.print(
                    Text(
                        f"{stream.name}: {stream.outdated:,} events were older than STREAMGAUGE_WINDOW_RETENTION_DAYS "
                        "when they arrived; only raw and latest tables have them",
                        style="yellow",
                    )
                )
    elif facts.streams is not None and not facts.observed:
        ours = facts.catalog == CATALOG
        how = "start the generator with `streamgauge generate`" if ours else f"produce to the topics of {facts.catalog}"
        console.print(f"no events yet: {how}")
    console.print()
    if facts.notice:
        console.print(Text(f"stand-in: {facts.notice}", style="yellow"))
    for one in [one for one in facts.lost if not one.recent][:MOST_NAMED]:
        console.print(Text(f"more than a day ago: {one}", style="yellow"))
    for missing in facts.missing:
        console.print(Text(f"not granted: {missing}", style="yellow"))
    for line in wrong:
        console.print(Text(f"not well: {line}", style="red"))
    if not wrong:
        console.print(Text("all is well", style="green"))


def _processes(facts: Facts) -> Table:
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("process", "pid", "health", "metrics", "figures"):
        grid.add_column(name, justify="right" if name in ("pid", "metrics") else "left", no_wrap=True)
    for one in facts.processes:
        health = Text(one.why or one.state, style=_STATE_STYLES[one.state])
        grid.add_row(one.name, str(one.pid), health, one.port, facts.figures.get(one.pid, ""))
    return grid


def _rest(facts: Facts) -> Table:
    grid = Table(box=None, pad_edge=False, show_header=False)
    grid.add_row("broker", Text(f"{facts.bootstrap}: {facts.broker or 'no answer'}"))
    grid.add_row(
        "topics", Text("not known" if facts.broker is None else ", ".join(facts.missing_topics) or "all there")
    )
    if facts.observed:
        return grid
    replicas = f"{_number(facts.replicas)} replica{'' if facts.replicas == 1 else 's'}"
    grid.add_row("analytics", f"{replicas}, {_number(facts.analytics_waiting)} events waiting")
    grid.add_row("warehouse", f"{_number(facts.warehouse_waiting)} deltas waiting")
    return grid


def _streams(facts: Facts) -> Table:
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("stream", "events in SQL", "newest", "dead letters (5 min)"):
        grid.add_column(name, justify="left" if name == "stream" else "right")
    for stream in facts.streams or ():
        dead = Text(f"{stream.dead_letters:,}", style="yellow" if stream.dead_letters else "")
        grid.add_row(stream.name, f"{stream.events:,}", _age(stream.age_s), dead)
    return grid


def _number(value: int | None) -> str:
    return "unknown" if value is None else f"{value:,}"


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "unknown"
    return f"{seconds:.1f} s ago" if seconds < 120 else f"{seconds / 60:,.0f} min ago"
