"""The storefront: customers' orders, marketing and reference data. The services (ADR 7) process the orders.

Equal arguments give equal events, byte for byte. `labels` names the fraudulent orders, for the ledger; no event does.
"""

from __future__ import annotations

from random import Random

from generators.encode import Event, Writer
from generators.fraud_scenarios import Basket, Buyer, Scenarios
from generators.orders import Order, OrderLifecycle
from generators.scheduler import Scheduler
from generators.shop import Shop
from generators.world import CATEGORIES, Campaign, Customer, Product

_MINUTE_MS = 60_000
# A surge: more visits by a factor; this share of them comes from one campaign and wants a few of its products.
SURGE_SHARE, SURGE_PRODUCTS, SURGE_FACTOR = 0.8, 5, 2.5
# A poison burst: invalid events per placed order; with the order's later events, about half of the topic.
POISON_PER_ORDER = 3


class StorefrontOrders(OrderLifecycle):
    """Places orders; services do the rest."""

    def __init__(self, rng: Random, writer: Writer, scheduler: Scheduler, late: float) -> None:
        super().__init__(rng, writer, scheduler, late)
        self.labels: dict[str, str] = {}
        self.placed = 0

    def _card(self, customer: Customer, method: str) -> str:
        if method != "card":
            return ""
        card = customer.card if isinstance(customer, Buyer) else None
        return f',"card":"{card or self._usual_card(customer)}"'

    def _usual_card(self, customer: Customer) -> str:
        """Most customers have one card; a third have a second one that they use at times."""
        second = customer.index % 3 == 0 and self._random() < 0.3
        return f"K{customer.index:06d}{'b' if second else 'a'}"

    def _begin(self, order: Order) -> None:
        customer = order.customer
        if not isinstance(customer, Buyer):
            self.placed += 1
        elif customer.pattern is not None:
            self.labels[order.order_id] = customer.pattern


class Storefront(Shop):
    """Orders, advertising, campaigns and products. Arguments as `Shop`'s; `fraud` is the share of fraudulent orders."""

    _orders: StorefrontOrders

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
        self._scenarios = Scenarios(self._rng, self._scheduler, self._world, fraud, self._place, self._customer)
        self._counted = 0
        self._published_minute: int | None = None
        self._surge: Campaign | None = None
        self._surge_products: list[Product] = []
        self._poisoned = False

    def _order_lifecycle(self, rng: Random, late: float) -> StorefrontOrders:
        return StorefrontOrders(rng, self._writer, self._scheduler, late)

    @property
    def labels(self) -> dict[str, str]:
        """Fraud pattern by order id."""
        return self._orders.labels

    def tick(self) -> list[Event]:
        """The events of the next 10 ms; reference data is additional to the rate."""
        events = super().tick()
        self._scenarios.advance(self._orders.placed - self._counted)
        self._counted = self._orders.placed
        if self._minute != self._published_minute:
            self._publish_reference(first=self._published_minute is None)
            self._published_minute = self._minute
        if self._poisoned:
            self._add_invalid_orders(events)
        return events

    def _place(self, buyer: Buyer, basket: Basket) -> None:
        self._orders.open(buyer, basket, None, 0)

    def _card_testing(self, visit: tuple[Customer, int]) -> None:
        """Nothing: all fraud here is labelled."""

    # Reference data

    def _publish_reference(self, *, first: bool) -> None:
        """Publish all of it at the start; then, each minute, campaigns that begin and up to two changed prices."""
        at = self._scheduler.now
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
        begins += step < 0  # the first active minute
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
        """Begin or end a surge: most visits want a few products of one campaign, the first that is active."""
        if on == (self._surge is not None):
            return
        self._surge = self._conditions.all[0] if on else None
        if self._surge is not None:
            pool = self._world.category_pools[self._surge.category]
            self._surge_products = sorted(set(pool), key=lambda one: -one.popularity)[:SURGE_PRODUCTS]

    def _visit(self) -> None:
        if self._surge is None or self._random() >= SURGE_SHARE:
            super()._visit()
            return
        customer = self._customer()
        self._click((customer, self._surge, 0))
        self._scheduler.schedule(300 + int(self._random() * 1_000), self._buy, (customer, self._surge, 0))

    def _basket(self, customer: Customer, campaign: Campaign | None) -> list[tuple[Product, int]]:
        if self._surge is None or campaign is not self._surge:
            return super()._basket(customer, campaign)
        product = self._surge_products[int(self._random() * len(self._surge_products))]
        return [(product, 1 + int(self._random() * 3))]

    def _place_orders(self, added: float, room: int) -> None:
        super()._place_orders(added if self._surge is None else added * SURGE_FACTOR, room)

    def poison(self, *, on: bool) -> None:
        """Begin or end a burst of invalid events in `orders`."""
        self._poisoned = on

    def _add_invalid_orders(self, events: list[Event]) -> None:
        """Add several invalid copies of each order of this tick, additional to the rate."""
        orders = [event for event in events if event[0] == "orders" and event[3]]
        if orders:
            count = len(orders)
            self._faults.add(orders, count * POISON_PER_ORDER, self._example)
            events += orders[count:]
