"""What waits, against raw tables in a DuckDB of its own; the statement passes the warehouse's guard."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from processors.lag import value
from processors.lag.history import Row
from streamgauge.catalog import loader
from streamgauge.warehouse.sql import guard

CATALOG = loader.load("streamgauge.catalog.commerce")
AT = datetime(2026, 3, 1, tzinfo=UTC)


class Tables:
    """The raw tables of the commerce catalog, empty; `requested` counts statements."""

    def __init__(self) -> None:
        self.db = duckdb.connect(":memory:")
        self.requested = 0
        self._tables = set()
        for model in CATALOG.models:
            if model.merge == "append":
                columns = ", ".join(f'"{name}" {kind}' for name, kind in model.columns.items())
                self.db.execute(f'CREATE TABLE "{model.name}" ({columns})')
                self._tables.add(model.name)

    def query(self, sql: str, params: Sequence[Any] = ()) -> pa.Table:
        """As the warehouse does it: guarded."""
        self.requested += 1
        guard.check(self.db.cursor(), sql, frozenset(self._tables))
        return self.db.execute(sql, list(params)).to_arrow_table()

    def order(self, offset: int, key: str, cents: int, partition: int = 0, since: datetime | None = None) -> None:
        self._add("order_events", offset, partition, order_id=key, amount_cents=cents, kafka_topic_since=since)

    def sku(self, offset: int, key: str) -> None:
        self._add("inventory_events", offset, 0, sku=key)

    def dead(self, offset: int, stream: str = "orders", letter_topic: str = "orders.dlq") -> None:
        self._add("dead_letters", offset, 0, "dead_at", stream=stream, letter_topic=letter_topic)

    def _add(self, table: str, offset: int, partition: int, arrival: str = "arrived_at", **values: object) -> None:
        row = {**values, "kafka_partition": partition, "kafka_offset": offset, "kafka_timestamp": AT, arrival: AT}
        names = ", ".join(row)
        self.db.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


@pytest.fixture
def tables() -> Tables:
    return Tables()


def behind(committed: int, end: int, topic: str = "orders", partition: int = 0) -> Row:
    return Row("g", topic, partition, end, "WARN", committed_offset=committed, lag=end - committed)


def waiting(row: Row, tables: Tables) -> tuple[int | None, int | None, bool | None]:
    value.fill_values([row], CATALOG, tables)
    return row.waiting_keys, row.waiting_cents, row.waiting_complete


def test_rows_of_an_earlier_topic_of_that_name_do_not_wait(tables: Tables) -> None:
    """The topic was made anew: the same offsets were other events before."""
    for offset in range(9):
        tables.order(offset, "old", 1_000, since=AT)
    for offset, key in enumerate("abc"):
        tables.order(offset, key, 10, since=AT + timedelta(days=1))
    assert waiting(behind(1, 3), tables) == (2, 20, True)


def test_the_amount_of_a_key_is_that_of_its_last_event(tables: Tables) -> None:
    for offset, key, cents in [(4, "read", 9), (5, "a", 150), (6, "b", 20), (7, "a", 100), (8, "c", 0)]:
        tables.order(offset, key, cents)
    assert waiting(behind(5, 9), tables) == (3, 120, True)


def test_what_was_deleted_before_it_was_read_does_not_wait(tables: Tables) -> None:
    """Analytics has read the events that retention took from the group: they are in the tables, and do not wait."""
    for offset in range(5, 9):
        tables.order(offset, f"k{offset}", 100)
    row = Row("g", "orders", 0, 9, "WARN", committed_offset=5, oldest_offset=7, lag=2, lost=2)
    assert waiting(row, tables) == (2, 200, True)


def test_other_partitions_and_what_came_later_do_not_count(tables: Tables) -> None:
    tables.order(5, "a", 100)
    tables.order(6, "later", 1_000)
    tables.order(5, "elsewhere", 1_000, partition=1)
    assert waiting(behind(5, 6), tables) == (1, 100, True)


def test_a_dead_letter_is_an_event_without_money(tables: Tables) -> None:
    tables.order(5, "a", 100)
    tables.dead(6)
    assert waiting(behind(5, 7), tables) == (1, 100, True)


@pytest.mark.parametrize("letter", [("payments", "payments.dlq"), ("orders", "orders-of-others.dlq")])
def test_a_dead_letter_of_another_stream_does_not_count(tables: Tables, letter: tuple[str, str]) -> None:
    tables.order(5, "a", 100)
    tables.dead(6, *letter)
    assert waiting(behind(5, 7), tables) == (1, 100, False)


def test_a_table_that_lags_behind_is_incomplete(tables: Tables) -> None:
    tables.order(5, "a", 100)
    assert waiting(behind(5, 9), tables) == (1, 100, False)


def test_no_row_of_the_table_is_of_what_waits(tables: Tables) -> None:
    assert waiting(behind(5, 9), tables) == (None, None, None)


def test_a_table_that_no_longer_reaches_back_is_incomplete(tables: Tables) -> None:
    """Raw retention took the oldest: what is left is at least what waits."""
    for offset in range(8, 12):
        tables.order(offset, f"k{offset}", 10)
    assert waiting(behind(5, 12), tables) == (4, 40, False)


@pytest.mark.parametrize(
    ("offsets", "expected"),
    [
        pytest.param([4, 6, 7, 9, 10], True, id="markers-at-5-8-and-11"),
        pytest.param([3, 6, 7, 9, 10], False, id="does-not-go-back-to-the-committed-offset"),
        pytest.param([4, 6, 7, 9], False, id="does-not-reach-the-end"),
        pytest.param([4, 6, 7, 8, 9], False, id="nor-here"),
    ],
)
def test_transactions_leave_gaps(tables: Tables, offsets: list[int], expected: bool) -> None:
    for offset in offsets:
        tables.order(offset, f"k{offset}", 10)
    row = behind(6, 12)
    waiting(row, tables)
    assert row.waiting_complete is expected


def test_a_stream_without_an_amount_counts_keys(tables: Tables) -> None:
    tables.sku(5, "a")
    tables.sku(6, "a")
    assert waiting(behind(5, 7, "inventory"), tables) == (1, None, True)


def test_a_group_without_lag_has_nothing_waiting_and_needs_no_query(tables: Tables) -> None:
    assert waiting(behind(5, 5), tables) == (0, 0, True)
    assert waiting(behind(5, 5, "inventory"), tables) == (0, None, True)
    assert tables.requested == 0


def test_topics_without_a_raw_table_are_not_queried(tables: Tables) -> None:
    unknown = Row("g", "orders", 0, 9, "UNKNOWN")
    for row in (behind(5, 9, "somebody-elses"), behind(5, 9, "lag"), unknown):
        assert waiting(row, tables) == (None, None, None)
    assert tables.requested == 0


def test_one_statement_for_all(tables: Tables) -> None:
    for offset in range(5):
        for partition in range(3):
            tables.order(offset, f"{partition}-{offset}", 10, partition)
        tables.sku(offset, f"s{offset}")
    rows = [behind(2, 5, partition=partition) for partition in range(3)] + [behind(4, 5), behind(1, 5, "inventory")]
    value.fill_values(rows, CATALOG, tables)
    assert [row.waiting_keys for row in rows] == [3, 3, 3, 1, 4]
    assert tables.requested == 1


def test_of_very_many_partitions_those_with_the_longest_lag_are_queried(tables: Tables) -> None:
    """The warehouse takes so much SQL and no more: the rest is unknown, rather than all of it."""
    rows = [behind(10**15 - n, 10**15 + 1) for n in range(2 * value.MOST_ROWS)]
    value.fill_values(rows, CATALOG, tables)
    assert tables.requested == 1
    tables.order(10**15, "last", 7)
    value.fill_values(rows, CATALOG, tables)
    assert [row.waiting_keys for row in (rows[0], rows[-1])] == [None, 1]
