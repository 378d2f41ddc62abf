"""Figures of the page Dead letters."""

from __future__ import annotations

from dashboard.data.figure import Figure
from dashboard.pages.dead_letters import queries

DEAD_LETTERS = Figure(
    "Dead letters",
    "count",
    "Events that could not be processed, by when they became dead letters. The change compares complete windows with "
    "the same span earlier.",
    queries.TOTAL,
)
CAUSES = Figure(
    "Causes",
    "count",
    "Kinds of failure: stream, reason, field and message. Below: those never seen before the range.",
    queries.TOTAL,
)
SENT_AGAIN = Figure(
    "Sent again",
    "count",
    "Dead letters of the range that were sent again, whenever that was; the others are open.",
    queries.CAUSES,
)
SETTLED = Figure(
    "Settled",
    "count",
    "Of those sent again, events that did not become dead letters again. One whose consumer has not reached it yet "
    "counts as settled until it fails.",
    queries.CAUSES,
)
TIMELINE = Figure(
    "Dead letters by stream", "dead letters", "Dead letters of each bar of the range by stream.", queries.TIMELINE
)
BY_CAUSE = Figure(
    "By cause",
    "",
    "The 200 most frequent causes. The trend is the range in 24 parts, each cause scaled by its own highest bar.",
    queries.CAUSES,
)
HISTORY = Figure(
    "History",
    "",
    "The newest 50 retries of any time. Below: the actions taken through the pages.",
    queries.HISTORY,
)
