"""Fulfilment saga as vocabulary: states, transitions, and the topics of requests and answers in each state. Pure.

The transitions are all there are: state and event → where that may lead. processors/fulfilment/machine.py does what a
transition says; docs/fulfilment.md is drawn from it, and pages derive from it what a saga waits for.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

TIMEOUT = "time-out"
FRAUD_DECLINED = "fraud.declined"


class State(StrEnum):
    """State of a saga. The values are part of the contract (docs/adr/0007-commerce-services.md)."""

    RESERVING_STOCK = "reserving_stock"
    REQUESTING_PAYMENT = "requesting_payment"
    REQUESTING_SHIPMENT = "requesting_shipment"
    SHIPPING = "shipping"
    COMPLETED = "completed"
    CANCELLING_SHIPMENT = "cancelling_shipment"
    REFUNDING_PAYMENT = "refunding_payment"
    RELEASING_STOCK = "releasing_stock"
    COMPENSATED = "compensated"
    FAILED = "failed"


FORWARD = (State.RESERVING_STOCK, State.REQUESTING_PAYMENT, State.REQUESTING_SHIPMENT, State.SHIPPING)
BACK = (State.CANCELLING_SHIPMENT, State.REFUNDING_PAYMENT, State.RELEASING_STOCK)
ENDED = (State.COMPLETED, State.COMPENSATED, State.FAILED)


class Transition(NamedTuple):
    """In `state`, on an event of type `on`: the saga enters one of `leads_to`, or stays and waits for more.

    Entering the same state is another attempt at it.
    """

    state: State
    on: str
    leads_to: tuple[State, ...]
    description: str


def _transitions() -> tuple[Transition, ...]:
    s = State
    back = "compensates"
    rules = [
        Transition(s.RESERVING_STOCK, "stock.reserved", (s.REQUESTING_PAYMENT,), "continues once all are reserved"),
        Transition(s.RESERVING_STOCK, "stock.rejected", (s.RELEASING_STOCK, s.COMPENSATED), back),
        Transition(s.REQUESTING_PAYMENT, "payment.authorised", (s.REQUESTING_SHIPMENT,), "confirms the order"),
        Transition(s.REQUESTING_PAYMENT, "payment.declined", (s.RELEASING_STOCK,), back),
        Transition(s.REQUESTING_SHIPMENT, "shipment.dispatched", (s.SHIPPING,), "awaits the delivery"),
        Transition(s.REQUESTING_SHIPMENT, "shipment.delivered", (s.COMPLETED,), "overtook its dispatch"),
        Transition(s.REQUESTING_SHIPMENT, "shipment.failed", (s.REFUNDING_PAYMENT,), back),
        Transition(s.SHIPPING, "shipment.delivered", (s.COMPLETED,), "completes the order"),
        Transition(s.SHIPPING, "shipment.failed", (s.REFUNDING_PAYMENT,), back),
        Transition(s.CANCELLING_SHIPMENT, "shipment.failed", (s.REFUNDING_PAYMENT,), "compensates further"),
        Transition(s.CANCELLING_SHIPMENT, "shipment.delivered", (s.COMPLETED,), "too late: completes after all"),
        Transition(s.REFUNDING_PAYMENT, "payment.refunded", (s.RELEASING_STOCK,), "compensates further"),
        Transition(s.RELEASING_STOCK, "stock.released", (s.COMPENSATED,), "cancels once all is given back"),
        Transition(s.RELEASING_STOCK, "stock.rejected", (s.COMPENSATED,), "nothing was held: as if released"),
    ]
    undone = {
        s.RESERVING_STOCK: (s.RELEASING_STOCK,),
        s.REQUESTING_PAYMENT: (s.REFUNDING_PAYMENT,),
        s.REQUESTING_SHIPMENT: (s.CANCELLING_SHIPMENT,),
        s.SHIPPING: (s.CANCELLING_SHIPMENT,),
    }
    for state in FORWARD:
        rules.append(Transition(state, "fraud.declined", undone[state], back))
        rules.append(Transition(state, TIMEOUT, (state, *undone[state]), "retries, finally compensates"))
    for state in BACK:
        rules.append(Transition(state, TIMEOUT, (state, s.FAILED), "retries, finally fails: a person must look"))
    order = list(State)
    return tuple(sorted(rules, key=lambda rule: order.index(rule.state)))


TRANSITIONS = _transitions()
# The topic on which a saga requests what it waits for in a state. SHIPPING requests nothing: whoever dispatched the
# shipment delivers it.
REQUESTED_ON = {
    State.RESERVING_STOCK: "fulfilment",
    State.REQUESTING_PAYMENT: "payments",
    State.REQUESTING_SHIPMENT: "shipments",
    State.SHIPPING: "shipments",
    State.CANCELLING_SHIPMENT: "fulfilment",
    State.REFUNDING_PAYMENT: "payments",
    State.RELEASING_STOCK: "fulfilment",
}
# Subject of an answer's event type → its topic.
_ANSWER_TOPICS = {"stock": "inventory", "payment": "payments", "shipment": "shipments"}


def answers(state: State) -> tuple[str, ...]:
    """The event types that answer the request of a state; a verdict of fraud and a time-out are not answers."""
    return tuple(one.on for one in TRANSITIONS if one.state is state and one.on not in (TIMEOUT, FRAUD_DECLINED))


def answered_on(state: State) -> str:
    """The topic of the answers to the request of a state."""
    (topic,) = {_ANSWER_TOPICS[answer.partition(".")[0]] for answer in answers(state)}
    return topic
