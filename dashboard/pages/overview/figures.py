"""Figures of the Overview."""

from __future__ import annotations

from dashboard.data.figure import Figure
from dashboard.data.traffic_queries import TRAFFIC
from dashboard.pages.overview import queries

EVENTS = Figure(
    "Events/s",
    "/s",
    "Events of all streams, good and bad, in the complete windows of the last minute. Below: those of the range.",
    TRAFFIC,
)
ORDERS = Figure(
    "Orders/min",
    "/min",
    "Orders placed in the complete windows of the last minute. Below: those of the range.",
    queries.ORDERS,
)
REVENUE = Figure(
    "Revenue",
    "€",
    "Amount of the orders placed in the range. The change compares complete windows with the same span earlier.",
    queries.ORDERS,
)
FAILURES = Figure(
    "Failures",
    "count",
    "Events of the range that could not be processed, and their share of all events; red above 1 %.",
    TRAFFIC,
)
LATE = Figure(
    "Late events",
    "count",
    "Events more than 10 s older than the newest of their partition. They count in their own window, so past "
    "figures may still grow.",
    TRAFFIC,
)
TOP_REGIONS = Figure(
    "Top regions", "€", "The six regions with the highest revenue in the range, with their orders.", queries.TOPS
)
TOP_CHANNELS = Figure(
    "Top channels", "€", "The six channels with the highest revenue in the range, with their orders.", queries.TOPS
)
