"""Invalid events, each with the reason that a consumer must give for it.

Each is a copy of a valid event with a new id, broken in one way; the valid event is published too, so that the shop's
history stays complete. The reasons are the catalog's closed set, repeated here because the ledger must not share code
with what it checks.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

from generators.encode import Event, Writer

Fields = dict[str, Any]

# Share of each reason, in percent. Oversized events are rare: each has a quarter of a megabyte.
WEIGHTS = {
    "invalid_json": 22,
    "missing_field": 20,
    "wrong_type": 20,
    "out_of_range": 14,
    "unknown_event_type": 10,
    "null_value": 8,
    "future_event": 4.8,
    "past_event": 1,
    "oversized": 0.2,
}
# The broker's default limit.
LARGEST_MESSAGE = 1_000_000
YEAR_2200_MS = 7_258_118_400_000
YEAR_9999_MS = 253_402_300_799_000
BEYOND_INT64 = (2**63, -(2**63) - 1, 10**30)

# Fields that must be ≥ 0 or ≥ 1, by stream.
COUNTS = {
    "orders": ("amount_cents",),
    "inventory": ("quantity", "on_hand", "reserved"),
    "marketing": ("cost_cents",),
    "payments": ("amount_cents",),
    "shipments": (),
}
REQUIRED = {
    "orders": ("order_id", "customer_id", "region", "channel", "payment_method", "currency", "amount_cents", "items"),
    "inventory": ("sku", "location", "quantity", "on_hand", "reserved"),
    "marketing": ("campaign_id", "channel", "customer_id", "cost_cents"),
    "payments": ("payment_id", "order_id", "customer_id", "method", "amount_cents", "currency"),
    "shipments": ("shipment_id", "order_id", "carrier", "region"),
}
COMMON = ("event_id", "event_type", "occurred_at", "source", "schema_version")
UNKNOWN_TYPES = ("order.exploded", "ORDER.PLACED", "stock.counted", "order_placed", "")


def _dump(fields: Fields) -> bytes:
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


class Faults:
    """Creates invalid events; all randomness comes from `rng`."""

    def __init__(self, rng: Random, writer: Writer, max_event_bytes: int) -> None:
        self._rng = rng
        self._writer = writer
        self._too_long = max_event_bytes + 100
        self._makers: dict[str, Callable[[str, bytes], bytes | None]] = {
            "invalid_json": self._invalid_json,
            "missing_field": self._missing_field,
            "wrong_type": self._wrong_type,
            "out_of_range": self._out_of_range,
            "unknown_event_type": self._unknown_event_type,
            "null_value": lambda _topic, _value: None,
            "future_event": self._future_event,
            "past_event": self._past_event,
            "oversized": self._oversized,
        }
        reasons = [reason for reason in WEIGHTS if reason != "oversized" or self._too_long + 2_000 < LARGEST_MESSAGE]
        self._pool = rng.choices(reasons, [WEIGHTS[reason] for reason in reasons], k=4_096)

    def add(self, events: list[Event], count: int, example: Event) -> None:
        """Append `count` invalid events, made from `events`, or from `example` if `events` is empty."""
        rng = self._rng
        good = len(events)
        for _ in range(count):
            topic, key, value, *_rest = events[int(rng.random() * good)] if good else example
            if value is None:
                raise ValueError("faults are made from valid events")
            reason = self._pool[int(rng.random() * 4_096)]
            head, _, tail = value.partition(b",")
            fresh = b'{"event_id":"' + self._writer.next_id().encode() + b'",' + tail
            assert head.startswith(b'{"event_id":')  # noqa: S101 - the writer's layout
            events.append((topic, key, self._makers[reason](topic, fresh), "", 0, reason, 0, 0, False, None))

    def _invalid_json(self, _topic: str, value: bytes) -> bytes:
        rng = self._rng
        match rng.randrange(7):
            case 0:  # cut off by a full disk
                return value[: rng.randrange(1, len(value))]
            case 1:
                return value + b"}"
            case 2:
                return value.replace(b'"', b"'")
            case 3:
                return value.replace(b'"occurred_at":', b'"occurred_at":NaN,"was":', 1)
            case 4:
                return value.replace(b'"schema_version":1', b'"schema_version":-Infinity', 1)
            case 5:  # Latin-1 where UTF-8 is due
                return value.replace(b'"source":"', b'"source":"caf\xe9 ', 1)
            case _:
                return b""

    def _missing_field(self, topic: str, value: bytes) -> bytes:
        rng, fields = self._rng, json.loads(value)
        if topic == "orders" and rng.random() < 0.2:
            del fields["items"][-1][rng.choice(("sku", "quantity", "unit_price_cents"))]
        else:
            del fields[rng.choice(COMMON + REQUIRED[topic])]
        return _dump(fields)

    def _wrong_type(self, topic: str, value: bytes) -> bytes:
        rng, fields = self._rng, json.loads(value)
        texts = [name for name in REQUIRED[topic] if isinstance(fields[name], str)] + ["event_id", "source"]
        numbers = [*COUNTS[topic], "occurred_at", "schema_version"]
        match rng.randrange(6):
            case 0:
                fields[rng.choice(texts)] = rng.choice((None, 7, True, ["x"], {"id": "x"}))
            case 1:
                name = rng.choice(numbers)
                fields[name] = str(fields[name])
            case 2:
                fields[rng.choice(numbers)] = rng.choice((None, 12.5, True, [1], {"value": 1}))
            case 3 if topic == "orders":
                fields["items"] = rng.choice((None, "SKU-0001", {"0": fields["items"][0]}, ["SKU-0001"], [None]))
            case 4 if topic == "orders":
                fields["items"][0]["quantity"] = rng.choice(("two", 1.5, None))
            case 5:
                return b"[" + value + b"]"
            case _:
                fields["occurred_at"] = "2026-02-30T25:00:00Z"
        return _dump(fields)

    def _out_of_range(self, topic: str, value: bytes) -> bytes:
        rng, fields = self._rng, json.loads(value)
        names = COUNTS[topic]
        if rng.random() < 0.15:  # microseconds instead of milliseconds: beyond the year 9999
            fields["occurred_at"] *= 1_000
        elif names and rng.random() < 0.6:
            name = rng.choice(names)
            fields[name] = 0 if name == "quantity" and rng.random() < 0.3 else -rng.randint(1, 5_000)
        elif topic == "orders" and rng.random() < 0.5:
            fields["items"][0]["quantity"] = rng.choice((0, -1, -3))
        else:
            fields[rng.choice((*names, "occurred_at"))] = rng.choice(BEYOND_INT64)
        return _dump(fields)

    def _unknown_event_type(self, topic: str, value: bytes) -> bytes:
        fields = json.loads(value)
        # A type of another stream is unknown in this one.
        other = "order.placed" if topic != "orders" else "payment.requested"
        fields["event_type"] = self._rng.choice((*UNKNOWN_TYPES, other))
        return _dump(fields)

    def _future_event(self, _topic: str, value: bytes) -> bytes:
        fields = json.loads(value)
        fields["occurred_at"] = self._rng.choice((YEAR_9999_MS, YEAR_2200_MS + self._rng.randrange(10**9)))
        return _dump(fields)

    def _past_event(self, _topic: str, value: bytes) -> bytes:
        fields = json.loads(value)
        fields["occurred_at"] //= 1_000  # seconds instead of milliseconds: in 1970
        return _dump(fields)

    def _oversized(self, _topic: str, value: bytes) -> bytes:
        return value[:-1] + b',"padding":"' + b"x" * self._too_long + b'"}'
