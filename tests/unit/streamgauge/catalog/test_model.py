"""Models: the result of a valid one, and the error of each invalid one, with file and line."""

from __future__ import annotations

import textwrap
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from streamgauge.catalog import loader, model
from streamgauge.catalog.model import Model
from streamgauge.catalog.stream import ORIGIN
from streamgauge.runtime.errors import UsageError

SCHEMAS = {
    "readings": pa.schema(
        [
            pa.field("sensor", pa.string()),
            pa.field("celsius", pa.float64()),
            pa.field("count", pa.int64()),
            pa.field("measured_at", pa.timestamp("ms", tz="UTC")),
            *ORIGIN,
        ]
    )
}
HEADER = "-- model: m\n-- stream: readings\n-- merge: window\n-- every: 10 seconds\n"


def load(folder: Path, text: str) -> Model:
    path = folder / "m.sql"
    path.write_text(textwrap.dedent(text))
    with duckdb.connect(":memory:") as con:
        return model.load(con, path, SCHEMAS, {"readings": "measured_at"})


def test_a_window_model_has_its_key_measures_and_types(tmp_path: Path) -> None:
    made = load(
        tmp_path,
        HEADER + "SELECT sensor, count(*) AS readings, sum(count) AS total, max(celsius) AS max_celsius\n"
        "FROM events GROUP BY ALL",
    )
    assert made.key == ("window_start", "sensor")
    assert made.measures == ("readings", "total", "max_celsius")
    assert [made.merged(name) for name in made.measures] == ["add", "add", "max"]
    assert made.columns["total"] == "BIGINT"
    assert made.columns["window_start"] == "TIMESTAMP WITH TIME ZONE"
    assert made.every_ms == 10_000


def test_a_latest_model_carries_its_version(tmp_path: Path) -> None:
    made = load(
        tmp_path,
        "-- model: m\n-- stream: readings\n-- merge: latest\n-- key: sensor\nSELECT sensor, celsius FROM events",
    )
    assert made.key == ("sensor",)
    assert list(made.columns) == ["kafka_topic_since", "kafka_offset", "sensor", "celsius"]


def test_an_append_model_of_everything_is_a_copy(tmp_path: Path) -> None:
    made = load(tmp_path, "-- model: m\n-- stream: readings\n-- merge: append\nSELECT * FROM events\n")
    assert made.computed == ()


@pytest.mark.parametrize(
    ("select", "computed"),
    [
        ("*", []),
        ("*, upper(sensor) AS name", ["name"]),
        ("kafka_partition, kafka_offset, arrived_at, sensor AS name, celsius + 1 AS more", ["more"]),
        ("events.kafka_partition, kafka_offset, arrived_at, CAST(celsius AS INTEGER) AS whole", ["whole"]),
        # Where rows could be others, or in another order, SQL does it all.
        ("*, row_number() OVER (ORDER BY celsius) AS n", None),
        ("*, coalesce(lag(celsius) OVER (ORDER BY sensor), 0) AS before", None),
        ("*, unnest([1, 2]) AS n", None),
        ("*, 1 + unnest([1, 2]) AS n", None),
        ("* EXCLUDE (celsius)", None),
        ("* REPLACE (celsius + 1 AS celsius)", None),
        ("*, (SELECT 1) AS one", None),
        ("DISTINCT *", None),
    ],
)
def test_passed_through_columns_equal_the_sql(tmp_path: Path, select: str, computed: list[str] | None) -> None:
    """The columns left to SQL are those that need it."""
    made = load(tmp_path, f"-- model: m\n-- stream: readings\n-- merge: append\nSELECT {select} FROM events\n")
    assert list(made.computed) == (list(made.selected) if computed is None else computed)


