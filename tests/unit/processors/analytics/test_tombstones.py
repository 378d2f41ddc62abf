"""A message without a value on a compacted stream deletes its key's row, once, in whatever order deltas are merged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from processors.analytics.arrival import Bounds
from processors.analytics.batch import Batch
from processors.analytics.decoder import Decoder, Records
from streamgauge.catalog import loader
from streamgauge.deltas.models import Models
from streamgauge.deltas.transaction_buffer import dated
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.sql.as_of import AsOfRewriter, NotKnown
from streamgauge.warehouse.store import Store, connect

NOW = 1_800_000_000_000
CATALOG = loader.load("streamgauge.catalog.commerce")


def product(sku: str, price: int = 2_500) -> tuple[str, bytes]:
    event = {
        "event_id": "p",
        "event_type": "product.updated",
        "occurred_at": NOW,
        "source": "test",
        "schema_version": 1,
        "sku": sku,
        "name": "Kettle",
        "category": "kitchen",
        "price_cents": price,
        "cost_cents": 1_000,
    }
    return sku, json.dumps(event).encode()


class Replica:
    """Turns messages of `products` (key, value) into the deltas of one batch, at the offsets after those before."""

    def __init__(self) -> None:
        self.next = 0
        self.topic_ids: dict[str, str] = {}
        self.models = Models(CATALOG)
        self.decoder = Decoder(CATALOG.streams["products"], Bounds(3_600_000), max_bytes=2_000)

    def batch(self, *messages: tuple[str | bytes | None, bytes | None]) -> Batch:
        count = len(messages)
        sources = [
            SimpleNamespace(key=lambda key=key: key.encode() if isinstance(key, str) else key, headers=list)
            for key, _ in messages
        ]
        offsets = list(range(self.next, self.next + count))
        self.next += count
        now = [NOW] * count
        records = Records([value for _, value in messages], [0] * count, offsets, now, now, sources)
        batch = Batch(self.topic_ids, events=count)
        chunk = self.decoder.chunk(records, NOW)
        batch.chunks["products"].append(chunk)
        batch.dead.extend(chunk.dead)
        return batch

    def deltas(self, *messages: tuple[str | bytes | None, bytes | None]) -> dict[str, pa.Table]:
        return dict(self.models.deltas(self.batch(*messages).relations(NOW)))


@pytest.fixture
def db(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    db = connect(Settings(data_dir=tmp_path))
    yield db
    db.close()


def prices(db: duckdb.DuckDBPyConnection) -> dict[Any, Any]:
    return dict(db.cursor().execute("SELECT sku, price_cents FROM products").fetchall())


def test_a_tombstone_deletes_the_row_of_its_key_and_is_no_failure(db: duckdb.DuckDBPyConnection) -> None:
    store, replica = Store(db, CATALOG, "c"), Replica()
    store.merge(replica.deltas(product("GONE"), product("STAYS")), {0: 1})
    assert prices(db) == {"GONE": 2_500, "STAYS": 2_500}
    store.merge(replica.deltas(("GONE", None), ("NEVER-THERE", None)), {0: 2})
    assert prices(db) == {"STAYS": 2_500}
    assert db.execute("SELECT * FROM dead_letters").fetchall() == []
    counted = (
        "SELECT sum(events), sum(tombstones), sum(dead_letters), epoch_ms(max(max_occurred_at)) FROM stream_windows"
    )
    events, tombstones, dead, newest = db.execute(counted).fetchall()[0]
    assert (events, tombstones, dead, newest) == (4, 2, 0, NOW)
    assert db.execute("SELECT key FROM tombstones WHERE stream = 'products' ORDER BY key").fetchall() == [
        ("GONE",),
        ("NEVER-THERE",),
    ]


def test_a_deleted_row_is_not_known_as_of_a_time_before(db: duckdb.DuckDBPyConnection) -> None:
    store, replica = Store(db, CATALOG, "c"), Replica()
    store.merge(replica.deltas(product("GONE"), product("STAYS"), ("GONE", None)), {0: 1})
    rewriter, sql = AsOfRewriter(CATALOG), "SELECT sku FROM products"
    before, after = (datetime.fromtimestamp((NOW + ms) / 1_000, UTC) for ms in (-1, 1))
    with pytest.raises(NotKnown, match="1 rows of `products` were deleted since"):
        rewriter.rewrite(db, sql, before)
    assert db.execute(rewriter.rewrite(db, sql, after).sql).fetchall() == [("STAYS",)]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_key_that_comes_back_is_there(db: duckdb.DuckDBPyConnection, at_once: bool) -> None:
    store, replica = Store(db, CATALOG, "c"), Replica()
    life = [product("A", 1), ("A", None), product("A", 2), product("B", 3), ("B", None)]
    for number, part in enumerate([life] if at_once else [[one] for one in life]):
        store.merge(replica.deltas(*part), {0: number})
        store.compact(at_rows=1)
    assert prices(db) == {"A": 2}


def test_an_older_version_does_not_bring_a_deleted_row_back(db: duckdb.DuckDBPyConnection) -> None:
    """Deltas of two replicas may arrive in either order; so may those of a restart."""
    store, replica = Store(db, CATALOG, "c"), Replica()
    before, deletion, after = (replica.deltas(one) for one in (product("A"), ("A", None), product("B")))
    store.merge(deletion, {0: 1})
    store.compact(at_rows=1)
    store = Store(db, CATALOG, "c")
    store.merge(after, {0: 2})
    store.merge(before, {0: 3})
    store.merge(before, {0: 4})
    assert prices(db) == {"B": 2_500}
    assert db.execute('SELECT count(*) FROM internal."products_rows"').fetchall() == [(1,)]


@pytest.mark.parametrize("ids", [("", ""), ("old", "new")])
def test_a_tombstone_of_an_earlier_topic_deletes_nothing_of_a_later_one(
    db: duckdb.DuckDBPyConnection, ids: tuple[str, str]
) -> None:
    """Offsets begin again in a topic that was made anew; where the broker knows no ids, the greater offset counts."""
    store = Store(db, CATALOG, "c")
    known = {"old": datetime(2026, 1, 1, tzinfo=UTC), "new": datetime(2026, 1, 2, tzinfo=UTC)}
    written: list[list[tuple[str | bytes | None, bytes | None]]] = [
        [product("X"), product("A"), ("A", None)],
        [product("A")],
    ]
    for topic_id, messages in zip(ids, written, strict=True):
        replica = Replica()
        replica.topic_ids = {"products": topic_id} if topic_id else {}
        deltas = replica.deltas(*messages)
        own = {name: "" if name == "tombstones" else topic_id for name in deltas}
        store.merge({name: dated(rows, own[name], known.get) for name, rows in deltas.items()}, {0: 1})
    assert set(prices(db)) == ({"X", "A"} if ids[1] else {"X"})


@pytest.mark.parametrize("key", [None, b"\xff"])
def test_a_tombstone_that_names_no_key_is_a_dead_letter(key: bytes | None) -> None:
    batch = Replica().batch(product("A"), (key, None), ("B", None))
    assert [(letter.reason, letter.detail) for letter in batch.dead] == [
        ("null_value", "a tombstone without a key that is text")
    ]
    tables = batch.relations(NOW)
    assert tables["tombstones"]["key"].to_pylist() == ["B"]
    assert sorted(tables["*"]["kafka_offset"].to_pylist()) == [0, 1, 2]


def test_models_without_the_key_of_the_stream_keep_their_rows() -> None:
    by_name = {model.name: model.tombstone_key for model in CATALOG.models}
    assert (by_name["products"], by_name["campaigns"]) == ("sku", "campaign_id")
    assert {name for name, key in by_name.items() if key} == {"products", "campaigns"}
