"""What a saga waits for in each state, and which consumer group has to move first. Pure.

The table says what docs/adr/0007-commerce-services.md does; a test holds it to the saga's own, which pages may not
import. A service reads what is asked of it on `asked_on`, as one of `services`, and answers on `answered_on`; there the
group of the saga reads it. Where services of your own answer, their groups belong here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from streamgauge.domain import format

SAGA = "fulfilment"
SERVICES = "services"
# A group that is behind by less than this is not why a saga stands still.
BEHIND_S = 5.0
# Lag statuses of a group that does not move (docs/lag.md).
STANDING = ("STALL", "STOP", "REWIND")


@dataclass(frozen=True)
class Wait:
    """What a saga in `state` waits for; any one of `answers` moves it."""

    state: str
    asked_on: str
    answers: tuple[str, ...]
    answered_on: str
    asked_of: str = SERVICES
    back: bool = False

    @property
    def says(self) -> str:
        """`payment.authorised or payment.declined`."""
        return " or ".join(self.answers)


WAITS = {
    wait.state: wait
    for wait in (
        Wait("reserving_stock", "fulfilment", ("stock.reserved", "stock.rejected"), "inventory"),
        Wait("requesting_payment", "payments", ("payment.authorised", "payment.declined"), "payments"),
        Wait(
            "requesting_shipment",
            "shipments",
            ("shipment.dispatched", "shipment.delivered", "shipment.failed"),
            "shipments",
        ),
        # Nothing further is asked for: the service that dispatched it delivers.
        Wait("shipping", "shipments", ("shipment.delivered", "shipment.failed"), "shipments"),
        Wait("cancelling_shipment", "fulfilment", ("shipment.failed", "shipment.delivered"), "shipments", back=True),
        Wait("refunding_payment", "payments", ("payment.refunded",), "payments", back=True),
        Wait("releasing_stock", "fulfilment", ("stock.released", "stock.rejected"), "inventory", back=True),
    )
}


@dataclass(frozen=True)
class Lag:
    """How far a group is behind on what it reads of one topic; None is not known."""

    group: str
    topic: str
    events: int | None
    seconds: float | None
    status: str

    @property
    def behind(self) -> bool:
        """Whether it is far enough behind, or stands still with something to read."""
        return (self.seconds or 0.0) > BEHIND_S or (self.status in STANDING and bool(self.events))

    @property
    def says(self) -> str:
        """`12 events, 0.3 s behind`, `up to date`, or that it is not known."""
        if self.events is None:
            return "lag unknown"
        if not self.events:
            return "up to date"
        time = "" if self.seconds is None else f", {format.duration(self.seconds)} behind"
        return f"{format.count(self.events)} events{time}"


@dataclass(frozen=True)
class Responsible:
    """The group that has to move first, by its lag on what it has to read, and why it is that one."""

    lag: Lag
    why: str

    @property
    def group(self) -> str:
        """Its name."""
        return self.lag.group


def lag(rows: Iterable[Mapping[str, Any]], group: str, topic: str) -> Lag:
    """Of a group on a topic and on the topic by which it passes that on to itself under another key."""
    by_way_of = f"repartition__{group}--{topic}--"
    chosen = [
        row
        for row in rows
        if row["group"] == group and (row["topic"] == topic or str(row["topic"]).startswith(by_way_of))
    ]
    known = [row["lag"] for row in chosen if row["lag"] is not None]
    seconds = [row["lag_seconds"] for row in chosen if row["lag_seconds"] is not None]
    worst = next((row["status"] for row in chosen if row["status"] in STANDING), "OK" if chosen else "UNKNOWN")
    return Lag(group, topic, sum(known) if known else None, max(seconds, default=None), worst)


def asked(wait: Wait, rows: Iterable[Mapping[str, Any]]) -> Lag:
    """How far the service is behind on what is asked of it."""
    return lag(rows, wait.asked_of, wait.asked_on)


def answered(wait: Wait, rows: Iterable[Mapping[str, Any]]) -> Lag:
    """How far the saga's processor is behind on the answers."""
    return lag(rows, SAGA, wait.answered_on)


def responsible(wait: Wait, service: Lag, saga: Lag) -> Responsible:
    """The first of the chain that is behind; where nobody is, the service has read the request and owes an answer."""
    if service.behind:
        return Responsible(service, f"has not read all that is asked on {wait.asked_on}: {service.says}")
    if saga.behind:
        return Responsible(saga, f"has not read all answers on {wait.answered_on}: {saga.says}")
    if service.events is None:
        return Responsible(service, f"owes an answer; its lag on {wait.asked_on} is not known")
    return Responsible(service, f"has read {wait.asked_on} and owes an answer on {wait.answered_on}")
