"""Figures of the reconciliation panel."""

from __future__ import annotations

from dataclasses import replace

from dashboard.data.figure import Figure
from dashboard.reconciliation import queries

PRODUCED = Figure(
    "Produced",
    "count",
    "Committed events in the log since `up` began, whoever wrote them. Below: what the generator and the synthetic "
    "services report as acknowledged; processors publish the rest.",
    "",
)
VISIBLE = Figure(
    "Visible in SQL",
    "count",
    "Events in `stream_windows` since `up` began, dead letters included. Below: events in flight, which analytics has "
    "not committed yet or the warehouse has not merged.",
    queries.VISIBLE,
)
MISSING = Figure(
    "Missing",
    "count",
    "Events that analytics has committed, whose results the warehouse has committed, and that SQL does not show.",
    queries.VISIBLE,
)
DUPLICATED = Figure(
    "Counted twice",
    "count",
    "Events that SQL shows and that the log, read to its end afterwards, does not have.",
    queries.VISIBLE,
)

# Without `up` the log is not counted: the panel compares with what the producers report.
PRODUCED_BY_PRODUCERS = replace(
    PRODUCED,
    meaning="Events that the generators with this data directory report as acknowledged by the broker.",
)
MISSING_BY_PRODUCERS = replace(
    MISSING,
    meaning="Published more than 15 s ago and not visible, though nothing waits for analytics. Unknown where the lag "
    "is unknown.",
)
DUPLICATED_BY_POSITION = replace(
    DUPLICATED,
    meaning="Rows of the raw tables, of the last minutes, whose position in the log another row has too.",
    query="proof.places",
)
