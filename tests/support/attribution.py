"""Clicks and orders for tests of attribution, what they must end in by another computation, and a reader of credits."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from tests.support.rig import ordered_producer

HOUR = 3_600_000
CAMPAIGNS = {"spring": "search", "summer": "social", "autumn": "email", "nameless": "display"}
SKUS = ("A", "B", "C", "X")  # nobody has heard of X
Event = dict[str, Any]


def envelope(event_id: str, event_type: str, at: int) -> Event:
    return {"event_id": event_id, "event_type": event_type, "occurred_at": at, "source": "test", "schema_version": 1}


def click(event_id: str, at: int, customer: str, campaign: str) -> Event:
    channel = CAMPAIGNS[campaign]
    kind = "email.opened" if channel == "email" else "ad.click"
    fields = {"campaign_id": campaign, "channel": channel, "customer_id": customer, "cost_cents": 10}
    return {**envelope(event_id, kind, at), **fields}


def order(order_id: str, at: int, customer: str, lines: Iterable[tuple[str, int, int]], kind: str = "placed") -> Event:
    lines = list(lines)
    items = [{"sku": sku, "quantity": quantity, "unit_price_cents": price} for sku, quantity, price in lines]
    return {
        **envelope(f"{order_id}-{kind}", f"order.{kind}", at),
        "order_id": order_id,
        "customer_id": customer,
        "region": "eu",
        "channel": "web",
        "payment_method": "card",
        "currency": "EUR",
        "amount_cents": sum(quantity * price for _, quantity, price in lines),
        "items": items,
    }


def product(sku: str, at: int, cost: int, category: str = "toys") -> Event:
    fields = {"sku": sku, "name": f"Thing {sku}", "category": category, "price_cents": 1_000, "cost_cents": cost}
    return {**envelope(f"{sku}-{at}", "product.updated", at), **fields}


def campaign(name: str, at: int, title: str) -> Event:
    fields = {"name": title, "channel": CAMPAIGNS[name], "category": "toys", "starts_at": at, "ends_at": None}
    return {**envelope(f"{name}-{at}", "campaign.updated", at), "campaign_id": name, **fields}


def reference(start: int) -> list[Event]:
    """Costs change an hour after `start`; A is of another category then."""
    return [
        *(product(sku, start, 100 * number) for number, sku in enumerate("ABC", 1)),
        *(
            product(sku, start + HOUR, 200 * number, "books" if sku == "A" else "toys")
            for number, sku in enumerate("ABC", 1)
        ),
        *(campaign(name, start, name.upper()) for name in CAMPAIGNS if name != "nameless"),
    ]


def traffic(start: int, customers: int, count: int, seed: int = 1) -> list[Event]:
    """`count` events within two hours, in the order of their times: clicks, orders, and what must be ignored."""
    rng = random.Random(seed)
    events = []
    for number in range(count):
        at, customer = start + number * 2 * HOUR // count, f"C{rng.randrange(customers)}"
        draw = rng.random()
        if draw < 0.5:
            events.append(click(f"k{number}", at, customer, rng.choice(list(CAMPAIGNS))))
        elif draw < 0.75:
            skus = rng.sample(SKUS, rng.choice((1, 2)))
            lines = [(sku, rng.randint(1, 3), rng.choice((500, 1_000, 1_500))) for sku in skus]
            events.append(order(f"O{number}", at, customer, lines))
        elif draw < 0.9:
            ignored = click(f"i{number}", at, customer, "spring")
            events.append({**ignored, "event_type": "ad.impression"})
        else:
            events.append(order(f"O{number}", at, customer, [("A", 1, 500)], "cancelled"))
    return events


def shaken(events: Sequence[Event], seed: int = 1, places: int = 40) -> list[Event]:
    """As they may arrive: out of order by up to so many places, and each twentieth twice."""
    rng = random.Random(seed)
    moved = [(number + rng.randrange(places), event) for number, event in enumerate(events)]
    moved += [(number + rng.randrange(places), event) for number, event in enumerate(events) if rng.random() < 0.05]
    return [event for _, event in sorted(moved, key=lambda one: one[0])]


def expected(events: Iterable[Event], known: Iterable[Event], window_ms: int) -> dict[str, Event]:
    """By order: the credit it must end with. Another way than the rules': every order against every click."""
    once = {event["event_id"]: event for event in events}.values()
    placed = sorted(
        (e for e in once if e["event_type"] == "order.placed"), key=lambda e: (e["occurred_at"], e["order_id"])
    )
    clicks = defaultdict(list)
    for e in once:
        if e["event_type"] in ("ad.click", "email.opened"):
            clicks[e["customer_id"]].append(e)
    products = [e for e in known if e["event_type"] == "product.updated"]
    names = {e["campaign_id"]: e["name"] for e in known if e["event_type"] == "campaign.updated"}
    seen: set[str] = set()
    credits = {}
    for one in placed:
        at, customer = one["occurred_at"], one["customer_id"]
        segment = "returning" if customer in seen else "new"
        seen.add(customer)
        mine = [c for c in clicks[customer] if 0 <= at - c["occurred_at"] <= window_ms]
        if not mine:
            continue
        last = max(mine, key=lambda c: (c["occurred_at"], c["event_id"]))
        versions = [[p for p in products if p["sku"] == i["sku"] and p["occurred_at"] <= at] for i in one["items"]]
        current = [max(found, key=lambda p: p["occurred_at"]) if found else None for found in versions]
        dearest = max(range(len(current)), key=lambda n: one["items"][n]["unit_price_cents"])
        margins = [
            item["quantity"] * (item["unit_price_cents"] - found["cost_cents"])
            for item, found in zip(one["items"], current, strict=True)
            if found
        ]
        top = current[dearest]
        credits[one["order_id"]] = {
            "occurred_at": at,
            "customer_id": customer,
            "campaign_id": last["campaign_id"],
            "channel": last["channel"],
            "amount_cents": one["amount_cents"],
            "clicked_at": last["occurred_at"],
            "segment": segment,
            "campaign_name": names.get(last["campaign_id"]),
            "category": top["category"] if top else None,
            "margin_cents": sum(margins) if None not in current else None,
        }
    return credits


