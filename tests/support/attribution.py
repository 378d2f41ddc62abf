"""Traffic for tests of attribution, the credits it must end in, computed independently, and a reader of credits."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from tests.support import commerce_events
from tests.support.commerce_events import Event
from tests.support.publishing import publishing
from tests.support.topic_reader import TopicReader

HOUR = 3_600_000
CAMPAIGNS = {"spring": "search", "summer": "social", "autumn": "email", "nameless": "display"}
SKUS = ("A", "B", "C", "X")  # X is in no product event
ENVELOPE = {"event_id", "event_type", "source", "schema_version"}  # what a credit and its reversal do not share


def click(event_id: str, at: int, customer: str, campaign: str) -> Event:
    channel = CAMPAIGNS[campaign]
    kind = "email.opened" if channel == "email" else "ad.click"
    fields = {"campaign_id": campaign, "channel": channel, "customer_id": customer, "cost_cents": 10}
    return commerce_events.event(kind, event_id=event_id, occurred_at=at, **fields)


def order(order_id: str, at: int, customer: str, lines: Iterable[tuple[str, int, int]], kind: str = "placed") -> Event:
    """An order of `lines`, each a SKU, a quantity and a unit price in cents."""
    items: list[Event] = [{"sku": sku, "quantity": count, "unit_price_cents": price} for sku, count, price in lines]
    return commerce_events.order(
        order_id,
        event_id=f"{order_id}-{kind}",
        event_type=f"order.{kind}",
        occurred_at=at,
        customer_id=customer,
        amount_cents=sum(item["quantity"] * item["unit_price_cents"] for item in items),
        items=items,
    )


def product(sku: str, at: int, cost: int, category: str = "toys") -> Event:
    fields = {"sku": sku, "name": f"Thing {sku}", "category": category, "price_cents": 1_000, "cost_cents": cost}
    return commerce_events.event("product.updated", event_id=f"{sku}-{at}", occurred_at=at, **fields)


def campaign(name: str, at: int, title: str) -> Event:
    fields = {"name": title, "channel": CAMPAIGNS[name], "category": "toys", "starts_at": at, "ends_at": None}
    return commerce_events.event(
        "campaign.updated", event_id=f"{name}-{at}", occurred_at=at, campaign_id=name, **fields
    )


def reference(start: int) -> list[Event]:
    """Products and campaigns. An hour after `start` costs change, and A moves to another category."""
    return [
        *(product(sku, start, 100 * number) for number, sku in enumerate("ABC", 1)),
        *(
            product(sku, start + HOUR, 200 * number, "books" if sku == "A" else "toys")
            for number, sku in enumerate("ABC", 1)
        ),
        *(campaign(name, start, name.upper()) for name in CAMPAIGNS if name != "nameless"),
    ]


def traffic(start: int, customers: int, count: int, seed: int = 1) -> list[Event]:
    """`count` events within two hours, in order of time: clicks, placed orders, and events that are to be ignored."""
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
    """The events as they may arrive: out of order by up to `places` places, and one in twenty twice."""
    rng = random.Random(seed)
    moved = [(number + rng.randrange(places), event) for number, event in enumerate(events)]
    moved += [(number + rng.randrange(places), event) for number, event in enumerate(events) if rng.random() < 0.05]
    return [event for _, event in sorted(moved, key=lambda one: one[0])]


def expected(events: Iterable[Event], known: Iterable[Event], window_ms: int) -> dict[str, Event]:
    """The credit that each order must end with, by order id: computed independently, each order against all clicks."""
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
        self._bootstrap = bootstrap

    def send(self, events: Iterable[Event]) -> None:
        """Send and wait for the broker."""
        with publishing(self._bootstrap, linger_ms=5) as send:
            for event in events:
                kind = event["event_type"].split(".")[0]
                topic = {"order": "orders", "product": "products", "campaign": "campaigns"}.get(kind, "marketing")
                key = {"orders": "order_id", "products": "sku", "campaigns": "campaign_id"}.get(topic, "customer_id")
                send(topic, event[key], event)


class Credits:
    """The events on `attribution`, as a read-committed consumer receives them."""

    def __init__(self, bootstrap: str) -> None:
        self._reader = TopicReader(bootstrap, "attribution")
        self.events: list[Event] = []

    def read(self) -> list[Event]:
        """All there are by now, in the order of each partition."""
        self.events += [json.loads(message.value() or b"") for message in self._reader.read()]
        return self.events

    def standing(self) -> dict[str, Event]:
        """Credits less reversals, by order.

        Asserts that no event was published twice, that no order ever had two credits, and that what was reversed is
        what had been credited.
        """
        standing: dict[str, Event] = {}
        ids: Counter[str] = Counter(event["event_id"] for event in self.read())
        assert [event_id for event_id, times in ids.items() if times > 1] == []
        for event in self.events:
            fields = {name: value for name, value in event.items() if name not in ENVELOPE}
            order_id = fields.pop("order_id")
            if event["event_type"] == "attribution.credited":
                assert order_id not in standing, f"{order_id} was credited twice"
                standing[order_id] = fields
            else:
                taken = standing.pop(order_id)
                assert {**taken, "campaign_name": None} == {**fields, "campaign_name": None}, "not what was credited"
        return standing

    def close(self) -> None:
        """Close the reader."""
        self._reader.close()
