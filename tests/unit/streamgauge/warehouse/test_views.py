"""Views and their gauges on a real DuckDB file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from streamgauge.catalog import view
from streamgauge.catalog.loader import Catalog
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.gauges import Gauges
from streamgauge.warehouse.sql import server
from streamgauge.warehouse.store import Store, connect, snapshot_folder
from tests.unit.streamgauge.warehouse.test_store import LATEST, RAW, one


def catalog(folder: Path, **texts: str) -> Catalog:
    """Readings, raw and latest, with views over them."""
    (folder / "views").mkdir()
    for name, text in texts.items():
        (folder / "views" / f"{name}.sql").write_text(f"-- view: {name}\n{text}\n")
    models = (one(folder, "raw", RAW), one(folder, "sensors", LATEST))
    made = view.load(sorted((folder / "views").glob("*.sql")), models)
    return Catalog("test", {}, (), models, views=made)


HOT = "-- gauges: celsius, sensors by kind\nSELECT left(sensor, 1) AS kind, celsius, 1 AS sensors FROM sensors"


def merge(store: Store, *sensors: tuple[str, float], first: int = 0) -> None:
    names, degrees = zip(*sensors, strict=True)
    store.merge(
        {"sensors": pa.table({"kafka_offset": range(first, first + len(names)), "sensor": names, "celsius": degrees})},
        {0: 1},
    )


def text(registry: CollectorRegistry) -> list[str]:
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def test_gauges_are_absent_until_the_first_query(tmp_path: Path) -> None:
    made = catalog(tmp_path, hot=HOT)
    db = connect(Settings(data_dir=tmp_path))
    registry = CollectorRegistry()
    gauges = Gauges(made.views, registry)
    store = Store(db, made, "c")
    gauges.read(db, 5.0)
    assert text(registry) == []
    merge(store, ("a1", 20.0), ("a2", 21.5), ("b1", 7.0))
    gauges.read(db, 5.0)
    assert set(text(registry)) == {
        'streamgauge_view_hot_celsius{kind="a"} 41.5',
        'streamgauge_view_hot_celsius{kind="b"} 7.0',
        'streamgauge_view_hot_sensors{kind="a"} 2.0',
        'streamgauge_view_hot_sensors{kind="b"} 1.0',
    }


def test_a_failing_view_has_no_gauges_and_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = catalog(tmp_path, hot=HOT)
    db = connect(Settings(data_dir=tmp_path))
    registry = CollectorRegistry()
    gauges = Gauges(made.views, registry)
    merge(Store(db, made, "c"), ("a1", 20.0))
    gauges.read(db, 5.0)
    assert text(registry)
    db.execute("DROP VIEW main.hot")
    gauges.read(db, 5.0)
    gauges.read(db, 5.0)
    assert text(registry) == []
    assert len(caplog.records) == 1


def test_a_slow_view_is_interrupted(tmp_path: Path) -> None:
    endless = "-- gauges: n\nSELECT a.range + b.range AS n FROM range(10000000) a, range(10000000) b"
    made = catalog(tmp_path, endless=endless)
    db = connect(Settings(data_dir=tmp_path))
    Store(db, made, "c")
    registry = CollectorRegistry()
    Gauges(made.views, registry).read(db, 0.2)
    assert text(registry) == []


def test_views_follow_the_catalog_and_are_in_a_snapshot(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    made = catalog(tmp_path, hot=HOT, hotter="SELECT max(celsius) AS most FROM hot")
    db = connect(settings)
    store = Store(db, made, "c")
    merge(store, ("a1", 20.0), ("a2", 21.5))
    # Compaction makes the latest model's own view anew, behind those that stand on it.
    store.compact(at_rows=1)
    merge(store, ("a1", 30.0), first=2)
    path = snapshot_folder(settings) / "copy.duckdb"
    server.copy(db, path)
    with duckdb.connect(str(path), read_only=True) as copied:
        assert copied.execute("SELECT most FROM hotter").fetchall() == [(30.0,)]
    Store(db, replace(made, views=made.views[:1]), "c")
    with pytest.raises(duckdb.CatalogException):
        db.execute("FROM hotter")
