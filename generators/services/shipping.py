"""The shipping service: a parcel fails; or it is dispatched, then delivered or failed.

| Request | State before | Reply |
|---|---|---|
| shipment.requested | nothing | shipment.dispatched, the rest after its journey; or shipment.failed |
| shipment.requested | known | all replies so far, with the same event_ids |
| shipping (saga), from its second attempt on | in transit, or ended | the last reply |
| cancelling_shipment (saga) | nothing, or in transit | shipment.failed (`cancelled`); too late: shipment.delivered |
| cancelling_shipment (saga) | ended | the last reply |

A parcel in transit arrives without a request: `arrive` is called after its journey, or after a restart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from generators.refund_abuse import never_receives
from generators.services.decisions import Behaviour, lost_before_dispatch, not_delivered, too_late_to_cancel
from generators.services.messages import SHIPMENTS, BoundedDict, Event, Reply

CANCELLED = "cancelled"
LOST = "damaged_in_transit"
UNKNOWN = "unknown"


class Parcel:
    """One shipment; times are ms since the epoch, 0 if not yet."""

    __slots__ = ("carrier", "delivered", "dispatched_at", "order_id", "ended_at", "reason", "region", "shipment_id")

    def __init__(self, shipment_id: str, order_id: str, carrier: str, region: str) -> None:
        self.shipment_id, self.order_id, self.carrier, self.region = shipment_id, order_id, carrier, region
        self.dispatched_at = self.ended_at = 0
        self.delivered = False
        self.reason: str | None = None


class ShippingService:
    """Decides; publishes nothing itself. `depart` is called with a parcel when it is dispatched."""

    def __init__(self, behaviour: Behaviour, depart: Callable[[Parcel], None]) -> None:
        self._behaviour, self._depart = behaviour, depart
        self._parcels: dict[str, Parcel] = BoundedDict()
        self._customers: dict[str, str] = BoundedDict()

    def paid_by(self, order_id: str, customer_id: str) -> None:
        """Record the customer of an order: payments name it, shipments do not."""
        if never_receives(customer_id):
            self._customers[order_id] = customer_id

    def handle(self, event: Event, now: int) -> list[Reply]:
        """The replies to a request; none to other events."""
        if event.order_id is None:
            return []
        if event.event_type == "shipment.requested" and event.shipment_id is not None:
            return self._request(event, now)
        parcel = self._parcels.get(f"S-{event.order_id}")
        if event.state == "shipping" and (event.attempt or 1) > 1 and parcel is not None:
            return self._past_replies(parcel)[-1:]
        if event.state == "cancelling_shipment":
            return self._cancel(event.order_id, parcel, now)
        return []

    def _request(self, event: Event, now: int) -> list[Reply]:
        parcel = self._parcels.get(str(event.shipment_id))
        if parcel is not None:
            return self._past_replies(parcel)
        parcel = Parcel(str(event.shipment_id), str(event.order_id), event.carrier or UNKNOWN, event.region or UNKNOWN)
        self._parcels[parcel.shipment_id] = parcel
        if lost_before_dispatch(self._behaviour, parcel.shipment_id):
            return [self._end(parcel, LOST, now)]
        parcel.dispatched_at = now
        self._depart(parcel)
        return [self._reply(parcel, "dispatched", now, None)]

    def _cancel(self, order_id: str, parcel: Parcel | None, now: int) -> list[Reply]:
        if parcel is None:
            parcel = self._parcels[f"S-{order_id}"] = Parcel(f"S-{order_id}", order_id, UNKNOWN, UNKNOWN)
        if parcel.ended_at:
            return self._past_replies(parcel)[-1:]
        too_late = parcel.dispatched_at > 0 and too_late_to_cancel(self._behaviour, parcel.shipment_id)
        return [self._end(parcel, None if too_late else CANCELLED, now)]

    def arrive(self, parcel: Parcel, now: int) -> list[Reply]:
        """The journey is over. No reply if the parcel was cancelled meanwhile."""
        if parcel.ended_at:
            return []
        never = parcel.order_id in self._customers
        return [self._end(parcel, not_delivered(self._behaviour, parcel.shipment_id, never_receives=never), now)]

    def in_transit(self) -> Iterable[Parcel]:
        """Parcels that were dispatched and have not arrived."""
        return [parcel for parcel in self._parcels.values() if parcel.dispatched_at and not parcel.ended_at]

    def _end(self, parcel: Parcel, reason: str | None, now: int) -> Reply:
        parcel.ended_at, parcel.delivered, parcel.reason = now, reason is None, reason
        return self._reply(parcel, "delivered" if reason is None else "failed", now, reason)

    def _past_replies(self, parcel: Parcel) -> list[Reply]:
        replies = []
        if parcel.dispatched_at:
            replies.append(self._reply(parcel, "dispatched", parcel.dispatched_at, None, repeated=True))
        if parcel.ended_at:
            kind = "delivered" if parcel.delivered else "failed"
            replies.append(self._reply(parcel, kind, parcel.ended_at, parcel.reason, repeated=True))
        return replies

    @staticmethod
    def _reply(parcel: Parcel, kind: str, at: int, reason: str | None, *, repeated: bool = False) -> Reply:
        fields: dict[str, Any] = {
            "shipment_id": parcel.shipment_id,
            "order_id": parcel.order_id,
            "carrier": parcel.carrier,
            "region": parcel.region,
            "reason": reason,
        }
        event_id = f"{parcel.shipment_id}-{kind}"
        return Reply(SHIPMENTS, parcel.order_id, event_id, f"shipment.{kind}", at, fields, repeated)

    def recover(self, event: Event) -> None:
        """Restore state from a reply in the log."""
        if event.shipment_id is None or event.order_id is None or event.event_type == "shipment.requested":
            return
        parcel = self._parcels.get(event.shipment_id)
        if parcel is None:
            parcel = Parcel(event.shipment_id, event.order_id, event.carrier or UNKNOWN, event.region or UNKNOWN)
            self._parcels[event.shipment_id] = parcel
        if event.event_type == "shipment.dispatched":
            parcel.dispatched_at = parcel.dispatched_at or event.occurred_at
        elif not parcel.ended_at:
            parcel.ended_at, parcel.reason = event.occurred_at, event.reason
            parcel.delivered = event.event_type == "shipment.delivered"
