"""Attribution rules: which click an order is credited to. Pure functions over the state of one customer.

An order's credit goes to one click of its customer (an `ad.click` or an `email.opened`) that is not later than the
order and at most `window_ms` older: the newest of them (last touch) or the oldest (first touch).

`apply` adds one event. When it changes what was decided for an order, as a late click may, the old credit is reversed
and the new one given. Events may therefore come in any order, as long as none is more than `grace_ms` behind the newest
event of its customer: orders older than that are settled and stay as they are.
All times are event times, ms since the epoch.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from streamgauge.catalog.commerce.values import Segment

Touch = Literal["last-touch", "first-touch"]
Arrival = Literal["in_time", "late", "too_late", "repeated"]


@dataclass(frozen=True)
class Policy:
    """Configuration. `clicks_kept` and `orders_kept` bound the state of one customer."""

    touch: Touch
    window_ms: int
    grace_ms: int
    lapsed_ms: int
    clicks_kept: int = 50
    orders_kept: int = 50


class Click(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=0):
    """A customer's interaction with a campaign."""

    at: int
    event_id: str
    customer_id: str
    campaign_id: str
    channel: str


class Order(msgspec.Struct, frozen=True, array_like=True, gc=False, tag=1):
    """A placed order; `category` and `margin_cents` are None when a product is unknown."""

    at: int
    event_id: str
    customer_id: str
    order_id: str
    amount_cents: int
    category: str | None = None
    margin_cents: int | None = None


class Credit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The click that an order is credited to, and the customer's segment at that time."""

    click: Click
    segment: Segment


