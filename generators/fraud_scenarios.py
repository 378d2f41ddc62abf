"""Fraud scenarios of a few orders each. The labels (which order is fraudulent, and how) are in the ledger only.

| Pattern | Scenario | Orders labelled as fraud |
|---|---|---|
| card_testing | one customer, 8 to 15 small orders, a second or less apart, each on another card | all |
| stolen_card | one card, 4 to 8 customers, within half a minute | all |
| amount_spike | five ordinary orders of one customer, seconds apart, then one of twenty times that amount | the last |
| region_hop | one customer orders from 3 or 4 regions, seconds apart | all but the first, which is from home |
| refund_abuse | 4 to 6 orders of a customer whose parcels "never arrive", each refunded in the end | all |
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from generators.refund_abuse import ONE_IN, never_receives
from generators.scheduler import Scheduler
from generators.world import CUSTOMERS, REGIONS, Customer, Product, World

PATTERNS = ("card_testing", "stolen_card", "amount_spike", "region_hop", "refund_abuse")
# Cards are tested with products cheaper than this.
SMALL_CENTS = 1_500
SPIKE = 20

Basket = list[tuple[Product, int]]
PlaceOrder = Callable[["Buyer", Basket], None]


class Buyer(Customer):
    """A customer in a scenario, perhaps with another card or in another region. `pattern` labels the order."""

    __slots__ = ("card", "pattern")

    def __init__(
        self, customer: Customer, pattern: str | None, *, card: str | None = None, region: int | None = None
    ) -> None:
        at = customer.region if region is None else region
        method = customer.method if card is None else "card"
        super().__init__(customer.index, at, customer.channel, method, customer.category)
        self.pattern = pattern
        self.card = card


class Scenarios:
    """Starts scenarios so that, over time, `share` of all orders is fraudulent; all randomness comes from `rng`.

    `place` places an order now; `pick` chooses a customer who is active now.
    """

    def __init__(
        self,
        rng: Random,
        scheduler: Scheduler,
        world: World,
        share: float,
        place: PlaceOrder,
        pick: Callable[[], Customer],
    ) -> None:
        self._rng, self._scheduler, self._world, self._share = rng, scheduler, world, share
        self._place, self._pick = place, pick
        self._owed = 0.0
        self._number = 0
        self._small = [product for product in world.products if product.price_cents < SMALL_CENTS]
        # Scenarios of few orders come more often, so that each pattern has its part in the orders too.
        self._scenarios: tuple[Callable[[], int], ...] = (
            self._card_testing,
            self._amount_spike,
            self._region_hop,
            self._stolen_card,
            self._amount_spike,
            self._refund_abuse,
            self._region_hop,
            self._amount_spike,
        )

    def advance(self, orders: int) -> None:
        """Count `orders` honest orders; start the scenarios that are due for them."""
        self._owed += orders * self._share / (1 - self._share)
        while self._owed >= 1:
            self._owed -= self._scenarios[self._number % len(self._scenarios)]()
            self._number += 1

    def _schedule(self, delay_ms: int, buyer: Buyer, basket: Basket) -> None:
        self._scheduler.schedule(delay_ms, self._place_order, (buyer, basket))

    def _place_order(self, purchase: tuple[Buyer, Basket]) -> None:
        self._place(*purchase)

    def _new_card(self) -> str:
        return f"K9{self._rng.randrange(10**9):09d}"

    def _any_basket(self) -> Basket:
        pool = self._world.product_pool
        return [(pool[self._rng.randrange(len(pool))], 1)]

    def _card_testing(self) -> int:
        customer, count, at = self._pick(), self._rng.randint(8, 15), 10
        for _ in range(count):
            buyer = Buyer(customer, "card_testing", card=self._new_card())
            self._schedule(at, buyer, [(self._rng.choice(self._small), 1)])
            at += self._rng.randint(250, 1_000)
        return count

    def _stolen_card(self) -> int:
        card, count, at = self._new_card(), self._rng.randint(4, 8), 10
        for _ in range(count):
            self._schedule(at, Buyer(self._pick(), "stolen_card", card=card), self._any_basket())
            at += self._rng.randint(500, 4_000)
        return count

    def _amount_spike(self) -> int:
        customer, basket, at = self._pick(), self._any_basket(), 10
        for _ in range(5):
            self._schedule(at, Buyer(customer, None), basket)
            at += self._rng.randint(5_000, 6_500)
        ((product, _),) = basket
        self._schedule(at, Buyer(customer, "amount_spike"), [(product, SPIKE)])
        return 1

    def _region_hop(self) -> int:
        customer = self._pick()
        regions = [customer.region, *self._rng.sample([n for n in range(len(REGIONS)) if n != customer.region], 3)]
        count = self._rng.randint(3, 4)
        at = 10
        for number, region in enumerate(regions[:count]):
            self._schedule(at, Buyer(customer, "region_hop" if number else None, region=region), self._any_basket())
            at += self._rng.randint(3_000, 9_000)
        return count - 1

    def _refund_abuse(self) -> int:
        abusers = [index for index in range(CUSTOMERS) if index % ONE_IN == 7]
        customer = self._world.customers[self._rng.choice(abusers)]
        assert never_receives(customer.customer_id)  # noqa: S101 - the shipping service uses the same rule
        count, at = self._rng.randint(4, 6), 10
        for _ in range(count):
            self._schedule(at, Buyer(customer, "refund_abuse"), self._any_basket())
            at += self._rng.randint(4_000, 7_000)
        return count
