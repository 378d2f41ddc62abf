"""Order lifecycle: reserve, pay, confirm, ship, complete; or rejected, declined, cancelled, lost, stuck.

Each step writes events and schedules the next step. An order takes seconds instead of days, so that every stage shows
within the first half minute.
"""

from __future__ import annotations

from random import Random

from generators.encode import Writer, reason_field
from generators.scheduler import Scheduler
from generators.world import CURRENCY, REGIONS, Campaign, Customer, Product, Stock

# Shares of orders by outcome. Declines depend on the payment method.
DECLINED = {"card": 0.04, "wallet": 0.015, "bank_transfer": 0.02, "bnpl": 0.09}
DECLINE_REASONS = ("insufficient_funds", "do_not_honour", "expired_card", "suspected_fraud", "issuer_unavailable")
STUCK = 0.002
CHANGED_MIND = 0.012
DELIVERY_FAILED = 0.02
DELIVERY_REASONS = ("address_unknown", "recipient_absent", "damaged_in_transit")
SUPPLIER_LATE = 0.05

NO_REASON = ("", "", "", ',"reason":null')
# Unknown fields must be ignored, and text is not always ASCII.
NOTES = (
    ',"note":"bitte klingeln – 2. Stock, Tür „Müller“"',
    ',"note":"gift \\"wrap\\" \\u2764, please\\n"',
    ',"client":{"app":"8.1.0","ab_tests":["checkout-b",7,null]}',
)


class Order:
    """An order; the JSON fragments that its events share are rendered once."""

    __slots__ = (
        "amount_cents",
        "campaign",
        "carrier",
        "customer",
        "late_ms",
        "lines",
        "location",
        "method",
        "number",
        "order_fields",
        "order_id",
        "order_ref",
        "payment_fields",
        "risk",
        "route",
        "segment",
        "shipment_fields",
        "units",
    )

    customer: Customer
    campaign: Campaign | None
    lines: list[tuple[Stock, int]]
    segment: tuple[str, str, str]
    route: tuple[str, str]
    order_id: str
    order_ref: str
    order_fields: str
    payment_fields: str
    shipment_fields: str
    method: str
    risk: float
    late_ms: int
    units: int
    amount_cents: int
    number: int


