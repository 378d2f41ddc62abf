"""The generator's ledger: exact totals of what it published.

It counts acknowledged events only, with plain counters filled from what the shop knew when it made each event, and
shares no code with the pipeline that it checks. docs/generator.md describes the file.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from generators.encode import Event
from streamgauge.runtime import files

# The catalog of these events.
CATALOG = "streamgauge.catalog.commerce"
STREAMS = ("orders", "inventory", "marketing", "payments", "shipments")

# Per stream: its window table, the names of its dimensions, and what each event type adds to which column:
# 0 = one per event, 1 and 2 = the event's first and second measure.
WINDOWS: dict[str, tuple[str, tuple[str, ...], dict[str, tuple[tuple[str, int], ...]]]] = {
    "orders": (
        "order_windows",
        ("region", "channel", "payment_method"),
        {
            "order.placed": (("orders", 0), ("units", 1), ("revenue_cents", 2)),
            "order.confirmed": (("confirmed", 0),),
            "order.cancelled": (("cancelled", 0),),
            "order.completed": (("completed", 0),),
        },
    ),
    "inventory": (
        "inventory_windows",
        ("location",),
        {
            "stock.received": (("received", 1),),
            "stock.reserved": (("reserved", 1),),
            "stock.released": (("released", 1),),
            "stock.shipped": (("shipped", 1),),
            "stock.rejected": (("rejected", 1),),
        },
    ),
    "marketing": (
        "marketing_windows",
        ("campaign_id", "channel"),
        {
            "ad.impression": (("impressions", 0), ("cost_cents", 1)),
            "ad.click": (("clicks", 0), ("cost_cents", 1)),
            "email.sent": (("emails_sent", 0), ("cost_cents", 1)),
            "email.opened": (("emails_opened", 0), ("cost_cents", 1)),
            "promotion.redeemed": (("redemptions", 0), ("cost_cents", 1)),
        },
    ),
    "payments": (
        "payment_windows",
        ("method",),
        {
            "payment.requested": (("requested", 0),),
            "payment.authorised": (("authorised", 0), ("authorised_cents", 1)),
            "payment.declined": (("declined", 0),),
            "payment.refund_requested": (),
            "payment.refunded": (("refunded", 0), ("refunded_cents", 1)),
        },
    ),
    "shipments": (
        "shipment_windows",
        ("carrier", "region"),
        {
            "shipment.requested": (("requested", 0),),
            "shipment.dispatched": (("dispatched", 0),),
            "shipment.delivered": (("delivered", 0),),
            "shipment.failed": (("failed", 0),),
        },
    ),
}
# Reference data of the storefront: no window table, one type each.
REFERENCE = {"campaigns": "campaign.updated", "products": "product.updated"}
_LAST_ORDER_TYPES = ("order.cancelled", "order.completed")


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Ledger:
    """Counts events; `add` must get the events of one key in the order of publication."""

    def __init__(self, planted: Mapping[str, str] | None = None) -> None:
        # Fraud pattern by order id; it grows while the shop runs.
        self._labels = planted if planted is not None else {}
        self._fraud: dict[str, str] = {}
        self._copies: Counter[str] = Counter()
        # (type, minute, dimensions, late) -> [events, bytes, first measure, second measure]; folded at each write.
        self._rows: dict[tuple[str, int, Any, bool], list[int]] = {}
        self._invalid: dict[tuple[str, str], list[int]] = {}
        self._minutes: dict[int, Counter[str]] = {}
        self._types: Counter[str] = Counter()
        self._valid_bytes: Counter[str] = Counter()
        self._late: Counter[str] = Counter()
        self._cells: dict[tuple[str, Any], Counter[str]] = {}
        # Orders that may still change; closed ones are only counted, so that memory stays bounded.
        self._open_orders: dict[str, str] = {}
        self._closed_orders: Counter[str] = Counter()
        self._stock: dict[tuple[str, str], tuple[str, tuple[int, int]]] = {}
        self.undelivered: Counter[str] = Counter()

    def add(self, events: Iterable[Event]) -> None:
        """Count acknowledged events."""
        rows, stock, open_orders = self._rows, self._stock, self._open_orders
        planted, fraud = self._labels, self._fraud
        for topic, key, value, kind, at, dimensions, first, second, late, state in events:
            if value is None or not kind:
                self._add_invalid(topic, dimensions, value)
                continue
            cell = (kind, at // 60_000, dimensions, late)
            row = rows.get(cell)
            if row is None:
                rows[cell] = [1, len(value), first, second]
            else:
                row[0] += 1
                row[1] += len(value)
                row[2] += first
                row[3] += second
            if state is not None:
                stock[key, dimensions] = (kind, state)
            elif topic == "orders":
                if kind in _LAST_ORDER_TYPES:
                    open_orders.pop(key, None)
                    self._closed_orders[kind] += 1
                else:
                    open_orders[key] = kind
                    if key in planted:
                        fraud[key] = planted[key]

    def add_copies(self, events: Iterable[Event]) -> None:
        """Count acknowledged duplicates; they are in no other total."""
        self._copies.update(event[0] for event in events)

    def _add_invalid(self, topic: str, reason: str, value: bytes | None) -> None:
        row = self._invalid.setdefault((topic, reason), [0, 0])
        row[0] += 1
        row[1] += len(value or b"")

    def _fold(self) -> None:
        columns = {
            kind: (topic, names, adds) for topic, (_, names, kinds) in WINDOWS.items() for kind, adds in kinds.items()
        }
        columns |= {kind: (topic, ("key",), ()) for topic, kind in REFERENCE.items()}
        for (kind, minute, dimensions, late), (events, size, first, second) in self._rows.items():
            topic, names, adds = columns[kind]
            self._minutes.setdefault(minute, Counter())[kind] += events
            self._types[kind] += events
            self._valid_bytes[topic] += size
            if late:
                self._late[topic] += events
            cell = self._cells.setdefault((topic, (dimensions,) if len(names) == 1 else dimensions), Counter())
            for column, measure in adds:
                cell[column] += (events, first, second)[measure]
        self._rows.clear()

    def produced(self) -> dict[str, int]:
        """Acknowledged events by stream, valid and invalid."""
        self._fold()
        produced = dict.fromkeys(STREAMS, 0)
        for stream, (_, _, kinds) in WINDOWS.items():
            produced[stream] += sum(self._types[kind] for kind in kinds)
        produced |= {stream: self._types[kind] for stream, kind in REFERENCE.items() if self._types[kind]}
        for (stream, _), row in self._invalid.items():
            produced[stream] += row[0]
        return produced

    def published(self) -> dict[str, int]:
        """Acknowledged messages by stream, duplicates included."""
        return {stream: count + self._copies[stream] for stream, count in self.produced().items()}

    def totals(self) -> dict[str, Any]:
        """Everything counted so far, as in the file; equal events give equal totals."""
        self._fold()
        streams: dict[str, Any] = {}
        for stream in (*STREAMS, *(name for name, kind in REFERENCE.items() if self._types[kind])):
            invalid = {reason: row[0] for (topic, reason), row in sorted(self._invalid.items()) if topic == stream}
            kinds = (REFERENCE[stream],) if stream in REFERENCE else WINDOWS[stream][2]
            valid = sum(self._types[kind] for kind in kinds)
            streams[stream] = {
                "produced": valid + sum(invalid.values()),
                "valid": valid,
                "invalid": invalid,
                "late": self._late[stream],
                "bytes": self._valid_bytes[stream]
                + sum(row[1] for (topic, _), row in self._invalid.items() if topic == stream),
                "valid_bytes": self._valid_bytes[stream],
                "undelivered": self.undelivered[stream],
                "duplicates": self._copies[stream],
            }
        by_last = Counter(self._open_orders.values()) + self._closed_orders
        return {
            "produced": sum(stream["produced"] for stream in streams.values()),
            "valid": sum(stream["valid"] for stream in streams.values()),
            "invalid": sum(sum(stream["invalid"].values()) for stream in streams.values()),
            "late": sum(stream["late"] for stream in streams.values()),
            "undelivered": self.undelivered.total(),
            "duplicates": self._copies.total(),
            "streams": streams,
            "types": dict(sorted(self._types.items())),
            "minutes": {
                _iso(minute * 60_000): dict(sorted(kinds.items())) for minute, kinds in sorted(self._minutes.items())
            },
            "tables": {table: self._table(stream) for stream, (table, _, _) in WINDOWS.items()},
            "latest": {
                "orders": {"distinct": by_last.total(), "by_event_type": dict(sorted(by_last.items()))},
                "stock": [
                    {"sku": sku, "location": place, "event_type": kind, "on_hand": state[0], "reserved": state[1]}
                    for (sku, place), (kind, state) in sorted(self._stock.items())
                ],
            },
            "fraud": dict(self._fraud),
        }

    def _table(self, stream: str) -> list[dict[str, Any]]:
        _, names, kinds = WINDOWS[stream]
        columns = list(dict.fromkeys(column for adds in kinds.values() for column, _ in adds))
        return [
            dict(zip(names, dimensions, strict=True)) | {column: cell[column] for column in columns}
            for (topic, dimensions), cell in sorted(self._cells.items())
            if topic == stream
        ]

    def write(self, path: Path, run: dict[str, Any]) -> None:
        """Replace the file at `path` atomically."""
        entries = {"version": 1, "run": run, **self.totals()}
        # One line per entry, for people; `indent` is ten times slower.
        files.write_atomically(
            path, "{\n" + ",\n".join(f'"{name}": {json.dumps(entry)}' for name, entry in entries.items()) + "\n}\n"
        )
