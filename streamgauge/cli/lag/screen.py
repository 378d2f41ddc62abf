"""`streamgauge lag`: the report as a screen or as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import KafkaException
from rich.table import Table

from processors.lag.cluster import ClusterReader, Filter
from streamgauge.catalog import loader
from streamgauge.catalog.builtin.lag import Status
from streamgauge.cli import output
from streamgauge.cli.lag import report as lag_report
from streamgauge.cli.lag.report import Hot, Line, Report
from streamgauge.cli.query.errors import warehouse_errors
from streamgauge.cli.terminal import Screen, Text
from streamgauge.domain import lag_status, limits
from streamgauge.domain.format import UNKNOWN, clock, count, duration, money
from streamgauge.domain.lag_status import MARKER
from streamgauge.runtime import kafka, settings
from streamgauge.runtime.connection.explain import unreachable
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.client import Warehouse

BROKER_TIMEOUT_S = 5.0
# Partitions named in a sentence.
MOST_NAMED = 10
_STYLE: Mapping[Status, str] = {"OK": "green", "WARN": "yellow", "UNKNOWN": "dim"}
_COLUMNS = ("group", "topic", "status", "since", "lag", "behind", "waiting", "in/s", "out/s", "caught up in")
_MORE = ("unread of log", "lost", "members", "no member")


def main(group: str | None, topic: str | None, *, as_json: bool) -> int:
    """Print the report; returns the exit code: 1 where something is worse than WARN, or the samples are old.

    Raises `UsageError` where the warehouse does not answer.
    """
    config = settings.load()
    now = datetime.now(UTC)
    with warehouse_errors(), Warehouse(config) as source:
        report = lag_report.report(source, loader.load(config.catalog), config.lag_interval_s, now, group, topic)
    if group is None:
        if why := unreachable(config):
            output.note(f"topics that no group reads are not known: {why}")
        else:
            report = replace(report, unread=_unread(config, topic))
    if as_json:
        output.json_line(plain(report))
    else:
        show(report, now, Screen(soft_wrap=True, width=250))
    return 0 if report.well else 1


def _unread(config: Settings, topic: str | None) -> list[str] | None:
    """Topics of the cluster that no group reads; None where it does not answer."""
    try:
        state = ClusterReader(kafka.admin(config), Filter(config), BROKER_TIMEOUT_S).read()
    except KafkaException:
        return None
    if ("cluster", "groups") in state.failed:
        return None
    return sorted(name for name in state.unread if topic in (None, name))


def plain(report: Report) -> dict[str, Any]:
    """The report for JSON: times in ISO 8601 UTC, unknown values as null."""

    def line(one: Line) -> dict[str, Any]:
        return {**asdict(one), "since": one.since and one.since.astimezone(UTC).isoformat()}

    def hot(one: Hot) -> dict[str, Any]:
        return {**asdict(one), "keys": [{"key": key, "share": share} for key, share in one.keys]}

    return {
        "sampled_at": report.sampled_at and report.sampled_at.astimezone(UTC).isoformat(),
        "stale": report.stale,
        "groups": [line(one) for one in report.lines],
        "hot_partitions": [hot(one) for one in report.hot],
        "unread_topics": None if report.unread is None else list(report.unread),
    }


def show(report: Report, now: datetime, console: Screen) -> None:
    """Print a sentence for each consumer that is behind, the table, hot partitions and unread topics."""
    if report.sampled_at is None:
        console.print("no sample yet: start the sampler with `streamgauge process lag`", style="red")
        return
    told = [line for line in report.lines if lag_status.is_behind(line.status)]
    for line in told:
        console.print(Text(sentence(line, report.keys), style=_STYLE.get(line.status, "red")))
    more = [text for line in report.lines for text in remarks(line)]
    for text in more:
        console.print(Text(text, style="yellow"))
    if told or more:
        console.print()
    console.print(_table(report, now) if report.lines else "no such group or topic")
    for one in report.hot:
        keys = ", ".join(f"{key} {share:.0%}" for key, share in one.keys)
        console.print()
        console.print(
            Text(
                f"hot partition: {one.topic} {one.partition} gets {one.ratio:.1f} times its share"
                + (f" ({one.per_second:,.0f}/s); of that {keys}" if keys else f" ({one.per_second:,.0f}/s)"),
                style="yellow",
            )
        )
    if report.unread:
        console.print()
        console.print(Text(f"no group reads: {', '.join(report.unread)}"))
    age = duration(report.age_s or 0.0)
    console.print()
    console.print(
        Text(
            f"sampled {age} ago" + ("; is the sampler running? `streamgauge process lag`" if report.stale else ""),
            style="red" if report.stale else "dim",
        )
    )


def sentence(line: Line, keys: Mapping[str, str]) -> str:
    """`fulfilment on orders: STALL, 42 s behind: 318 orders, €21,400.00 waiting`."""
    parts = [f"{line.group} on {line.topic}: {line.status}"]
    if line.lag_seconds:
        parts.append(f"{duration(line.lag_seconds)} behind")
        parts += [events(line)] if line.at_most else []
    else:
        parts.append(f"{events(line)} behind")
    waiting = _waiting(line, keys)
    return ", ".join(parts) + (f": {waiting} waiting" if waiting != UNKNOWN else "")


def events(line: Line) -> str:
    """Events to read: `1 event`, `at most 3 events`, or `at least 3, at most 5,003 events`."""
    if line.lag is not None:
        return f"{_lag(line)} event{'' if line.lag == 1 else 's'}"
    most = "" if line.lag_most is None else f", at most {line.lag_most:,}"
    return f"at least {line.lag_least:,}{most} events"


def remarks(line: Line) -> list[str]:
    """Sentences about what does not wait, or may: partitions without a commit, losses, open transactions."""
    name, said = f"{line.group} on {line.topic}", []
    if numbers := line.without_commit:
        which = f"partition{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers[:MOST_NAMED]))}"
        which += f" and {len(numbers) - MOST_NAMED} more" if len(numbers) > MOST_NAMED else ""
        said.append(f"{name}: nothing was ever committed in {which}: {events(line)} to read")
    if line.lost:
        said.append(
            f"{name}: {line.lost:,} event{'' if line.lost == 1 else 's'} deleted by retention before it read them"
        )
    if line.undecided:
        said.append(f"{name}: waits for an open transaction of {line.undecided:,} events to be committed or aborted")
    return said


def _waiting(line: Line, keys: Mapping[str, str]) -> str:
    if line.waiting_keys is None or (line.waiting_keys == 0 and line.lag != 0):
        return UNKNOWN if line.lag is None or line.lag > MARKER or line.waiting_keys is None else "0"
    noun = keys.get(line.topic, "key").removesuffix("_id") + ("" if line.waiting_keys == 1 else "s")
    least = "at least " if line.waiting_least else ""
    cents = "" if line.waiting_cents is None or not line.waiting_keys else f", {money(line.waiting_cents)}"
    return f"{least}{line.waiting_keys:,} {noun}{cents}" if line.waiting_keys else "0"


def _table(report: Report, now: datetime) -> Table:
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for name in (*_COLUMNS, *_MORE):
        grid.add_column(name, justify="left" if name in ("group", "topic", "status", "since", "waiting") else "right")
    for line in report.lines:
        grid.add_row(
            line.group,
            line.topic,
            Text(line.status, style=_STYLE.get(line.status, "red")),
            clock(line.since, now) if line.since else "",
            _lag(line),
            UNKNOWN if line.lag_seconds is None else duration(line.lag_seconds) if line.lag_seconds else "0",
            _waiting(line, report.keys),
            _rate(line.produced_per_second),
            _rate(line.consumed_per_second),
            _catch_up(line),
            _risk(line.retention_used),
            Text(count(line.lost), style="yellow") if line.lost else "",
            count(line.members),
            count(line.unassigned) if line.unassigned else "",
        )
    return grid


def _lag(line: Line) -> str:
    if line.lag is None:
        return f"at least {line.lag_least:,}"
    return f"at most {line.lag:,}" if line.at_most else count(line.lag)


def _catch_up(line: Line) -> str:
    if line.lag is None:
        return UNKNOWN
    if line.lag <= MARKER * line.partitions:
        return ""
    return "never" if line.catch_up_seconds is None and line.consumed_per_second is not None else _seconds(line)


def _seconds(line: Line) -> str:
    return UNKNOWN if line.catch_up_seconds is None else duration(line.catch_up_seconds)


def _risk(used: float | None) -> Text:
    if used is None or used < limits.RETENTION_AT_RISK:
        return Text("" if used is None else f"{used:.0%}")
    return Text("being lost" if used >= 1 else f"{used:.0%}", style="red")


def _rate(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.1f}"