class OrderLifecycle:
    """Opens orders and runs their steps. `late` is the share of orders sent late, by a device that was offline."""

    def __init__(self, rng: Random, writer: Writer, scheduler: Scheduler, late: float) -> None:
        self._random = rng.random
        self._write = writer
        self._scheduler = scheduler
        self._late = late
        self._opened = 0
        # Delays in ms, 1,024 of each drawn in advance.
        self._reserve = self._delays(rng, 60, 0.5, 400)
        self._answer = self._delays(rng, 450, 0.6, 4_000)
        self._short = self._delays(rng, 120, 0.5, 800)
        self._pack = self._delays(rng, 2_000, 0.45, 8_000)
        self._travel = self._delays(rng, 6_000, 0.4, 18_000)
        self._supply = self._delays(rng, 3_500, 0.35, 9_000)
        self._supply_late = self._delays(rng, 15_000, 0.3, 35_000)

    @staticmethod
    def _delays(rng: Random, median_ms: int, spread: float, most_ms: int) -> list[int]:
        return [min(most_ms, int(median_ms * rng.lognormvariate(0, spread))) for _ in range(1_024)]

    def _wait(self, table: list[int]) -> int:
        return table[int(self._random() * 1_024)]

    def late_ms(self) -> int:
        """Age of an event when it is sent: 0, or 30 s to 10 min for the late share."""
        if self._late and self._random() < self._late:
            return 30_000 + int(self._random() * 570_000)
        return 0

    def open(
        self,
        customer: Customer,
        basket: list[tuple[Product, int]],
        campaign: Campaign | None,
        late_ms: int,
        risk: float = 1.0,
    ) -> None:
        """Place an order now and schedule its next steps.

        All its events are dated `late_ms` back. `risk` multiplies the probability of a decline.
        """
        random, region = self._random, REGIONS[customer.region]
        self._opened = number = self._opened + 1
        order = Order()
        order.number, order.customer, order.campaign, order.risk = number, customer, campaign, risk
        order.late_ms = late_ms
        order.order_id = order_id = f"O-{self._write.run}-{number:06d}"
        order.order_ref = f',"order_id":"{order_id}"'
        locations = region.locations
        location = locations[0] if len(locations) == 1 else locations[number % len(locations)]
        discount = 1.0 if campaign is None else 1 - campaign.discount
        units = amount = 0
        order.lines = lines = []
        items = []
        for product, quantity in basket:
            price = product.price_cents
            if campaign is not None and product.category == campaign.category:
                price = int(price * discount)
            units += quantity
            amount += price * quantity
            lines.append((product.stocks[location], quantity))
            items.append(f'{{"sku":"{product.sku}","quantity":{quantity},"unit_price_cents":{price}}}')
        order.units, order.amount_cents = units, amount
        # Most orders follow the customer's habit.
        draw = random()
        channel = customer.channel if draw < 0.85 else "web" if draw < 0.93 else "mobile"
        order.method = method = customer.method if random() < 0.9 else "card"
        order.segment = (region.name, channel, method)
        order.route = (region.carriers[number % len(region.carriers)], region.name)
        if campaign is not None:
            origin = f',"campaign_id":"{campaign.campaign_id}"'
        else:
            origin = ',"campaign_id":null' if number & 7 == 0 else ""
        extra = NOTES[number // 64 % 3] if number & 63 == 63 else ""
        order.order_fields = (
            f'"order_id":"{order_id}","customer_id":"{customer.customer_id}","region":"{region.name}",'
            f'"channel":"{channel}","payment_method":"{method}","currency":"{CURRENCY}","amount_cents":{amount},'
            f'"items":[{",".join(items)}]{origin}{self._card(customer, method)}{extra}'
        )
        self._write.order("order.placed", self._scheduler.now, order, NO_REASON[number & 3])
        if campaign is not None:
            self._write.marketing(
                "promotion.redeemed",
                self._scheduler.now - order.late_ms,
                customer.customer_id,
                (campaign.campaign_id, campaign.channel),
                0,
                order.late_ms > 0,
                order.order_ref,
            )
        self._begin(order)

    def _card(self, _customer: Customer, _method: str) -> str:
        """The optional `card` of an order as a fragment."""
        return ""

    def _begin(self, order: Order) -> None:
        self._scheduler.schedule(self._wait(self._reserve), self._take_stock, order)

    # Stock

    def _take_stock(self, order: Order) -> None:
        for position, (stock, quantity) in enumerate(order.lines):
            if not stock.open:
                self._first_delivery(stock)
            if stock.on_hand - stock.reserved < quantity:
                self._stock("stock.rejected", stock, quantity, order)
                self._release(order, order.lines[:position])
                self._scheduler.schedule(self._wait(self._short), self._out_of_stock, order)
                return
            stock.reserved += quantity
            self._stock("stock.reserved", stock, quantity, order)
            if stock.on_hand - stock.reserved < stock.reorder_at and not stock.ordered:
                stock.ordered = True
                table = self._supply_late if self._random() < SUPPLIER_LATE else self._supply
                self._scheduler.schedule(self._wait(table), self._receive, stock)
        self._scheduler.schedule(self._wait(self._short), self._ask_for_payment, order)

    def _stock(self, kind: str, stock: Stock, quantity: int, order: Order) -> None:
        late = order.late_ms
        self._write.stock(kind, self._scheduler.now - late, stock, quantity, order.order_ref, late > 0)

    def _first_delivery(self, stock: Stock) -> None:
        stock.open = True
        self._deliver(stock, stock.lot + stock.reorder_at)

    def _receive(self, stock: Stock) -> None:
        stock.ordered = False
        self._deliver(stock, stock.lot)

    def _deliver(self, stock: Stock, quantity: int) -> None:
        late = self.late_ms()
        stock.on_hand += quantity
        self._write.stock("stock.received", self._scheduler.now - late, stock, quantity, "", late > 0)

    def _release(self, order: Order, lines: list[tuple[Stock, int]]) -> None:
        for stock, quantity in lines:
            stock.reserved -= quantity
            self._stock("stock.released", stock, quantity, order)

    def _cancel(self, order: Order, reason: str) -> None:
        self._write.order("order.cancelled", self._scheduler.now, order, reason_field(reason))

    def _out_of_stock(self, order: Order) -> None:
        self._cancel(order, "out_of_stock")

    # Payment

    def _ask_for_payment(self, order: Order) -> None:
        order.payment_fields = (
            f'"payment_id":"P-{self._write.run}-{order.number:06d}"{order.order_ref},'
            f'"customer_id":"{order.customer.customer_id}","method":"{order.method}",'
            f'"amount_cents":{order.amount_cents},"currency":"{CURRENCY}"'
        )
        self._write.payment("payment.requested", self._scheduler.now, order)
        draw = self._random()
        if draw < STUCK:
            return  # No answer: the order stays stuck.
        declined = draw - STUCK < DECLINED[order.method] * order.risk
        self._scheduler.schedule(self._wait(self._answer), self._declined if declined else self._authorised, order)

    def _declined(self, order: Order) -> None:
        reason = DECLINE_REASONS[int(self._random() * len(DECLINE_REASONS))]
        self._write.payment("payment.declined", self._scheduler.now, order, reason_field(reason))
        self._scheduler.schedule(self._wait(self._short), self._payment_failed, order)

    def _payment_failed(self, order: Order) -> None:
        self._release(order, order.lines)
        self._cancel(order, "payment_declined")

    def _authorised(self, order: Order) -> None:
        self._write.payment("payment.authorised", self._scheduler.now, order, NO_REASON[order.number & 3])
        self._scheduler.schedule(self._wait(self._short), self._confirm, order)

    def _confirm(self, order: Order) -> None:
        self._write.order("order.confirmed", self._scheduler.now, order, NO_REASON[order.number & 3])
        changes_mind = self._random() < CHANGED_MIND
        self._scheduler.schedule(
            self._wait(self._short), self._change_mind if changes_mind else self._ask_for_shipment, order
        )

    def _change_mind(self, order: Order) -> None:
        self._release(order, order.lines)
        self._cancel(order, "customer_request")
        self._refund(order, "customer_request")

    def _refund(self, order: Order, reason: str) -> None:
        self._write.payment("payment.refund_requested", self._scheduler.now, order, reason_field(reason))
        self._scheduler.schedule(self._wait(self._answer), self._refunded, order)

    def _refunded(self, order: Order) -> None:
        self._write.payment("payment.refunded", self._scheduler.now, order)

    # Shipment

    def _ask_for_shipment(self, order: Order) -> None:
        order.shipment_fields = (
            f'"shipment_id":"S-{self._write.run}-{order.number:06d}"{order.order_ref},'
            f'"carrier":"{order.route[0]}","region":"{order.route[1]}"'
        )
        self._write.shipment("shipment.requested", self._scheduler.now, order)
        self._scheduler.schedule(self._wait(self._pack), self._dispatch, order)

    def _dispatch(self, order: Order) -> None:
        for stock, quantity in order.lines:
            stock.on_hand -= quantity
            stock.reserved -= quantity
            self._stock("stock.shipped", stock, quantity, order)
        self._write.shipment("shipment.dispatched", self._scheduler.now, order, NO_REASON[order.number & 3])
        failed = self._random() < DELIVERY_FAILED
        self._scheduler.schedule(
            self._wait(self._travel), self._not_delivered if failed else self._deliver_order, order
        )

    def _deliver_order(self, order: Order) -> None:
        self._write.shipment("shipment.delivered", self._scheduler.now, order)
        self._scheduler.schedule(self._wait(self._short), self._complete, order)

    def _complete(self, order: Order) -> None:
        self._write.order("order.completed", self._scheduler.now, order)

    def _not_delivered(self, order: Order) -> None:
        reason = DELIVERY_REASONS[int(self._random() * len(DELIVERY_REASONS))]
        self._write.shipment("shipment.failed", self._scheduler.now, order, reason_field(reason))
        self._cancel(order, "delivery_failed")
        self._refund(order, "delivery_failed")
