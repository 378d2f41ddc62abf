"""The storefront alone: what customers and marketing do, and reference data. What becomes of an order is decided by
the services that answer it (ADR 7), not by a script.

The same arguments give the same events, byte for byte. `labels` tells which orders are planted fraud: for the ledger,
never for an event.
"""

from __future__ import annotations

from random import Random

from generators.encode import Event, Writer
from generators.fraud_scenarios import Basket, Buyer, Scenes
from generators.orders import Order, OrderDesk
from generators.shop import Shop
from generators.timetable import Timetable
from generators.world import CATEGORIES, Campaign, Customer, Product

_MINUTE_MS = 60_000
# A surge: this share of visits comes by the one campaign, for a handful of its products, and there are so many more.
SURGE_SHARE, SURGE_PRODUCTS, SURGE_FACTOR = 0.8, 5, 2.5
# A poison burst: invalid events a placed order; with the events of its life that is about half of the topic.
POISON_PER_ORDER = 3


class StorefrontDesk(OrderDesk):
    """Places orders and leaves their life to others."""

    def __init__(self, rng: Random, writer: Writer, time: Timetable, late: float) -> None:
        super().__init__(rng, writer, time, late)
        self.labels: dict[str, str] = {}
        self.placed = 0

    def _card(self, customer: Customer, method: str) -> str:
        if method != "card":
            return ""
        card = customer.card if isinstance(customer, Buyer) else None
        return f',"card":"{card or self._habit(customer)}"'

    def _habit(self, customer: Customer) -> str:
        """Most customers have one card, a third has a second one that is used now and then."""
        second = customer.index % 3 == 0 and self._random() < 0.3
        return f"K{customer.index:06d}{'b' if second else 'a'}"

    def _begin(self, order: Order) -> None:
        who = order.customer
        if not isinstance(who, Buyer):
            self.placed += 1
        elif who.pattern is not None:
            self.labels[order.order_id] = who.pattern


class Storefront(Shop):
    """Orders as customers place them, advertising, campaigns and products. Arguments as `Shop`'s, and `fraud`: the
    share of orders that are planted fraud."""

    _desk: StorefrontDesk

    def __init__(
        self,
        seed: int,
        start_ms: int,
        rate: float,
        *,
        fraud: float = 0.0,
        invalid: float = 0.0,
        late: float = 0.0,
        skew: float = 0.0,
        max_event_bytes: int = 262_144,
    ) -> None:
        super().__init__(seed, start_ms, rate, invalid=invalid, late=late, skew=skew, max_event_bytes=max_event_bytes)
        self._rng = Random(f"storefront {seed}")
        self._scenes = Scenes(self._rng, self._time, self._world, fraud, self._place, self._customer)
        self._counted = 0
        self._published_minute: int | None = None
        self._surge: Campaign | None = None
        self._surge_products: list[Product] = []
        self._poisoned = False

    def _open_desk(self, rng: Random, late: float) -> StorefrontDesk:
        return StorefrontDesk(rng, self._writer, self._time, late)

    @property
    def labels(self) -> dict[str, str]:
        """Planted fraud: pattern by order id."""
        return self._desk.labels

    def tick(self) -> list[Event]:
        """The events of the next 10 ms; reference data comes on top of the rate."""
        events = super().tick()
        self._scenes.after(self._desk.placed - self._counted)
        self._counted = self._desk.placed
        if self._minute != self._published_minute:
            self._publish_reference(first=self._published_minute is None)
            self._published_minute = self._minute
        if self._poisoned:
            self._spoil_orders(events)
        return events

    def _place(self, buyer: Buyer, basket: Basket) -> None:
        self._desk.open(buyer, basket, None, 0)

    def _spree(self, visit: tuple[Customer, int]) -> None:
        """Nothing: here fraud is planted with a label, or not at all."""

    # Reference data

    def _publish_reference(self, *, first: bool) -> None:
        """All of it at the start; then, minute by minute, the campaigns that begin and a price or two that changes."""
        at = self._time.now
        for campaign in self._world.campaigns:
            if first or (campaign.active(self._minute) and not campaign.active(self._minute - 1)):
                self._write_campaign(campaign, at)
        changed = self._world.products if first else self._rng.sample(self._world.products, self._rng.randint(0, 2))
        for product in changed:
            if not first:
                product.price_cents = max(299, int(product.price_cents * self._rng.uniform(0.9, 1.1)))
            self._write_product(product, at)

    def _write_campaign(self, campaign: Campaign, at: int) -> None:
        begins = self._minute
        step = -1 if campaign.active(begins) else 1
        while campaign.active(begins) if step < 0 else not campaign.active(begins):
            begins += step
        begins += step < 0  # one past where it was not active
        name = campaign.campaign_id.replace("-", " ").capitalize()
        self._writer.reference(
            "campaigns",
            campaign.campaign_id,
            "campaign.updated",
            at,
            f'"campaign_id":"{campaign.campaign_id}","name":"{name}","channel":"{campaign.channel}",'
            f'"category":"{CATEGORIES[campaign.category]}","starts_at":{begins * _MINUTE_MS},'
            f'"ends_at":{(begins + campaign.on_min) * _MINUTE_MS}',
        )

    def _write_product(self, product: Product, at: int) -> None:
        category = CATEGORIES[product.category]
        cost = product.price_cents * (55 + int(product.sku[-2:]) % 20) // 100
        self._writer.reference(
            "products",
            product.sku,
            "product.updated",
            at,
            f'"sku":"{product.sku}","name":"{category.capitalize()} {product.sku[4:]}","category":"{category}",'
            f'"price_cents":{product.price_cents},"cost_cents":{cost}',
        )

    # Faults on command

    def surge(self, *, on: bool) -> None:
        """Everybody wants a few products of one campaign (the first that runs), or no longer."""
        if on == (self._surge is not None):
            return
        self._surge = self._mood.all[0] if on else None
        if self._surge is not None:
            pool = self._world.category_pools[self._surge.category]
            self._surge_products = sorted(set(pool), key=lambda one: -one.popularity)[:SURGE_PRODUCTS]

    def _shop_visit(self) -> None:
        if self._surge is None or self._random() >= SURGE_SHARE:
            super()._shop_visit()
            return
        customer = self._customer()
        self._click((customer, self._surge, 0))
        self._time.later(300 + int(self._random() * 1_000), self._buy, (customer, self._surge, 0))

    def _basket(self, customer: Customer, campaign: Campaign | None) -> list[tuple[Product, int]]:
        if self._surge is None or campaign is not self._surge:
            return super()._basket(customer, campaign)
        product = self._surge_products[int(self._random() * len(self._surge_products))]
        return [(product, 1 + int(self._random() * 3))]

    def _take_orders(self, added: float, room: int) -> None:
        super()._take_orders(added if self._surge is None else added * SURGE_FACTOR, room)

    def poison(self, *, on: bool) -> None:
        """A burst of invalid events into `orders`, or its end."""
        self._poisoned = on

    def _spoil_orders(self, events: list[Event]) -> None:
        """Several invalid copies of each order of this tick, on top of the rate."""
        orders = [event for event in events if event[0] == "orders" and event[3]]
        if orders:
            count = len(orders)
            self._faults.add(orders, count * POISON_PER_ORDER, self._example)
            events += orders[count:]
