"""Request engine: the three services without Kafka and without a clock of their own.

A request is decided when its reply is due, not when it is read, so that stock levels are those of the moment of
publication. While a service is out, its requests wait in order, and are handled when it is back.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from generators.services.decisions import Behaviour
from generators.services.ledger import ServiceLedger
from generators.services.messages import FULFILMENT, PAYMENTS, SHIPMENTS, Event, Reply
from generators.services.payment import PaymentService
from generators.services.shipping import Parcel, ShippingService
from generators.services.stock import Level, StockService

SERVICES = ("stock", "payment", "shipping")
# The service that handles each command, and the duration: a step of `decisions.STEPS`.
_COMMANDS = {
    "reserving_stock": ("stock", "stock"),
    "releasing_stock": ("stock", "stock"),
    "completed": ("stock", "stock"),
    "shipping": ("shipping", "cancel"),
    "cancelling_shipment": ("shipping", "cancel"),
}
_REQUESTS = {
    "payment.requested": ("payment", "payment"),
    "payment.refund_requested": ("payment", "payment"),
    "shipment.requested": ("shipping", "pack"),
}
# The saga expects no reply here and so never repeats it: it must not be lost.
_NEVER_LOST = "completed"


class Position(NamedTuple):
    """The position of a request in the log."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class _Task(NamedTuple):
    """A call at `due` ms; `number` keeps the order of tasks that are due together."""

    due: int
    number: int
    service: str
    do: Callable[[int], list[Reply]]
    position: Position | None
    tracked: bool


class Completed(NamedTuple):
    """Result of a task: its replies, the request they belong to, and whether that request is finished."""

    replies: list[Reply]
    position: Position | None
    finished: bool


class Engine:
    """`take` accepts requests, `due` returns the replies that are due. Times are ms since the epoch."""

    def __init__(self, behaviour: Behaviour, ledger: ServiceLedger) -> None:
        self._behaviour = behaviour
        self.stock = StockService(behaviour, ledger, self._reorder)
        self.payment = PaymentService(behaviour, ledger)
        self.shipping = ShippingService(behaviour, self._depart)
        self._handlers: dict[str, Callable[[Event, int], list[Reply]]] = {
            "stock": self.stock.handle,
            "payment": self.payment.handle,
            "shipping": self.shipping.handle,
        }
        self._now = 0
        self._number = 0
        self._tasks: list[_Task] = []
        self._held: dict[str, deque[_Task]] = {name: deque() for name in SERVICES}
        self.lost: Counter[str] = Counter()

    def recover(self, event: Event) -> None:
        """Restore state from an event of the log: a reply, or the payer of an order."""
        if event.sku is not None:
            self.stock.recover(event)
        elif event.payment_id is not None:
            if event.order_id is not None and event.customer_id is not None:
                self.shipping.paid_by(event.order_id, event.customer_id)
            self.payment.recover(event)
        else:
            self.shipping.recover(event)

    def resume(self, now: int) -> None:
        """After recovery: schedule the arrival of parcels in transit."""
        self._now = now
        for parcel in self.shipping.in_transit():
            self._depart(parcel, parcel.dispatched_at)

    def take(self, event: Event, position: Position, now: int) -> bool:
        """Accept a request. Returns whether `due` will return a reply to it."""
        self._now = now
        if position.topic == FULFILMENT:
            service, step = _COMMANDS.get(event.state or "", ("", ""))
        else:
            service, step = _REQUESTS.get(event.event_type, ("", ""))
            if event.payment_id and event.order_id and event.customer_id:
                self.shipping.paid_by(event.order_id, event.customer_id)
        if not service:
            return False
        behaviour, attempt = self._behaviour, str(position)
        if event.state != _NEVER_LOST and behaviour.loses(attempt):
            self.lost[service] += 1
            return False
        reply = self._handlers[service]

        def do(at: int) -> list[Reply]:
            return reply(event, at)

        after = behaviour.delay_ms(step, event.event_id) + behaviour.late_ms(attempt)
        self._later(after, service, do, position, tracked=True)
        if behaviour.repeats(attempt):
            self._later(after + 50 + int(4 * behaviour.latency_ms * behaviour.chance("again", attempt)), service, do)
        return True

    def _later(
        self,
        after_ms: int,
        service: str,
        do: Callable[[int], list[Reply]],
        position: Position | None = None,
        *,
        tracked: bool = False,
    ) -> None:
        self._number += 1
        heapq.heappush(self._tasks, _Task(self._now + after_ms, self._number, service, do, position, tracked))

    def _reorder(self, level: Level, cause: str) -> None:
        wait = self._behaviour.delay_ms("supply", cause)
        self._later(wait, "stock", lambda at: [self.stock.receive(level, cause, at)])

    def _depart(self, parcel: Parcel, dispatched_at: int | None = None) -> None:
        journey = self._behaviour.delay_ms("travel", parcel.shipment_id)
        gone = self._now - dispatched_at if dispatched_at else 0
        self._later(max(0, journey - gone), "shipping", lambda at: self.shipping.arrive(parcel, at))

    def due(self, now: int, out: Iterable[str] = ()) -> list[Completed]:
        """The results that are due now; `out` names the services that are down."""
        self._now = now
        ready: list[_Task] = []
        for name, held in self._held.items():
            if held and name not in out:
                ready.extend(held)
                held.clear()
        tasks = self._tasks
        while tasks and tasks[0].due <= now:
            task = heapq.heappop(tasks)
            if task.service in out:
                self._held[task.service].append(task)
            else:
                ready.append(task)
        return [Completed(task.do(now), task.position, task.tracked) for task in ready]

    def wait_ms(self, now: int) -> int | None:
        """Milliseconds until the next task is due; None if there is none."""
        return max(0, self._tasks[0].due - now) if self._tasks else None

    def waiting(self) -> dict[str, int]:
        """Pending requests and deliveries by service."""
        counts = Counter(task.service for task in self._tasks)
        return {name: counts[name] + len(self._held[name]) for name in SERVICES}


# Topics with requests.
REQUEST_TOPICS = (FULFILMENT, PAYMENTS, SHIPMENTS)
