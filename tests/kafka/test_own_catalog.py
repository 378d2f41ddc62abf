"""A user's own catalog, end to end: examples/sensors on a real broker, from JSON on a topic to figures in SQL."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from streamgauge.warehouse.client import Warehouse
from tests.support.commerce_events import now_ms
from tests.support.figures import events_visible
from tests.support.publishing import publishing
from tests.support.requirements import require_kafka
from tests.support.rig import Rig, new_rig
from tests.support.waiting import wait_until

pytestmark = pytest.mark.kafka
READINGS, EVERY_MS = 2_000, 60_000
# How a good reading is spoilt, by the reason that the pipeline must give.
SPOILT: dict[str, dict[str, Any]] = {
    "out_of_range": {"temperature_mc": -300_000},
    "wrong_type": {"temperature_mc": "20.5"},
    "unknown_event_type": {"event_type": "reading.guessed"},
    "missing_field": {"building": None},
}


def readings(now_ms: int) -> Iterator[dict[str, Any]]:
    """Good readings of 25 sensors in four buildings over the last five minutes; one in a hundred failed."""
    for number in range(READINGS):
        sensor = number % 25
        reading = {
            "reading_id": f"r{number}",
            "event_type": "reading.taken",
            "taken_at": now_ms - 300_000 + number * 150,
            "sensor_id": f"S-{sensor:02d}",
            "building": f"B-{sensor % 4}",
            "battery_percent": 100 - number // 25,
            "temperature_mc": 20_000 + (number * 7_919) % 3_000 - 25_000 * (number % 2),
        }
        if number % 100 == 42:
            del reading["temperature_mc"]
            reading |= {"event_type": "reading.failed", "fault": "no answer"}
        yield reading


def spoil(reading: dict[str, Any], reason: str) -> bytes:
    """The reading, spoilt so that it is dead-lettered with that reason."""
    if reason == "invalid_json":
        return json.dumps(reading).encode()[:-1]
    return json.dumps({k: v for k, v in {**reading, **SPOILT[reason]}.items() if v is not None}).encode()


class Expected:
    """What the tables must hold, computed as the readings are produced."""

    def __init__(self) -> None:
        self.windows: dict[tuple[datetime, str], dict[str, int]] = {}
        self.sensors: dict[str, dict[str, Any]] = {}
        self.reasons: Counter[str] = Counter()

    def add(self, reading: dict[str, Any]) -> None:
        """Count a good reading."""
        start = datetime.fromtimestamp(reading["taken_at"] // EVERY_MS * EVERY_MS / 1_000, UTC)
        window = self.windows.setdefault((start, reading["building"]), Counter())
        self.sensors[reading["sensor_id"]] = reading
        temperature = reading.get("temperature_mc")
        if temperature is None:
            window["failures"] += 1
            return
        window["readings"] += 1
        window["temperature_mc"] += temperature
        window["min_temperature_mc"] = min(window.get("min_temperature_mc", temperature), temperature)
        window["max_temperature_mc"] = max(window.get("max_temperature_mc", temperature), temperature)


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    require_kafka()
    with new_rig(partitions=3, catalog="examples.sensors", commit_interval_ms=100, flush_interval_ms=100) as rig:
        yield rig


@pytest.fixture(scope="module")
def expected(rig: Rig) -> Expected:
    """Produce everything; every 40th reading is followed by a bad one."""
    expected = Expected()
    reasons = [*SPOILT, "invalid_json"]
    with publishing(rig.kafka.bootstrap) as send:
        for number, reading in enumerate(readings(now_ms())):
            expected.add(reading)
            send("readings", reading["sensor_id"], reading)
            if number % 40 == 0:
                reason = reasons[number // 40 % len(reasons)]
                expected.reasons[reason] += 1
                send("readings", reading["sensor_id"], spoil(reading, reason))
    return expected


@pytest.fixture(scope="module")
def warehouse(rig: Rig, expected: Expected) -> Iterator[Warehouse]:
    """A client of the warehouse, once everything is visible."""
    rig.start("warehouse")
    rig.start("process", "analytics")
    total = READINGS + expected.reasons.total()
    with Warehouse(rig.settings) as client:
        wait_until(lambda: events_visible(client) == total, f"{total} readings visible", 60)
        yield client


def test_windows_hold_sums_and_extremes(warehouse: Warehouse, expected: Expected) -> None:
    """Added measures, and `min_`/`max_`, by minute and building; temperatures below zero among them."""
    measures = ("readings", "failures", "temperature_mc", "min_temperature_mc", "max_temperature_mc")
    rows = warehouse.query("SELECT * FROM climate_windows").to_pylist()
    got = {(row["window_start"], row["building"]): [row[name] for name in measures] for row in rows}
    assert len(got) == len(rows)
    assert got == {key: [window.get(name, 0) for name in measures] for key, window in expected.windows.items()}
    assert min(row["min_temperature_mc"] for row in rows) < 0


def test_latest_holds_one_row_a_sensor(warehouse: Warehouse, expected: Expected) -> None:
    """The last good reading of each; a failed one shows its fault and no temperature."""
    columns = ("sensor_id", "building", "temperature_mc", "battery_percent", "fault")
    rows = warehouse.query(f"SELECT {', '.join(columns)} FROM sensors ORDER BY sensor_id").to_pylist()
    last = [expected.sensors[name] for name in sorted(expected.sensors)]
    assert rows == [{name: reading.get(name) for name in columns} for reading in last]


def test_every_good_reading_is_kept_and_every_bad_one_explained(warehouse: Warehouse, expected: Expected) -> None:
    """Raw rows by id, and dead letters by reason; together they are all that was produced."""
    raw = warehouse.query("SELECT count(*) AS n, count(DISTINCT reading_id) AS ids FROM reading_events").to_pylist()
    assert raw == [{"n": READINGS, "ids": READINGS}]
    dead = warehouse.query("SELECT reason, count(*) AS n FROM dead_letters WHERE stream = 'readings' GROUP BY 1")
    assert {row["reason"]: row["n"] for row in dead.to_pylist()} == expected.reasons
