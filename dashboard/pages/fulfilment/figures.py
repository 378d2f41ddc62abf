"""Figures of the page Fulfilment."""

from __future__ import annotations

from dashboard.data.figure import Figure
from dashboard.pages.fulfilment import queries, saga_queries

IN_PROGRESS = Figure(
    "In progress now",
    "count",
    "Sagas that have not ended, whatever the range. Below: the amount of their orders.",
    queries.STANDING,
)
STUCK = Figure(
    "Stuck now",
    "count",
    "Sagas ten seconds past the deadline of their attempt, or in their state three times as long as 95 of 100 others. "
    "Whatever the range; refreshed every 10 s.",
    queries.STUCK,
)
RESIDUE = Figure(
    "Residue now",
    "€",
    "Money that ended sagas left charged or over-refunded: sagas of the last hour, failed ones of a day. Refreshed "
    "every 20 s.",
    queries.RESIDUES,
)
DELIVERED = Figure(
    "Delivered",
    "count",
    "Sagas completed in the range. The change compares complete windows with the same span earlier.",
    queries.FLOW,
)
COMPENSATED = Figure(
    "Compensated",
    "%",
    "Of the sagas that ended in the range, those that reversed every step and cancelled the order.",
    queries.FLOW,
)
FAILED = Figure(
    "Failed",
    "count",
    "Sagas of the range in which a compensating step got no reply in any attempt: someone must look.",
    queries.FLOW,
)
FUNNEL = Figure(
    "How far orders come",
    "sagas",
    "Sagas that entered each state in the range, each once, and their share of those started; some started before the "
    "range.",
    queries.FLOW,
)
STATES = Figure(
    "Where orders are now",
    "",
    "Each state: orders, money, its usual duration (in the last hour), what it waits for, and how far the groups are "
    "behind that read the request and the reply.",
    queries.STANDING,
)
STUCK_ORDERS = Figure(
    "Stuck orders",
    "",
    "The 50 sagas stuck longest, with the event expected next and the consumer group responsible.",
    queries.STUCK,
)
REASONS = Figure(
    "Why orders were not delivered",
    "",
    "Reasons, up to the first colon, of the sagas that ended without a delivery, as far back as raw events are kept.",
    queries.TURNED,
)
LEDGER = Figure(
    "Compensation ledger",
    "",
    "The newest 50 orders that were not delivered: what moved and what is left, as the services reported it. "
    "Refreshed every 20 s.",
    queries.LEDGER,
)
RESIDUES = Figure("Residues", "", "Ended sagas that left money or units behind.", queries.RESIDUES)
STEPS = Figure("Step by step", "", "One order: its states with their durations and attempts.", saga_queries.STEPS)
MOVED = Figure("What moved", "", "One order: its line of the compensation ledger.", queries.LEDGER)
STORY = Figure(
    "Events of all services",
    "",
    "One order: the first 200 events of all streams, with what each changed.",
    saga_queries.STORY,
)
