"""Audit: compares every figure of the warehouse with the generator's ledger; no difference proves exactness."""

from __future__ import annotations

from typing import Any

from streamgauge.warehouse.client import Warehouse

RAW = {
    "orders": "order_events",
    "inventory": "inventory_events",
    "marketing": "marketing_events",
    "payments": "payment_events",
    "shipments": "shipment_events",
}


def differences(ledger: dict[str, Any], warehouse: Warehouse) -> list[str]:
    """How the tables differ from the ledger, as text; includes `valid + dead = produced` for every stream."""
    found = Differences()
    _streams(ledger, warehouse, found)
    _minutes(ledger, warehouse, found)
    _windows(ledger, warehouse, found)
    _latest(ledger, warehouse, found)
    return found


class Differences(list[str]):
    """Collects differences."""

    def check(self, what: str, got: object, expected: object) -> None:
        """Add a difference unless `got` equals `expected`."""
        if got != expected:
            self.append(f"{what}: {got} in the warehouse, {expected} in the ledger")


def _rows(warehouse: Warehouse, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = warehouse.query(sql).to_pylist()
    return rows


def _streams(ledger: dict[str, Any], warehouse: Warehouse, found: Differences) -> None:
    counted = {
        row["stream"]: row
        for row in _rows(
            warehouse, "SELECT stream, sum(events) AS events, sum(dead_letters) AS dead FROM stream_windows GROUP BY 1"
        )
    }
    dead = _rows(warehouse, "SELECT stream, reason, count(*) AS n FROM dead_letters GROUP BY 1, 2")
    for stream, totals in ledger["streams"].items():
        row = counted.get(stream, {"events": 0, "dead": 0})
        found.check(f"{stream}: events", row["events"], totals["produced"])
        found.check(f"{stream}: dead letters", row["dead"], totals["produced"] - totals["valid"])
        reasons = {entry["reason"]: entry["n"] for entry in dead if entry["stream"] == stream}
        found.check(f"{stream}: reasons", reasons, totals["invalid"])
        raw = _rows(
            warehouse,
            f"SELECT count(*) AS n, count(DISTINCT (kafka_partition, kafka_offset)) AS positions, "
            f"count(DISTINCT event_id) AS ids FROM {RAW[stream]}",
        )[0]
        found.check(
            f"{stream}: raw rows", raw, {"n": totals["valid"], "positions": totals["valid"], "ids": totals["valid"]}
        )
        distinct = _rows(
            warehouse,
            f"SELECT count(DISTINCT (kafka_partition, kafka_offset)) AS n FROM dead_letters WHERE stream = '{stream}'",
        )[0]
        found.check(
            f"{stream}: dead letters at distinct positions", distinct["n"], totals["produced"] - totals["valid"]
        )


def _minutes(ledger: dict[str, Any], warehouse: Warehouse, found: Differences) -> None:
    union = " UNION ALL ".join(f"SELECT event_type, occurred_at FROM {table}" for table in RAW.values())
    rows = _rows(
        warehouse,
        "SELECT strftime(date_trunc('minute', occurred_at), '%Y-%m-%dT%H:%M:%SZ') AS minute, event_type, "
        f"count(*) AS n FROM ({union}) GROUP BY 1, 2",
    )
    got: dict[str, dict[str, int]] = {}
    for row in rows:
        got.setdefault(row["minute"], {})[row["event_type"]] = row["n"]
    found.check("events by minute and type", got, ledger["minutes"])


def _windows(ledger: dict[str, Any], warehouse: Warehouse, found: Differences) -> None:
    for table in warehouse.tables():
        if table["merge"] != "window" or table["table"] not in ledger["tables"]:
            continue
        dimensions = [name for name in table["key"] if name != "window_start"]
        measures = [name for name in table["columns"] if name not in table["key"]]
        sums = ", ".join(f"sum({name}) AS {name}" for name in measures)
        rows = _rows(warehouse, f"SELECT {', '.join(dimensions)}, {sums} FROM {table['table']} GROUP BY ALL")
        got = {tuple(row[name] for name in dimensions): _nonzero(row, measures) for row in rows}
        expected = {
            tuple(row[name] for name in dimensions): _nonzero(row, measures) for row in ledger["tables"][table["table"]]
        }
        found.check(table["table"], {k: v for k, v in got.items() if v}, {k: v for k, v in expected.items() if v})


def _nonzero(row: dict[str, Any], measures: list[str]) -> dict[str, int]:
    return {name: row[name] for name in measures if row.get(name)}


def _latest(ledger: dict[str, Any], warehouse: Warehouse, found: Differences) -> None:
    orders = _rows(warehouse, "SELECT 'order.' || status AS status, count(*) AS n FROM orders GROUP BY 1")
    found.check(
        "orders by last status",
        {row["status"]: row["n"] for row in orders},
        ledger["latest"]["orders"]["by_event_type"],
    )
    fields = ("on_hand", "reserved")
    stock = {
        (row["sku"], row["location"]): tuple(row[name] for name in fields)
        for row in _rows(warehouse, "SELECT * FROM stock")
    }
    expected = {(row["sku"], row["location"]): tuple(row[name] for name in fields) for row in ledger["latest"]["stock"]}
    found.check("stock", stock, expected)
