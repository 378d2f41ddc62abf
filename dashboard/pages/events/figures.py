"""Figures of the story of one thing, on the page Events."""

from __future__ import annotations

from dashboard.data.figure import Figure
from dashboard.pages.events import story_queries

EVENTS = Figure("Events", "", "Events that name it, dead letters of its key included.", story_queries.WHOLE)
DURATION = Figure("From first to last", "s", "By the events' own times.", story_queries.WHOLE)
LONGEST_GAP = Figure(
    "Longest silence",
    "",
    "Longest time between two consecutive events, marked ▲ in the table.",
    story_queries.WHOLE,
)
DEAD_LETTERS = Figure("Dead letters", "count", "Events that could not be processed.", story_queries.WHOLE)
CLOCK_SKEW = Figure(
    "Clocks differ by",
    "",
    "How much earlier, by its own clock, an event happened than one that it follows from; late events are left out.",
    story_queries.WHOLE,
)
