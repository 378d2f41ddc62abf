"""What is asked, when it is answered, and what waits: the three services without Kafka, without a clock of their own.

A request is decided and answered when its time has come, not when it is read, so that the levels of the stock are those
of the moment of publication. While a service is out, its requests wait, in order, and are answered when it is back.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

from generators.services.decisions import Behaviour
from generators.services.ledger import Moved
from generators.services.messages import FULFILMENT, PAYMENTS, SHIPMENTS, Answer, Event
from generators.services.payment import PaymentService
from generators.services.shipping import Parcel, ShippingService
from generators.services.stock import Level, StockService

SERVICES = ("stock", "payment", "shipping")
# Which service takes which command, and how long that takes: a step of `decisions.STEPS`.
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
# The saga asks for nothing here, and so never asks again: what nobody repeats must not be lost.
_NEVER_LOST = "completed"


class Place(NamedTuple):
    """Where a request stands in the log."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class _Task(NamedTuple):
    """Something to do at `due` ms; `number` keeps the order of what is due together."""

    due: int
    number: int
    service: str
    do: Callable[[int], list[Answer]]
    place: Place | None
    tracked: bool


class Done(NamedTuple):
    """What a task gave: answers, to which request, and whether that request is thereby finished."""

    answers: list[Answer]
    place: Place | None
    finished: bool


class Engine:
    """`take` requests, `due` gives the answers whose time has come. Times are ms since the epoch."""

    def __init__(self, behaviour: Behaviour, moved: Moved) -> None:
        self._behaviour = behaviour
        self.stock = StockService(behaviour, moved, self._reorder)
        self.payment = PaymentService(behaviour, moved)
        self.shipping = ShippingService(behaviour, self._depart)
        self._answers: dict[str, Callable[[Event, int], list[Answer]]] = {
            "stock": self.stock.answer,
            "payment": self.payment.answer,
            "shipping": self.shipping.answer,
        }
        self._now = 0
        self._number = 0
        self._tasks: list[_Task] = []
        self._held: dict[str, deque[_Task]] = {name: deque() for name in SERVICES}
        self.lost: Counter[str] = Counter()

    def recover(self, event: Event) -> None:
        """Learn from an event found in the log at the start: an answer, or who pays for an order."""
        if event.sku is not None:
            self.stock.recover(event)
        elif event.payment_id is not None:
            if event.order_id is not None and event.customer_id is not None:
                self.shipping.paid_by(event.order_id, event.customer_id)
            self.payment.recover(event)
        else:
            self.shipping.recover(event)

    def resume(self, now: int) -> None:
        """After recovery: parcels that were on their way travel on."""
        self._now = now
        for parcel in self.shipping.under_way():
            self._depart(parcel, parcel.dispatched_at)

    def take(self, event: Event, place: Place, now: int) -> bool:
        """A request; False where there is nothing to answer, True where `due` will give its answers."""
        self._now = now
        if place.topic == FULFILMENT:
            service, step = _COMMANDS.get(event.state or "", ("", ""))
        else:
            service, step = _REQUESTS.get(event.event_type, ("", ""))
            if event.payment_id and event.order_id and event.customer_id:
                self.shipping.paid_by(event.order_id, event.customer_id)
        if not service:
            return False
        behaviour, attempt = self._behaviour, str(place)
        if event.state != _NEVER_LOST and behaviour.loses(attempt):
            self.lost[service] += 1
            return False
        answer = self._answers[service]

        def do(at: int) -> list[Answer]:
            return answer(event, at)

        after = behaviour.delay_ms(step, event.event_id) + behaviour.late_ms(attempt)
        self._later(after, service, do, place, tracked=True)
        if behaviour.repeats(attempt):
            self._later(after + 50 + int(4 * behaviour.latency_ms * behaviour.chance("again", attempt)), service, do)
        return True

    def _later(
        self,
        after_ms: int,
        service: str,
        do: Callable[[int], list[Answer]],
        place: Place | None = None,
        *,
        tracked: bool = False,
    ) -> None:
        self._number += 1
        heapq.heappush(self._tasks, _Task(self._now + after_ms, self._number, service, do, place, tracked))

    def _reorder(self, level: Level, cause: str) -> None:
        wait = self._behaviour.delay_ms("supply", cause)
        self._later(wait, "stock", lambda at: [self.stock.receive(level, cause, at)])

    def _depart(self, parcel: Parcel, dispatched_at: int | None = None) -> None:
        journey = self._behaviour.delay_ms("travel", parcel.shipment_id)
        gone = self._now - dispatched_at if dispatched_at else 0
        self._later(max(0, journey - gone), "shipping", lambda at: self.shipping.arrive(parcel, at))

    def due(self, now: int, out: Iterable[str] = ()) -> list[Done]:
        """What is to be published now; `out` names the services that do not answer."""
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
        return [Done(task.do(now), task.place, task.tracked) for task in ready]

    def wait_ms(self, now: int) -> int | None:
        """Until something is due; None where nothing waits."""
        return max(0, self._tasks[0].due - now) if self._tasks else None

    def waiting(self) -> dict[str, int]:
        """Requests and journeys that wait, by service."""
        counts = Counter(task.service for task in self._tasks)
        return {name: counts[name] + len(self._held[name]) for name in SERVICES}


# Which topics the requests come from, and which ones the answers go to and are remembered from.
REQUEST_TOPICS = (FULFILMENT, PAYMENTS, SHIPMENTS)
