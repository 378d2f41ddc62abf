"""SQL answers in UTC whatever the zone of the machine: on every cursor, in every format, and while rows are made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from streamgauge.deltas.models import Models
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.gauges import Gauges
from streamgauge.warehouse.sql import results
from streamgauge.warehouse.sql.query_service import QueryService, parse_request
from streamgauge.warehouse.store import Store, connect
from tests.unit.streamgauge.warehouse.test_store import SCHEMA, one
from tests.unit.streamgauge.warehouse.test_views import catalog

# In Kolkata it is the next day already; in Berlin another hour.
AT = datetime(2026, 11, 30, 22, 35, tzinfo=UTC)
BY_HOUR = """-- model: by_hour
-- stream: readings
-- merge: window
-- every: 10 seconds
SELECT hour(measured_at) AS hour, sum(n) AS total FROM events GROUP BY ALL
"""
HOURS = "-- gauges: hour\nSELECT hour(max(measured_at)) AS hour FROM raw"
QUERY = """
SELECT measured_at AS time, measured_at::VARCHAR AS text, hour(measured_at) AS hour, measured_at::DATE AS date,
       date_trunc('day', measured_at) AS day, strftime(measured_at, '%H:%M') AS formatted,
       measured_at > '2026-11-30 22:34' AND measured_at < '2026-11-30 22:36' AS compared,
       current_date = (now() AT TIME ZONE 'UTC')::DATE AND today() = current_date AS today,
       TIMESTAMP '2026-11-30 22:35' = measured_at AS plain
FROM raw
"""


def answers(folder: Path) -> None:
    """Print what the warehouse answers; for a process of its own, because DuckDB takes the zone once."""
    settings = Settings(data_dir=folder / "data")
    db = connect(settings)
    made = catalog(folder, hours=HOURS)
    made = replace(made, models=(*made.models, one(folder, "by_hour", BY_HOUR)))
    event = {
        "sensor": "a",
        "n": 1,
        "measured_at": AT,
        "kafka_partition": 0,
        "kafka_offset": 0,
        "kafka_timestamp": AT,
        "arrived_at": AT,
    }
    deltas = dict(Models(made).deltas({"readings": pa.Table.from_pylist([event], SCHEMA)}))
    Store(db, made, "c").merge(deltas, {0: 1})
    gauges = Gauges(made.views, registry := CollectorRegistry())
    gauges.read(db, 5.0)
    request = parse_request(json.dumps({"sql": QUERY}).encode())
    rows, _ = QueryService(db, settings, made).query(request)
    answered = {
        "rows": json.loads(results.to_json(rows)),
        "csv": results.to_csv(rows).decode().splitlines()[1].split(",")[0],
        "arrow": str(rows.schema.field("time").type),
        "model": db.cursor().execute("SELECT hour FROM by_hour").fetchall(),
        "gauge": generate_latest(registry).decode().splitlines()[-1],
        "second cursor": db.cursor().cursor().execute("SELECT current_setting('TimeZone')").fetchall(),
    }
    sys.stdout.write(json.dumps(answered))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata"])
def test_sql_answers_in_utc(zone: str, tmp_path: Path) -> None:
    code = f"from pathlib import Path; from {__name__} import answers; answers(Path({str(tmp_path)!r}))"
    ran = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "TZ": zone}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {
        "rows": [
            {
                "time": "2026-11-30T22:35:00Z",
                "text": "2026-11-30 22:35:00+00",
                "hour": 22,
                "date": "2026-11-30",
                "day": "2026-11-30T00:00:00Z",
                "formatted": "22:35",
                "compared": True,
                "today": True,
                "plain": True,
            }
        ],
        "csv": '"2026-11-30T22:35:00Z"',
        "arrow": "timestamp[us, tz=UTC]",
        "model": [[22]],
        "gauge": "streamgauge_view_hours_hour 22.0",
        "second cursor": [["UTC"]],
    }
