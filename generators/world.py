"""The shop's world: regions, customers with habits, products with a long tail, campaigns, stock.

Built once from a seeded `random.Random`; nothing here reads a clock. While the shop runs, only the stock changes and
the `Conditions` of each minute: active campaigns and regions, and the share of orders in the traffic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

from streamgauge.catalog.commerce.values import ORDER_CHANNELS, PAYMENT_METHODS

CUSTOMERS = 20_000
PRODUCTS = 600
CATEGORIES = ("garden", "kitchen", "toys", "books", "sports", "audio", "fashion", "pets")
# Prices differ by category; every region is charged in one currency, so that revenue adds up.
CURRENCY = "EUR"
MEAN_PRICE_CENTS = {
    "garden": 3_900,
    "kitchen": 4_500,
    "toys": 2_400,
    "books": 1_600,
    "sports": 6_200,
    "audio": 9_800,
    "fashion": 5_400,
    "pets": 2_100,
}
# Units per basket on average; only sizes the stock.
UNITS_PER_ORDER = 2.1
# Share of new orders in the traffic, before rhythm, campaigns and bursts; an order has about eleven events.
ORDER_SHARE = 0.055
MAX_ORDER_SHARE = 0.074


@dataclass(frozen=True)
class Region:
    """A market: its time zone, share of customers, warehouses, carriers and payment methods."""

    name: str
    utc_offset_h: int
    weight: float
    locations: tuple[str, ...]
    carriers: tuple[str, ...]
    methods: tuple[int, ...]  # weight of each of PAYMENT_METHODS


REGIONS = (
    Region("eu-central", 1, 0.34, ("berlin", "vienna"), ("parcelo", "bluevan", "postnord"), (30, 30, 25, 15)),
    Region("eu-west", 0, 0.22, ("dublin",), ("parcelo", "swiftpost"), (55, 25, 10, 10)),
    Region("us-east", -5, 0.24, ("newark",), ("swiftpost", "northline"), (65, 22, 3, 10)),
    Region("us-west", -8, 0.12, ("reno",), ("northline", "swiftpost"), (60, 28, 2, 10)),
    Region("apac", 9, 0.08, ("osaka",), ("sakurago",), (40, 45, 10, 5)),
)


class Customer:
    """A customer with habits: region, channel, payment method and favourite category."""

    __slots__ = ("category", "channel", "customer_id", "index", "method", "region")

    def __init__(self, index: int, region: int, channel: str, method: str, category: int) -> None:
        self.index = index
        self.customer_id = f"C{index:06d}"
        self.region = region
        self.channel = channel
        self.method = method
        self.category = category


class Product:
    """A product; `popularity` is its share of all units sold."""

    __slots__ = ("category", "popularity", "price_cents", "sku", "stocks")

    def __init__(self, sku: str, category: int, price_cents: int, popularity: float) -> None:
        self.sku = sku
        self.category = category
        self.price_cents = price_cents
        self.popularity = popularity
        self.stocks: dict[str, Stock] = {}


class Stock:
    """The stock of one product at one location; 0 ≤ reserved ≤ on_hand."""

    __slots__ = ("fragment", "location", "lot", "on_hand", "open", "ordered", "reorder_at", "reserved", "sku")

    def __init__(self, sku: str, location: str, lot: int, reorder_at: int) -> None:
        self.sku = sku
        self.location = location
        self.lot = lot
        self.reorder_at = reorder_at
        self.on_hand = 0
        self.reserved = 0
        self.open = False  # whether the first delivery has arrived
        self.ordered = False  # whether a delivery is on its way
        self.fragment = f'"sku":"{sku}","location":"{location}"'


@dataclass(frozen=True)
class Campaign:
    """A promotion in one marketing channel; it runs for `on_min` of every `period_min` minutes."""

    campaign_id: str
    channel: str
    category: int
    discount: float
    impression_cents: int
    click_cents: int
    period_min: int
    on_min: int
    phase_min: int

    def active(self, minute: int) -> bool:
        """Whether it is active at this minute since the epoch."""
        return (minute + self.phase_min) % self.period_min < self.on_min


_CAMPAIGNS = (
    ("spring-garden", "search", "garden", 0.10),
    ("kitchen-week", "social", "kitchen", 0.15),
    ("toys-for-two", "display", "toys", 0.20),
    ("read-more", "email", "books", 0.05),
    ("run-faster", "social", "sports", 0.10),
    ("loud-and-clear", "search", "audio", 0.12),
    ("new-season", "display", "fashion", 0.25),
    ("happy-paws", "email", "pets", 0.10),
    ("vip-club", "email", "fashion", 0.15),
    ("last-minute-gifts", "search", "toys", 0.08),
    ("balcony-days", "display", "garden", 0.10),
    ("home-cinema", "social", "audio", 0.18),
)


def rhythm(hour: float) -> float:
    """Relative demand at a local hour: low at night, level by day, a peak in the evening; the mean is 1."""
    return 1 + 0.45 * math.cos((hour - 18.5) * math.pi / 12) + 0.15 * math.cos((hour - 20.5) * math.pi / 6)


@dataclass(frozen=True)
class Conditions:
    """Conditions of one minute: the share of orders, active regions (a table to draw from), active campaigns."""

    order_share: float
    awake: tuple[int, ...]
    ads: tuple[Campaign, ...]
    emails: tuple[Campaign, ...]
    all: tuple[Campaign, ...]


class World:
    """Equal `rng` states, rates and skews build equal worlds.

    `rate` (events/s) sizes the stock. The `*_pool` tables are weighted draws made in advance: a choice costs one
    multiplication and one look-up.
    """

    def __init__(self, rng: Random, rate: float, skew: float) -> None:
        self.campaigns = tuple(
            Campaign(
                name,
                channel,
                CATEGORIES.index(category),
                discount,
                impression_cents=0 if channel == "email" else rng.randint(0, 2),
                click_cents=0 if channel == "email" else rng.randint(15, 60),
                period_min=rng.randint(12, 45),
                on_min=rng.randint(5, 9),
                phase_min=rng.randint(0, 60),
            )
            for name, channel, category, discount in _CAMPAIGNS
        )
        self.products = self._build_products(rng)
        self._stock_up(rate, skew)
        self.customers = self._build_customers(rng)
        weights = [product.popularity for product in self.products]
        self.product_pool = rng.choices(self.products, weights, k=16_384)
        self.category_pools = [
            rng.choices(
                [product for product in self.products if product.category == category],
                [product.popularity for product in self.products if product.category == category],
                k=2_048,
            )
            for category in range(len(CATEGORIES))
        ]
        # A few customers buy often, most of them rarely.
        activity = [min(40.0, rng.paretovariate(1.3)) for _ in self.customers]
        self.customer_pool = rng.choices(self.customers, activity, k=65_536)
        self.region_pools = [
            [customer for customer in self.customer_pool if customer.region == region] for region in range(len(REGIONS))
        ]
        self.hot_customer = self.customers[0]
        self.hot_product = max(self.products, key=lambda product: product.popularity)

    @staticmethod
    def _build_products(rng: Random) -> list[Product]:
        # Zipf's law with a soft head: the best seller has about 4 % of the units, half of the products 10 % together.
        ranks = list(range(PRODUCTS))
        rng.shuffle(ranks)
        total = sum(1 / (rank + 4) ** 1.05 for rank in ranks)
        products = []
        for number, rank in enumerate(ranks):
            category = rng.randrange(len(CATEGORIES))
            price = MEAN_PRICE_CENTS[CATEGORIES[category]] * rng.lognormvariate(-0.15, 0.55)
            price_cents = max(199, int(price) // 100 * 100 + 99)
            products.append(Product(f"SKU-{number:04d}", category, price_cents, 1 / (rank + 4) ** 1.05 / total))
        return products

    def _stock_up(self, rate: float, skew: float) -> None:
        units_per_s = rate * ORDER_SHARE * UNITS_PER_ORDER
        hot = max(self.products, key=lambda product: product.popularity)
        for product in self.products:
            share = product.popularity * (1 - skew) + (skew if product is hot else 0)
            for region in REGIONS:
                for location in region.locations:
                    demand = units_per_s * share * region.weight / len(region.locations)
                    product.stocks[location] = Stock(
                        product.sku, location, max(12, int(demand * 40)), max(5, int(demand * 14))
                    )

    @staticmethod
    def _build_customers(rng: Random) -> list[Customer]:
        regions = rng.choices(range(len(REGIONS)), [region.weight for region in REGIONS], k=CUSTOMERS)
        channels = rng.choices(ORDER_CHANNELS, (42, 36, 8, 14), k=CUSTOMERS)
        categories = rng.choices(range(len(CATEGORIES)), k=CUSTOMERS)
        methods = [rng.choices(PAYMENT_METHODS, region.methods, k=4_096) for region in REGIONS]
        return [
            Customer(index, region, channel, methods[region][index & 4_095], category)
            for index, (region, channel, category) in enumerate(zip(regions, channels, categories, strict=True))
        ]

    def conditions(self, minute: int) -> Conditions:
        """The conditions at this minute since the epoch (UTC)."""
        hour = minute / 60
        awake = [region.weight * rhythm((hour + region.utc_offset_h) % 24) for region in REGIONS]
        table = [region for region, weight in enumerate(awake) for _ in range(round(weight * 200))]
        running = tuple(campaign for campaign in self.campaigns if campaign.active(minute)) or self.campaigns[:1]
        # About a third of the campaigns are active at a time; each raises demand a little.
        demand = sum(awake) * (0.8 + 0.05 * len(running))
        return Conditions(
            order_share=min(MAX_ORDER_SHARE, ORDER_SHARE * demand),
            awake=tuple(table),
            ads=tuple(c for c in running if c.channel != "email") or self.campaigns[:1],
            emails=tuple(c for c in running if c.channel == "email") or (self.campaigns[3],),
            all=running,
        )
