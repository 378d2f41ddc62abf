"""The synthetic shop: a seeded simulation that gives the events of each tick of its own clock. No Kafka, no wall clock.

Every tick of 10 ms has room for `rate / 100` events, no more and no less over time. First come the steps of orders that
are under way, then new orders, and advertising fills the rest. Daily rhythm, campaigns and bursts therefore change what
the traffic consists of, while its total keeps to the rate at every moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from generators.encode import Event, Writer
from generators.faults import Faults
from generators.orders import OrderDesk
from generators.timetable import TICK_MS, Timetable
from generators.world import MAX_ORDER_SHARE, Campaign, Customer, Mood, Product, World

# Timeline of a run without a rate: events a second of the shop's own time.
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
    """The same arguments give the same events, byte for byte.

    `start_ms` is when its clock begins (ms since the epoch, UTC); `rate` events a second of that clock. `invalid` and
    `late` are shares of all events; `skew` is the share of picks that go to the one hottest customer and product.
    An event is never dated later than the end of its tick.
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
        self._time = Timetable(start_ms)
        self._desk = self._open_desk(rng, late)
        self._invalid = invalid
        self._faults = Faults(rng, self._writer, max_event_bytes)
        self._now = start_ms
        self._room = 0.0
        self._spoil = 0.0
        self._orders_due = 0.0
        self._minute = -1
        self._mood: Mood
        self._burst_from = start_ms + 20_000 + int(self._random() * 40_000)
        self._burst_until = 0
        self._hit: Product | None = None
        self._spree_at = start_ms + 15_000 + int(self._random() * 30_000)
        # Never published: what faults are made from while there is no good event.
        self._mood = self._world.mood(start_ms // 60_000)
        self._advertise()
        self._example = self._writer.out[0]

    def _open_desk(self, rng: Random, late: float) -> OrderDesk:
        return OrderDesk(rng, self._writer, self._time, late)

    @property
    def now(self) -> int:
        """The shop's clock, ms since the epoch: the end of the last tick."""
        return self._now

    def skip_to(self, now_ms: int) -> None:
        """Move the clock on without new business; what was due in between comes with the next tick."""
        ticks = (now_ms - self._now) // TICK_MS
        if ticks > 0:
            self._time.now = self._now
            self._time.advance(ticks)
            self._now += ticks * TICK_MS

    def events(self, count: int) -> Iterator[Event]:
        """The next `count` events, tick by tick."""
        while count > 0:
            events = self.tick()[:count]
            yield from events
            count -= len(events)

    def tick(self) -> list[Event]:
        """The events of the next 10 ms."""
        time, writer = self._time, self._writer
        time.now = self._now
        time.advance()
        # The events of a tick share a millisecond in it.
        time.now = self._now + int(self._random() * TICK_MS)
        if self._now // 60_000 != self._minute:
            self._minute = self._now // 60_000
            self._mood = self._world.mood(self._minute)
        self._now += TICK_MS

        added = self._rate * TICK_MS / 1000
        self._room += added
        room = int(self._room)
        out = writer.out = []
        bad = 0
        if self._invalid:
            self._spoil += added * self._invalid
            bad = int(self._spoil)
            room -= bad
        due = time.due
        while due and len(out) < room:
            do, subject = due.popleft()
            do(subject)
        self._take_orders(added, room)
        advertise = self._advertise
        while len(out) < room:
            advertise()
        if bad:
            self._spoil -= bad
            self._faults.add(out, bad, self._example)
        self._room -= len(out)
        return out

    def _take_orders(self, added: float, room: int) -> None:
        share = self._mood.order_share
        if self._now >= self._burst_from:
            self._burst_until = self._now + int(self._uniform(4_000, 12_000))
            self._burst_from = self._now + int(self._uniform(60_000, 150_000))
            # Something goes viral.
            self._hit = self._world.product_pool[int(self._random() * 16_384)]
        if self._now < self._burst_until:
            share = min(share * BURST_FACTOR, MAX_ORDER_SHARE * 1.2)
        else:
            self._hit = None
        self._orders_due += added * share
        out = self._writer.out
        while self._orders_due > 0 and len(out) < room:
            # Exponential gaps: customers come by chance.
            self._orders_due -= self._expovariate(1.0)
            self._shop_visit()
        if self._now >= self._spree_at:
            self._spree_at = self._now + int(self._uniform(45_000, 120_000))
            self._time.later(TICK_MS, self._spree, (self._customer(), 6 + int(self._random() * 5)))

    def _customer(self) -> Customer:
        if self._skew and self._random() < self._skew:
            return self._world.hot_customer
        awake = self._mood.awake
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
            if self._hit is not None and draw < 0.2:
                product = self._hit
            elif draw < 0.6:
                product = favourites[int(random() * 2_048)]
            else:
                product = world.product_pool[int(random() * 16_384)]
            if product.sku not in skus:
                skus.add(product.sku)
                basket.append((product, QUANTITIES[int(random() * 12)]))
        return basket

    def _shop_visit(self) -> None:
        customer, mood = self._customer(), self._mood
        # Some visits begin with a click on what is being advertised.
        if self._random() < 0.12 + 0.03 * len(mood.all):
            campaign = mood.all[int(self._random() * len(mood.all))]
            late_ms = self._desk.late_ms()
            self._click((customer, campaign, late_ms))
            self._time.later(300 + int(self._random() * 3_000), self._buy, (customer, campaign, late_ms))
        else:
            self._desk.open(customer, self._basket(customer, None), None, self._desk.late_ms())

    def _buy(self, visit: tuple[Customer, Campaign, int]) -> None:
        customer, campaign, late_ms = visit
        self._desk.open(customer, self._basket(customer, campaign), campaign, late_ms)

    def _spree(self, visit: tuple[Customer, int]) -> None:
        """One customer, many small orders in seconds, most of them declined: somebody tries out stolen cards."""
        customer, left = visit
        product = self._world.product_pool[int(self._random() * 16_384)]
        self._desk.open(customer, [(product, 1)], None, self._desk.late_ms(), risk=12.0)
        if left > 1:
            self._time.later(200 + int(self._random() * 500), self._spree, (customer, left - 1))

    # Marketing

    def _click(self, contact: tuple[Customer, Campaign, int]) -> None:
        customer, campaign, late_ms = contact
        self._writer.marketing(
            "email.opened" if campaign.channel == "email" else "ad.click",
            self._time.now - late_ms,
            customer.customer_id,
            (campaign.campaign_id, campaign.channel),
            campaign.click_cents,
            late_ms > 0,
        )

    def _advertise(self) -> None:
        random, mood = self._random, self._mood
        customer = (
            self._world.hot_customer
            if self._skew and random() < self._skew
            else self._world.customer_pool[int(random() * 65_536)]
        )
        late = self._desk.late_ms()
        at = self._time.now - late
        draw = random()
        if draw < 0.85:
            campaign = mood.ads[int(random() * len(mood.ads))]
            contact = (campaign.campaign_id, campaign.channel)
            self._writer.marketing(
                "ad.impression", at, customer.customer_id, contact, campaign.impression_cents, late > 0
            )
            reacts = random() < CLICKS
        else:
            campaign = mood.emails[int(random() * len(mood.emails))]
            contact = (campaign.campaign_id, campaign.channel)
            # A tenth of a cent each; rounded to a cent for every tenth customer.
            cost = 1 if customer.index % 10 == 0 else 0
            self._writer.marketing("email.sent", at, customer.customer_id, contact, cost, late > 0)
            reacts = random() < OPENS
        if reacts:
            self._time.later(500 + int(random() * 8_000), self._click, (customer, campaign, late))
