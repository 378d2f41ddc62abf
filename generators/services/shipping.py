"""The shipping service: one story a parcel: failed; or dispatched, then delivered or failed.

| Asked | Before | Answer |
|---|---|---|
| shipment.requested | nothing | shipment.dispatched, the rest after its journey; or shipment.failed |
| shipment.requested | known | what was said so far, with the same event_ids |
| shipping (saga), from its second attempt on | on its way, or over | what was said last |
| cancelling_shipment (saga) | nothing, or on its way | shipment.failed (`cancelled`); too late: shipment.delivered |
| cancelling_shipment (saga) | over | what was said last |

A parcel on its way arrives without being asked for: `arrive` is called after the journey, or after a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from generators.refund_abuse import never_receives
from generators.services.decisions import Behaviour, lost_before_dispatch, not_delivered, too_late_to_cancel
from generators.services.messages import SHIPMENTS, Answer, Event, Remembered

CANCELLED = "cancelled"
LOST = "damaged_in_transit"
UNKNOWN = "unknown"


class Parcel:
    """One shipment; times are 0 until it happened."""

    __slots__ = ("carrier", "delivered", "dispatched_at", "order_id", "over_at", "reason", "region", "shipment_id")

    def __init__(self, shipment_id: str, order_id: str, carrier: str, region: str) -> None:
        self.shipment_id, self.order_id, self.carrier, self.region = shipment_id, order_id, carrier, region
        self.dispatched_at = self.over_at = 0
        self.delivered = False
        self.reason: str | None = None


class ShippingService:
    """Decides; publishes nothing itself. `depart` is told of a parcel whose journey begins."""

    def __init__(self, behaviour: Behaviour, depart: Callable[[Parcel], None]) -> None:
        self._behaviour, self._depart = behaviour, depart
        self._parcels: dict[str, Parcel] = Remembered()
        self._customers: dict[str, str] = Remembered()

    def paid_by(self, order_id: str, customer_id: str) -> None:
        """Who gets the parcel; told by the payment, because a shipment does not say."""
        if never_receives(customer_id):
            self._customers[order_id] = customer_id

    def answer(self, event: Event, now: int) -> list[Answer]:
        """The answers to a request; none to anything else."""
        if event.order_id is None:
            return []
        if event.event_type == "shipment.requested" and event.shipment_id is not None:
            return self._request(event, now)
        parcel = self._parcels.get(f"S-{event.order_id}")
        if event.state == "shipping" and (event.attempt or 1) > 1 and parcel is not None:
            return self._said(parcel)[-1:]
        if event.state == "cancelling_shipment":
            return self._cancel(event.order_id, parcel, now)
        return []

    def _request(self, event: Event, now: int) -> list[Answer]:
        parcel = self._parcels.get(str(event.shipment_id))
        if parcel is not None:
            return self._said(parcel)
        parcel = Parcel(str(event.shipment_id), str(event.order_id), event.carrier or UNKNOWN, event.region or UNKNOWN)
        self._parcels[parcel.shipment_id] = parcel
        if lost_before_dispatch(self._behaviour, parcel.shipment_id):
            return [self._end(parcel, LOST, now)]
        parcel.dispatched_at = now
        self._depart(parcel)
        return [self._say(parcel, "dispatched", now, None)]

    def _cancel(self, order_id: str, parcel: Parcel | None, now: int) -> list[Answer]:
        if parcel is None:
            parcel = self._parcels[f"S-{order_id}"] = Parcel(f"S-{order_id}", order_id, UNKNOWN, UNKNOWN)
        if parcel.over_at:
            return self._said(parcel)[-1:]
        too_late = parcel.dispatched_at > 0 and too_late_to_cancel(self._behaviour, parcel.shipment_id)
        return [self._end(parcel, None if too_late else CANCELLED, now)]

    def arrive(self, parcel: Parcel, now: int) -> list[Answer]:
        """The journey is over; nothing where it was cancelled meanwhile."""
        if parcel.over_at:
            return []
        never = parcel.order_id in self._customers
        return [self._end(parcel, not_delivered(self._behaviour, parcel.shipment_id, never_receives=never), now)]

    def under_way(self) -> Iterable[Parcel]:
        """Parcels that were dispatched and have not arrived."""
        return [parcel for parcel in self._parcels.values() if parcel.dispatched_at and not parcel.over_at]

    def _end(self, parcel: Parcel, reason: str | None, now: int) -> Answer:
        parcel.over_at, parcel.delivered, parcel.reason = now, reason is None, reason
        return self._say(parcel, "delivered" if reason is None else "failed", now, reason)

    def _said(self, parcel: Parcel) -> list[Answer]:
        said = []
        if parcel.dispatched_at:
            said.append(self._say(parcel, "dispatched", parcel.dispatched_at, None, repeated=True))
        if parcel.over_at:
            kind = "delivered" if parcel.delivered else "failed"
            said.append(self._say(parcel, kind, parcel.over_at, parcel.reason, repeated=True))
        return said

    @staticmethod
    def _say(parcel: Parcel, kind: str, at: int, reason: str | None, *, repeated: bool = False) -> Answer:
        fields: dict[str, Any] = {
            "shipment_id": parcel.shipment_id,
            "order_id": parcel.order_id,
            "carrier": parcel.carrier,
            "region": parcel.region,
            "reason": reason,
        }
        event_id = f"{parcel.shipment_id}-{kind}"
        return Answer(SHIPMENTS, parcel.order_id, event_id, f"shipment.{kind}", at, fields, repeated)

    def recover(self, event: Event) -> None:
        """Learn from an answer found in the log."""
        if event.shipment_id is None or event.order_id is None or event.event_type == "shipment.requested":
            return
        parcel = self._parcels.get(event.shipment_id)
        if parcel is None:
            parcel = Parcel(event.shipment_id, event.order_id, event.carrier or UNKNOWN, event.region or UNKNOWN)
            self._parcels[event.shipment_id] = parcel
        if event.event_type == "shipment.dispatched":
            parcel.dispatched_at = parcel.dispatched_at or event.occurred_at
        elif not parcel.over_at:
            parcel.over_at, parcel.reason = event.occurred_at, event.reason
            parcel.delivered = event.event_type == "shipment.delivered"
