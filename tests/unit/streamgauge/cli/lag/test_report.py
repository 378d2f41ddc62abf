"""The report: rows of partitions to lines, sentences, what is hot, and since when; SQL on a DuckDB of its own."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from streamgauge.catalog import loader
from streamgauge.cli.lag import report as lag_report
from streamgauge.cli.lag import screen
from streamgauge.cli.lag.report import Line, Report
from streamgauge.cli.terminal import Screen
from streamgauge.warehouse.client import _param
from streamgauge.warehouse.sql import guard

NOW = datetime.now(UTC).replace(microsecond=0)
CATALOG = loader.load("streamgauge.catalog.commerce")
KEYS = {"orders": "order_id", "inventory": "sku"}
INTERVAL_S = 10.0
WELL: dict[str, Any] = {
    "group": "billing",
    "topic": "orders",
    "partition": 0,
    "status": "OK",
    "committed_offset": 100,
    "end_offset": 100,
    "oldest_offset": 0,
    "lag": 0,
    "lag_least": None,
    "lag_most": None,
    "lost": 0,
    "undecided": 0,
    "lag_seconds": 0.0,
    "produced_per_second": 5.0,
    "consumed_per_second": 5.0,
    "catch_up_seconds": 0.0,
    "retention_used": 0.0,
    "group_state": "STABLE",
    "members": 1,
    "member": "client on host",
    "waiting_keys": 0,
    "waiting_cents": 0,
    "waiting_complete": True,
    "occurred_at": NOW,
}
BEHIND = WELL | {
    "partition": 1,
    "status": "STALL",
    "committed_offset": 58,
    "lag": 42,
    "lag_seconds": 42.0,
    "consumed_per_second": 0.0,
    "catch_up_seconds": None,
    "retention_used": 0.42,
    "waiting_keys": 30,
    "waiting_cents": 2_140_000,
}


class Tables:
    """`consumer_lag`, `lag_events` and raw tables as the catalog has them."""

    def __init__(self) -> None:
        self.db = duckdb.connect(":memory:")
        self.db.execute("SET TimeZone = 'UTC'")
        self._names = {"consumer_lag", "lag_events", "order_events"}
        for model in CATALOG.models:
            if model.name in self._names:
                columns = ", ".join(f'"{name}" {kind}' for name, kind in model.columns.items())
                self.db.execute(f'CREATE TABLE "{model.name}" ({columns})')

    def query(self, sql: str, params: Sequence[Any] = ()) -> pa.Table:
        """As the warehouse does it: guarded, parameters as they travel."""
        guard.check(self.db.cursor(), sql, frozenset(self._names))
        return self.db.execute(sql, [_param(value) for value in params]).to_arrow_table()

    def add(self, table: str, **values: object) -> None:
        names = ", ".join(f'"{name}"' for name in values)
        self.db.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(values))})", list(values.values()))

    def history(self, *statuses: str, group: str = "billing", topic: str = "orders", partition: int = 0) -> None:
        """Samples up to now, ten seconds apart."""
        for number, status in enumerate(reversed(statuses)):
            at = NOW - timedelta(seconds=number * 10)
            values = {"group": group, "topic": topic, "partition": partition, "status": status}
            self.add("lag_events", occurred_at=at, arrived_at=at, **values)


@pytest.fixture
def tables() -> Tables:
    return Tables()


def made(tables: Tables, now: datetime = NOW, group: str | None = None, topic: str | None = None) -> Report:
    return lag_report.report(tables, CATALOG, INTERVAL_S, now, group, topic)


def line(*rows: dict[str, Any]) -> Line:
    (one,) = lag_report.lines_of(rows, {})
    return one


def test_partitions_add_up() -> None:
    one = line(WELL, BEHIND)
    assert (one.status, one.partitions, one.lag, one.lag_seconds) == ("STALL", 2, 42, 42.0)
    assert (one.waiting_keys, one.waiting_cents, one.waiting_least) == (30, 2_140_000, False)
    assert (one.produced_per_second, one.consumed_per_second, one.catch_up_seconds) == (10.0, 5.0, None)
    assert (one.members, one.unassigned) == (1, 0)


def test_a_sum_with_an_unknown_part_is_unknown() -> None:
    one = line(WELL, BEHIND | {"lag": None, "produced_per_second": None})
    assert (one.lag, one.produced_per_second) == (None, None)


# A partition that is held, has events, and on which nothing was ever committed.
STUCK = WELL | dict.fromkeys(
    ("committed_offset", "lag", "lost", "lag_seconds", "consumed_per_second", "catch_up_seconds", "retention_used")
    + ("waiting_keys", "waiting_cents", "waiting_complete")
)
STUCK |= {"partition": 2, "status": "STALL", "end_offset": 5_000, "lag_most": 5_000}


def test_with_a_partition_without_a_commit_a_sum_is_a_least() -> None:
    one = line(BEHIND, STUCK)
    assert (one.lag, one.lag_least, one.lag_most, one.without_commit) == (None, 42, 5_042, [2])
    assert (one.consumed_per_second, one.waiting_least, one.catch_up_seconds) == (0.0, True, None)
    assert screen.sentence(one, KEYS).startswith("billing on orders: STALL, 42 s behind: at least 30 orders")
    assert screen.remarks(one) == [
        "billing on orders: nothing was ever committed in partition 2: at least 42, at most 5,042 events to read"
    ]


def test_stuck_at_the_first_event_beside_a_partition_that_is_caught_up() -> None:
    one = line(WELL, STUCK)
    assert one.alarming
    assert (one.status, one.lag, one.lag_least, one.lag_seconds, one.catch_up_seconds) == ("STALL", None, 0, None, None)
    assert screen.sentence(one, KEYS) == "billing on orders: STALL, at least 0, at most 5,000 events behind"
    assert "at least 0" in shown(Report(NOW, 0.0, False, [one]))


def test_what_came_since_a_member_is_there_counts_in_the_least() -> None:
    one = line(BEHIND, STUCK | {"lag_least": 30})
    assert (one.lag, one.lag_least, one.lag_most) == (None, 72, 5_042)
    assert "at least 72, at most 5,042 events to read" in shown(Report(NOW, 0.0, False, [one]))


def test_of_a_topic_that_may_not_be_read_it_is_at_most() -> None:
    one = line(WELL, BEHIND | {"lag_least": 0})
    assert (one.lag, one.lag_least, one.lag_most, one.at_most) == (42, 0, 42, True)
    said = "billing on orders: STALL, 42 s behind, at most 42 events: 30 orders, €21,400 waiting"
    assert screen.sentence(one, KEYS) == said
    text = shown(Report(NOW, 0.0, False, [one]))
    assert text.count("at most 42") == 2
    assert "at most" not in shown(Report(NOW, 0.0, False, [line(WELL, BEHIND)]))


def test_unknown_is_not_well_and_says_why() -> None:
    one = line(WELL, STUCK | {"status": "UNKNOWN", "member": None})
    assert one.status == "UNKNOWN"
    assert "nothing was ever committed in partition 2: at least 0, at most 5,000" in shown(Report(NOW, 0, False, [one]))


def test_beyond_the_end_there_is_no_most() -> None:
    one = line(WELL, WELL | {"committed_offset": 900, "lag": None, "lag_most": None, "status": "UNKNOWN"})
    assert (one.lag, one.lag_least, one.lag_most, one.without_commit) == (None, 0, None, [])
    assert screen.events(one) == "at least 0 events"


def test_what_was_lost_and_what_is_undecided_is_said_apart() -> None:
    one = line(WELL | {"lost": 6_999}, WELL | {"partition": 1, "lost": 1, "undecided": 40})
    assert (one.status, one.lag, one.lost, one.undecided) == ("OK", 0, 7_000, 40)
    assert screen.remarks(one) == [
        "billing on orders: 7,000 events deleted by retention before it read them",
        "billing on orders: waits for an open transaction of 40 events to be committed or aborted",
    ]
    assert Report(NOW, 0.0, False, [one]).well


@pytest.mark.parametrize(
    ("changes", "least"),
    [
        pytest.param({"waiting_complete": False}, True, id="part-of-it"),
        pytest.param({"waiting_complete": None, "waiting_keys": None, "waiting_cents": None}, True, id="none-of-it"),
        pytest.param({"waiting_complete": None, "waiting_keys": None, "lag": 1}, False, id="a-marker"),
    ],
)
def test_what_waits_at_least(changes: dict[str, Any], least: bool) -> None:
    assert line(WELL | {"waiting_keys": 3, "lag": 3}, BEHIND | changes).waiting_least is least


def test_retention_counts_where_something_was_deleted() -> None:
    assert line(BEHIND).retention_used is None
    assert line(BEHIND | {"oldest_offset": 5}).retention_used == 0.42


def test_worst_first() -> None:
    order = ["STOP", "STALL", "REWIND", "WARN", "UNKNOWN", "OK"]
    lines = [line(WELL | {"status": status, "group": f"g-{status}"}) for status in sorted(order)]
    assert [one.status for one in lag_report.worst_first(lines)] == order
    later = [line(BEHIND | {"lag_seconds": seconds, "group": str(seconds)}) for seconds in (1.0, None, 60.0)]
    assert [one.group for one in lag_report.worst_first(later)] == ["60.0", "1.0", "None"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "billing on orders: STALL, 42 s behind: 30 orders, €21,400 waiting"),
        ({"waiting_complete": False}, "billing on orders: STALL, 42 s behind: at least 30 orders, €21,400 waiting"),
        ({"waiting_keys": 1, "waiting_cents": 5}, "billing on orders: STALL, 42 s behind: 1 order, €0.05 waiting"),
        ({"lag_seconds": None}, "billing on orders: STALL, 42 events behind: 30 orders, €21,400 waiting"),
        ({"waiting_keys": None, "waiting_cents": None}, "billing on orders: STALL, 42 s behind"),
        (
            {"topic": "inventory", "waiting_cents": None},
            "billing on inventory: STALL, 42 s behind: 30 skus waiting",
        ),
    ],
)
def test_sentences(changes: dict[str, Any], sentence: str) -> None:
    assert screen.sentence(line(BEHIND | changes), KEYS) == sentence


@pytest.mark.parametrize(
    ("rates", "hot"),
    [
        ([75.0, 25.0], [0]),
        ([25.0, 75.0], [1]),
        ([50.0, 50.0], []),
        ([None, 75.0], []),
        ([3.0, 1.0], []),
    ],
)
def test_hot_partitions(rates: list[float | None], hot: list[int]) -> None:
    rows = [WELL | {"partition": n, "produced_per_second": rate} for n, rate in enumerate(rates)]
    assert [one.partition for one in lag_report.hot_partitions(rows)] == hot
    # The sampler's own topic is keyed by group: as uneven as groups are.
    assert lag_report.hot_partitions([row | {"topic": "lag"} for row in rows]) == []


def test_hot_keys_come_from_the_events(tables: Tables) -> None:
    for partition, rate in ((0, 90.0), (1, 10.0)):
        tables.add("consumer_lag", **WELL | {"partition": partition, "produced_per_second": rate})
    # "The last minutes" are those before the query runs, which is long after this module was imported.
    now = datetime.now(UTC)
    events = [("hot" if number < 8 else f"k{number}", 0, now) for number in range(10)]
    events += [("elsewhere", 1, now), ("long ago", 0, now - timedelta(minutes=10))]
    for number, (key, partition, at) in enumerate(events):
        tables.add("order_events", order_id=key, kafka_partition=partition, kafka_offset=number, arrived_at=at)
    (one,) = made(tables).hot
    assert (one.partition, one.ratio, one.per_second) == (0, 1.8, 90.0)
    assert one.keys == (("hot", 0.8), ("k8", 0.1), ("k9", 0.1))


@pytest.mark.parametrize(
    ("statuses", "ago_s"),
    [
        pytest.param(["OK", "STALL", "STALL"], 10, id="since-the-first-after-ok"),
        pytest.param(["WARN", "STALL", "STOP"], 20, id="whatever-was-wrong-before"),
        pytest.param(["STALL", "OK", "WARN"], 0, id="not-before-it-was-well-again"),
        pytest.param(["OK", "UNKNOWN", "STALL"], 0, id="unknown-is-not-wrong-yet"),
        pytest.param(["OK", "STALL", "UNKNOWN", "UNKNOWN", "STALL"], 30, id="a-restart-of-the-sampler-ends-nothing"),
    ],
)
def test_since_when(tables: Tables, statuses: list[str], ago_s: int) -> None:
    tables.history(*statuses)
    tables.history(*["OK"] * 5, partition=1)
    tables.history(*["STOP"] * 5, group="another")
    tables.add("consumer_lag", **BEHIND | {"partition": 0, "status": statuses[-1]})
    (one,) = made(tables, group="billing").lines
    assert one.since == NOW - timedelta(seconds=ago_s)


def test_what_is_gone_is_not_shown(tables: Tables) -> None:
    """A deleted group keeps its last row; what holds now is of the newest sample, or of the one before."""
    tables.add("consumer_lag", **WELL)
    tables.add("consumer_lag", **BEHIND | {"group": "late", "occurred_at": NOW - timedelta(seconds=20)})
    tables.add("consumer_lag", **BEHIND | {"group": "gone", "occurred_at": NOW - timedelta(seconds=30)})
    assert [one.group for one in made(tables).lines] == ["late", "billing"]
    assert [one.group for one in made(tables, group="billing").lines] == ["billing"]
    assert made(tables, topic="payments").lines == []


def test_well_or_not(tables: Tables) -> None:
    assert not made(tables).well  # no sample at all
    tables.add("consumer_lag", **WELL)
    assert made(tables).well
    assert not made(tables, now=NOW + timedelta(minutes=5)).well  # an old one
    tables.add("consumer_lag", **BEHIND | {"status": "WARN"})
    assert made(tables).well
    tables.add("consumer_lag", **BEHIND | {"status": "REWIND", "partition": 2})
    assert not made(tables).well


def shown(report: Report) -> str:
    text = io.StringIO()
    screen.show(report, NOW, Screen(text, width=250))
    return text.getvalue()


def test_the_screen(tables: Tables) -> None:
    assert "streamgauge process lag" in shown(made(tables))
    tables.add("consumer_lag", **WELL | {"group": "fine\x1b[2J"})
    tables.add("consumer_lag", **BEHIND | {"oldest_offset": 5, "retention_used": 1.5})
    text = shown(replace(made(tables), unread=["audit"]))
    for part in ("billing on orders: STALL, 42 s behind", "being lost", "never", "no group reads: audit", "sampled"):
        assert part in text
    assert "\x1b[2J" not in text


@pytest.mark.parametrize(
    ("group", "name"),
    [
        ("audit[/red]", "audit[/red]"),
        ("App`1[[App.Bulk, App]]", "App`1[[App.Bulk, App]]"),
        ("two\nli\x1b[2J", "two\\nli\\x1b[2J"),
    ],
)
def test_a_groups_name_is_text_in_the_table_and_in_the_sentence(tables: Tables, group: str, name: str) -> None:
    tables.add("consumer_lag", **BEHIND | {"group": group})
    text = shown(replace(made(tables), unread=[group]))
    assert text.startswith(f"{name} on orders: STALL")
    assert f"\n{name} " in text
    assert f"no group reads: {name}\n" in text


def test_for_programs(tables: Tables) -> None:
    tables.history("OK", "STALL")
    tables.add("consumer_lag", **BEHIND | {"lag_seconds": None})
    plain = screen.plain(made(tables))
    assert plain["sampled_at"] == NOW.isoformat()
    assert plain["unread_topics"] is None
    assert plain["groups"][0]["lag_seconds"] is None
    assert plain["groups"][0]["since"] == NOW.isoformat()