class Publisher:
    """Sends events to the topics of their types."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = ordered_producer(bootstrap, linger_ms=5, partitioner="murmur2_random")

    def send(self, events: Iterable[Event]) -> None:
        """Send and wait for the broker."""
        for event in events:
            kind = event["event_type"].split(".")[0]
            topic = {"order": "orders", "product": "products", "campaign": "campaigns"}.get(kind, "marketing")
            key = {"orders": "order_id", "products": "sku", "campaigns": "campaign_id"}.get(topic, "customer_id")
            self._producer.produce(topic, json.dumps(event).encode(), event[key])
            self._producer.poll(0)
        if self._producer.flush(60):
            raise TimeoutError("the broker does not take the events")


class Credits:
    """Everything on `attribution` that a read-committed reader sees, in order."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        config = {"bootstrap.servers": bootstrap, "group.id": "credits", "isolation.level": "read_committed"}
        self._consumer = Consumer({**config, "enable.auto.commit": False})
        self._consumer.assign([TopicPartition("attribution", number, 0) for number in range(partitions)])
        self.events: list[Event] = []

    def read(self) -> list[Event]:
        """What there is by now."""
        while messages := self._consumer.consume(1_000, 0.2):
            self.events += [json.loads(message.value()) for message in messages if not message.error()]
        return self.events

    def standing(self) -> dict[str, Event]:
        """Credits less reversals, by order. Asserts that no order ever had two credits, or lost one that it had not."""
        standing: dict[str, Event] = {}
        ids: Counter[str] = Counter(event["event_id"] for event in self.read())
        assert [event_id for event_id, times in ids.items() if times > 1] == []
        for event in self.events:
            fields = {k: v for k, v in event.items() if k not in envelope("", "", 0) or k == "occurred_at"}
            order_id = fields.pop("order_id")
            if event["event_type"] == "attribution.credited":
                assert order_id not in standing, f"{order_id} was credited twice"
                standing[order_id] = fields
            else:
                taken = standing.pop(order_id)
                assert {**taken, "campaign_name": None} == {**fields, "campaign_name": None}, "not what was credited"
        return standing

    def close(self) -> None:
        self._consumer.close()