@pytest.mark.parametrize("end", ["WHERE celsius > 1", "ORDER BY celsius", "LIMIT 1", "USING SAMPLE 1"])
def test_a_select_that_filters_rows_passes_no_column_through(tmp_path: Path, end: str) -> None:
    made = load(tmp_path, f"-- model: m\n-- stream: readings\n-- merge: append\nSELECT * FROM events {end}\n")
    assert made.passthrough == {}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("-- model: m\n-- merge: append\nSELECT * FROM events", 1, "the header lacks `-- stream: …`"),
        ("-- model: other\n-- stream: readings\n-- merge: append\nSELECT * FROM events", 1, "named as its file, m"),
        ("-- model: m\n-- stream: nope\n-- merge: append\nSELECT * FROM events", 2, "there is no stream `nope`"),
        ("-- model: m\n-- stream: readings\n-- merge: upsert\nSELECT * FROM events", 3, "not `upsert`"),
        ("-- model: m\n-- model: m\n-- stream: readings\nSELECT 1", 2, "given twice"),
        ("-- model: m\n-- stream: readings\n-- merge: append\n", 1, "there is no SELECT"),
        ("-- model: m\n-- stream: readings\n-- merge: append\nDELETE FROM events", 4, "one SELECT over `events`"),
        ("-- model: m\n-- stream: readings\n-- merge: append\nSELECT * FROM other", 4, "FROM events, and from nothing"),
        (
            "-- model: m\n-- stream: readings\n-- merge: append\nSELECT sensor FROM events",
            4,
            "must select kafka_partition",
        ),
        ("-- model: m\n-- stream: readings\n-- merge: latest\nSELECT sensor FROM events", 1, "-- key: column"),
        (
            "-- model: m\n-- stream: readings\n-- merge: latest\n-- key: x\nSELECT sensor FROM events",
            4,
            "`x` is not selected",
        ),
        (HEADER + "SELECT sensr, count(*) AS n\nFROM events GROUP BY ALL", 5, "sensr"),
        (HEADER + "SELECT sensor,\n count(*) AS n,\n sum(celsus) AS c\nFROM events GROUP BY ALL", 7, "celsus"),
        (
            HEADER + "SELECT sensor,\n  avg(celsius) AS mean\nFROM events GROUP BY ALL",
            6,
            "measure `mean` cannot be added",
        ),
        (HEADER + "SELECT count(DISTINCT sensor) AS n FROM events GROUP BY ALL", 5, "measure `n` cannot be added"),
        (HEADER + "SELECT max(celsius) AS hottest FROM events GROUP BY ALL", 5, "measure `hottest` cannot be added"),
        (HEADER + "SELECT sum(count) / count(*) AS r FROM events GROUP BY ALL", 5, "measure `r` cannot be added"),
        (HEADER + "SELECT sensor, count(*) AS n FROM events GROUP BY sensor", 5, "ends with GROUP BY ALL"),
        (HEADER + "SELECT sensor, count(*) AS n FROM events GROUP BY ALL ORDER BY 2", 5, "cannot be merged"),
        (HEADER + "SELECT sensor, FROM events GROUP BY WHERE", 5, "syntax error"),
        (
            HEADER.replace("10 seconds", "often") + "SELECT count(*) AS n FROM events GROUP BY ALL",
            1,
            "-- every: N seconds",
        ),
    ],
)
def test_a_bad_model_is_refused_with_file_and_line(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        load(tmp_path, text)
    assert str(refused.value).startswith(f"{tmp_path / 'm.sql'}:{line}: ")
    assert said in str(refused.value)


STREAMS = ("order", "inventory", "marketing", "payment", "shipment", "fulfilment", "fraud", "attribution")


def test_the_commerce_catalog_has_the_tables_of_the_design() -> None:
    catalog = loader.load("streamgauge.catalog.commerce")
    tables = {(entry.merge, entry.name) for entry in catalog.models}
    assert tables == {
        *(("window", f"{name}_windows") for name in (*STREAMS, "stream")),
        *(("append", f"{name}_events") for name in STREAMS),
        ("latest", "orders"),
        ("window", "stock_demand"),
        ("latest", "stock"),
        ("latest", "sagas"),
        ("latest", "campaigns"),
        ("latest", "products"),
        ("latest", "tombstones"),
        ("append", "fraud_alerts"),
        ("append", "dead_letters"),
        ("latest", "consumer_lag"),
        ("append", "lag_events"),
        ("append", "dead_letter_retries"),
        ("append", "audit_events"),
    }
    assert catalog.topics[-1] == "analytics"
    assert {"orders", "orders.dlq", "shipments.dlq"} < set(catalog.topics)


@pytest.mark.parametrize(("name", "said"), [("nowhere", "cannot be imported"), ("json", "has no STREAMS")])
def test_a_package_that_is_not_a_catalog_is_refused(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        loader.load(name)
