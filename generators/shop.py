"""The synthetic shop: a seeded simulation that returns events tick by tick of its own clock. No Kafka, no wall clock.

A tick of 10 ms has `rate / 100` events on average. Steps of open orders come first, then new orders; advertising fills
the rest. Daily rhythm, campaigns and bursts therefore change the mix of the traffic, not its rate.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from generators.encode import Event, Writer
from generators.faults import Faults
from generators.orders import OrderLifecycle
from generators.scheduler import TICK_MS, Scheduler
from generators.world import MAX_ORDER_SHARE, Campaign, Conditions, Customer, Product, World

# Timeline of a run without a rate: events per second of the shop's own time.
TIMELINE_RATE = 2_000.0
CLICKS, OPENS = 0.05, 0.25
BURST_FACTOR = 1.5
BASKET_SIZES = (1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4)
QUANTITIES = (1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 3)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def _base36(number: int) -> str:
    digits = ""
    while True:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
        if not number:
            return digits


class Shop:
    """Equal arguments give equal events, byte for byte.

    `start_ms` is the start of its clock (ms since the epoch, UTC), `rate` is events per second of that clock.
    `invalid` and `late` are shares of all events; `skew` is the share of choices that go to one hot customer and
    product. No event is dated later than the end of its tick.
    """

    def __init__(
        self,
        seed: int,
        start_ms: int,
        rate: float = TIMELINE_RATE,
        *,
        invalid: float = 0.0,
        late: float = 0.0,
        skew: float = 0.0,
        max_event_bytes: int = 262_144,
    ) -> None:
        rng = Random(seed)
        self._random = rng.random
        self._expovariate = rng.expovariate
        self._uniform = rng.uniform
        self._rate = rate
        self._skew = skew
        self._world = World(rng, rate, skew)
        self._writer = Writer(f"{_base36(start_ms)}-{_base36(abs(seed))}")
        self._scheduler = Scheduler(start_ms)
        self._orders = self._order_lifecycle(rng, late)
        self._invalid = invalid
        self._faults = Faults(rng, self._writer, max_event_bytes)
        self._now = start_ms
        self._budget = 0.0
        self._invalid_due = 0.0
        self._orders_due = 0.0
        self._minute = -1
        self._conditions: Conditions
        self._burst_from = start_ms + 20_000 + int(self._random() * 40_000)
        self._burst_until = 0
        self._viral: Product | None = None
        self._card_testing_at = start_ms + 15_000 + int(self._random() * 30_000)
        # Never published: invalid events are made from it while there is no valid event.
        self._conditions = self._world.conditions(start_ms // 60_000)
        self._advertise()
        self._example = self._writer.out[0]

    def _order_lifecycle(self, rng: Random, late: float) -> OrderLifecycle:
        return OrderLifecycle(rng, self._writer, self._scheduler, late)

    @property
    def now(self) -> int:
        """The shop's clock, ms since the epoch: the end of the last tick."""
        return self._now

    def skip_to(self, now_ms: int) -> None:
        """Advance the clock without new orders; timers that expire in between run at the next tick."""
        ticks = (now_ms - self._now) // TICK_MS
        if ticks > 0:
            self._scheduler.now = self._now
            self._scheduler.advance(ticks)
            self._now += ticks * TICK_MS

    def events(self, count: int) -> Iterator[Event]:
        """The next `count` events."""
        while count > 0:
            events = self.tick()[:count]
            yield from events
            count -= len(events)

    def tick(self) -> list[Event]:
        """The events of the next 10 ms."""
        time, writer = self._scheduler, self._writer
        time.now = self._now
        time.advance()
        # All events of a tick have the same millisecond.
        time.now = self._now + int(self._random() * TICK_MS)
        if self._now // 60_000 != self._minute:
            self._minute = self._now // 60_000
            self._conditions = self._world.conditions(self._minute)
        self._now += TICK_MS

        added = self._rate * TICK_MS / 1000
        self._budget += added
        room = int(self._budget)
        out = writer.out = []
        bad = 0
        if self._invalid:
            self._invalid_due += added * self._invalid
            bad = int(self._invalid_due)
            room -= bad
        due = time.due
        while due and len(out) < room:
            do, subject = due.popleft()
            do(subject)
        self._place_orders(added, room)
        advertise = self._advertise
        while len(out) < room:
            advertise()
        if bad:
            self._invalid_due -= bad
            self._faults.add(out, bad, self._example)
        self._budget -= len(out)
        return out

    def _place_orders(self, added: float, room: int) -> None:
        share = self._conditions.order_share
        if self._now >= self._burst_from:
            self._burst_until = self._now + int(self._uniform(4_000, 12_000))
            self._burst_from = self._now + int(self._uniform(60_000, 150_000))
            # One product goes viral.
            self._viral = self._world.product_pool[int(self._random() * 16_384)]
        if self._now < self._burst_until:
            share = min(share * BURST_FACTOR, MAX_ORDER_SHARE * 1.2)
        else:
            self._viral = None
        self._orders_due += added * share
        out = self._writer.out
        while self._orders_due > 0 and len(out) < room:
            # Exponential gaps: arrivals are a Poisson process.
            self._orders_due -= self._expovariate(1.0)
            self._visit()
        if self._now >= self._card_testing_at:
            self._card_testing_at = self._now + int(self._uniform(45_000, 120_000))
            self._scheduler.schedule(TICK_MS, self._card_testing, (self._customer(), 6 + int(self._random() * 5)))

    def _customer(self) -> Customer:
        if self._skew and self._random() < self._skew:
            return self._world.hot_customer
        awake = self._conditions.awake
        pool = self._world.region_pools[awake[int(self._random() * len(awake))]]
        return pool[int(self._random() * len(pool))]

    def _basket(self, customer: Customer, campaign: Campaign | None) -> list[tuple[Product, int]]:
        random, world = self._random, self._world
        if self._skew and random() < self._skew:
            return [(world.hot_product, QUANTITIES[int(random() * 12)])]
        basket: list[tuple[Product, int]] = []
        favourites = world.category_pools[customer.category if campaign is None else campaign.category]
        skus = set()
        for _ in range(BASKET_SIZES[int(random() * 13)]):
            draw = random()
            if self._viral is not None and draw < 0.2:
                product = self._viral
            elif draw < 0.6:
                product = favourites[int(random() * 2_048)]
            else:
                product = world.product_pool[int(random() * 16_384)]
            if product.sku not in skus:
                skus.add(product.sku)
                basket.append((product, QUANTITIES[int(random() * 12)]))
        return basket

    def _visit(self) -> None:
        customer, conditions = self._customer(), self._conditions
        # Some visits begin with a click on an advertisement.
        if self._random() < 0.12 + 0.03 * len(conditions.all):
            campaign = conditions.all[int(self._random() * len(conditions.all))]
            late_ms = self._orders.late_ms()
            self._click((customer, campaign, late_ms))
            self._scheduler.schedule(300 + int(self._random() * 3_000), self._buy, (customer, campaign, late_ms))
        else:
            self._orders.open(customer, self._basket(customer, None), None, self._orders.late_ms())

    def _buy(self, visit: tuple[Customer, Campaign, int]) -> None:
        customer, campaign, late_ms = visit
        self._orders.open(customer, self._basket(customer, campaign), campaign, late_ms)

    def _card_testing(self, visit: tuple[Customer, int]) -> None:
        """Card testing: one customer places many small orders within seconds, most of them declined."""
        customer, left = visit
        product = self._world.product_pool[int(self._random() * 16_384)]
        self._orders.open(customer, [(product, 1)], None, self._orders.late_ms(), risk=12.0)
        if left > 1:
            self._scheduler.schedule(200 + int(self._random() * 500), self._card_testing, (customer, left - 1))

    # Marketing

    def _click(self, contact: tuple[Customer, Campaign, int]) -> None:
        customer, campaign, late_ms = contact
        self._writer.marketing(
            "email.opened" if campaign.channel == "email" else "ad.click",
            self._scheduler.now - late_ms,
            customer.customer_id,
            (campaign.campaign_id, campaign.channel),
            campaign.click_cents,
            late_ms > 0,
        )

    def _advertise(self) -> None:
        random, conditions = self._random, self._conditions
        customer = (
            self._world.hot_customer
            if self._skew and random() < self._skew
            else self._world.customer_pool[int(random() * 65_536)]
        )
        late = self._orders.late_ms()
        at = self._scheduler.now - late
        draw = random()
        if draw < 0.85:
            campaign = conditions.ads[int(random() * len(conditions.ads))]
            contact = (campaign.campaign_id, campaign.channel)
            self._writer.marketing(
                "ad.impression", at, customer.customer_id, contact, campaign.impression_cents, late > 0
            )
            clicks = random() < CLICKS
        else:
            campaign = conditions.emails[int(random() * len(conditions.emails))]
            contact = (campaign.campaign_id, campaign.channel)
            # A tenth of a cent each: a cent for every tenth customer.
            cost = 1 if customer.index % 10 == 0 else 0
            self._writer.marketing("email.sent", at, customer.customer_id, contact, cost, late > 0)
            clicks = random() < OPENS
        if clicks:
            self._scheduler.schedule(500 + int(random() * 8_000), self._click, (customer, campaign, late))