class AttributedOrder(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An order and its latest credit; None when no click earned it."""

    order: Order
    credit: Credit | None


class CustomerState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """State of one customer: clicks and orders by time, then id.

    `forgotten` is the time and id of the newest order that was dropped.
    """

    newest_at: int = 0
    clicks: tuple[Click, ...] = ()
    orders: tuple[AttributedOrder, ...] = ()
    forgotten: tuple[int, str] | None = None


class Change(msgspec.Struct, frozen=True, gc=False):
    """A credit given or taken back."""

    kind: Literal["credited", "reversed"]
    order: Order
    credit: Credit


class Outcome(msgspec.Struct, frozen=True, gc=False):
    """Result of an event. `customer` is the same object when nothing is to be stored."""

    customer: CustomerState
    changes: tuple[Change, ...]
    arrival: Arrival


def apply(policy: Policy, customer: CustomerState, event: Click | Order) -> Outcome:
    """Add one event of the customer."""
    return _click(policy, customer, event) if isinstance(event, Click) else _order(policy, customer, event)


def _click(policy: Policy, customer: CustomerState, click: Click) -> Outcome:
    clicks = list(customer.clicks)
    index = bisect_left(clicks, _click_key(click), key=_click_key)
    if index < len(clicks) and clicks[index].event_id == click.event_id:
        return Outcome(customer, (), "repeated")
    clicks.insert(index, click)
    newest_at = max(customer.newest_at, click.at)
    orders, changes = list(customer.orders), list[Change]()
    arrival: Arrival = "in_time"
    for number in range(bisect_left(orders, (click.at, ""), key=_attributed_key), len(orders)):
        order, before = orders[number].order, orders[number].credit
        if order.at > click.at + policy.window_ms:
            break
        if _is_settled(policy, order, newest_at):
            arrival = "too_late"
            continue
        if arrival == "in_time":
            arrival = "late"
        # Compared with the order's credit, not with the clicks that are kept: some of them may be gone.
        if before is not None and not _wins(policy, click, before.click):
            continue
        segment = before.segment if before else _segment(policy, order, _previous(customer.forgotten, orders, number))
        now = Credit(click, segment)
        orders[number] = AttributedOrder(order, now)
        changes += _changes(order, before, now)
    return Outcome(_bounded(policy, newest_at, clicks, orders, customer.forgotten), tuple(changes), arrival)


def _order(policy: Policy, customer: CustomerState, order: Order) -> Outcome:
    if any(one.order.order_id == order.order_id for one in customer.orders):
        return Outcome(customer, (), "repeated")
    if customer.forgotten is not None and _order_key(order) <= customer.forgotten:
        # It may be one that was dropped, and nothing may be credited twice.
        return Outcome(customer, (), "too_late")
    newest_at = max(customer.newest_at, order.at)
    orders = list(customer.orders)
    index = bisect_left(orders, _order_key(order), key=_attributed_key)
    # A new order is attributed whenever it arrives; one that is too late, only this once.
    credit = None
    if click := _touch(policy, customer.clicks, order):
        credit = Credit(click, _segment(policy, order, _previous(customer.forgotten, orders, index)))
    changes = _changes(order, None, credit)
    orders.insert(index, AttributedOrder(order, credit))
    if index + 1 < len(orders):
        # The customer's next order is no longer the first, or no longer after a lapse.
        later, before = orders[index + 1].order, orders[index + 1].credit
        if before is not None and not _is_settled(policy, later, newest_at):
            now = Credit(before.click, _segment(policy, later, order.at))
            orders[index + 1] = AttributedOrder(later, now)
            changes += _changes(later, before, now)
    arrival: Arrival = "in_time" if index == len(customer.orders) else "late"
    if _is_settled(policy, order, newest_at):
        arrival = "too_late"
    return Outcome(_bounded(policy, newest_at, customer.clicks, orders, customer.forgotten), tuple(changes), arrival)


def _changes(order: Order, before: Credit | None, now: Credit | None) -> list[Change]:
    if now == before:
        return []
    taken = [] if before is None else [Change("reversed", order, before)]
    return taken if now is None else [*taken, Change("credited", order, now)]


def _touch(policy: Policy, clicks: Sequence[Click], order: Order) -> Click | None:
    """The click that earned the order, among those that are kept."""
    first = bisect_left(clicks, order.at - policy.window_ms, key=_at)
    after_last = bisect_right(clicks, order.at, key=_at)
    if first == after_last:
        return None
    return clicks[after_last - 1 if policy.touch == "last-touch" else first]


def _wins(policy: Policy, click: Click, other: Click) -> bool:
    newer = _click_key(click) > _click_key(other)
    return newer if policy.touch == "last-touch" else not newer


def _segment(policy: Policy, order: Order, previous_at: int | None) -> Segment:
    if previous_at is None:
        return "new"
    return "lapsed" if order.at - previous_at > policy.lapsed_ms else "returning"


def _previous(forgotten: tuple[int, str] | None, orders: Sequence[AttributedOrder], index: int) -> int | None:
    """Time of the customer's order before the one that is (or will be) at `index`; None without one."""
    if index > 0:
        return orders[index - 1].order.at
    return None if forgotten is None else forgotten[0]


def _is_settled(policy: Policy, order: Order, newest_at: int) -> bool:
    return order.at < newest_at - policy.grace_ms


def _bounded(
    policy: Policy,
    newest_at: int,
    clicks: Sequence[Click],
    orders: Sequence[AttributedOrder],
    forgotten: tuple[int, str] | None,
) -> CustomerState:
    """Drop clicks that no open order can be credited to, and the oldest when there are too many."""
    useful = bisect_left(clicks, newest_at - policy.grace_ms - policy.window_ms, key=_at)
    surplus = len(orders) - policy.orders_kept
    if surplus > 0:
        forgotten = _attributed_key(orders[surplus - 1])
        orders = orders[surplus:]
    return CustomerState(
        newest_at, tuple(clicks[max(useful, len(clicks) - policy.clicks_kept) :]), tuple(orders), forgotten
    )


def _at(click: Click) -> int:
    return click.at


def _click_key(click: Click) -> tuple[int, str]:
    return click.at, click.event_id


def _order_key(order: Order) -> tuple[int, str]:
    return order.at, order.order_id


def _attributed_key(attributed: AttributedOrder) -> tuple[int, str]:
    return _order_key(attributed.order)
