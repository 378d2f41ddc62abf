"""Figures of the page Inventory."""

from __future__ import annotations

from dashboard.data.figure import Figure
from dashboard.pages.inventory import queries

# The queries about the current stock read the raw events of ten minutes: all sessions share a result for this long.
SHARED_S = 10.0
NOW = f"As of now, whatever the range; refreshed every {SHARED_S:.0f} s."
_ARTICLES = "Counted by article and location; below, the number of all"
_MOVED = "in the range. The change compares complete windows with the same span earlier."

OVERSOLD = Figure(
    "Oversold", "count", f"Articles of which more is promised than there is. {_ARTICLES}. {NOW}", queries.LEVELS
)
OUT_OF_STOCK = Figure(
    "Out of stock", "count", f"Articles of which everything is promised. {_ARTICLES}. {NOW}", queries.LEVELS
)
LOW_COVER = Figure(
    "Low cover",
    "count",
    f"Articles that last less than five minutes at the current rate. {_ARTICLES}. {NOW}",
    queries.LEVELS,
)
REFUSED_UNITS = Figure(
    "Refused units/min",
    "/min",
    "Units a minute that orders requested and that could not be promised, over the last ten minutes. A dash after 20 "
    f"minutes without an event. {NOW}",
    queries.LEVELS,
)
REFUSED_MONEY = Figure(
    "Refused €/min",
    "€",
    f"The refused units a minute at the articles' prices. A dash where no price is known. {NOW}",
    queries.LEVELS,
)
RESERVED = Figure("Reserved in range", "count", f"Units promised to orders {_MOVED}", queries.MOVED)
SHIPPED = Figure("Shipped in range", "count", f"Units that left {_MOVED}", queries.MOVED)
RECEIVED = Figure("Received in range", "count", f"Units that arrived {_MOVED}", queries.MOVED)
REFUSED = Figure("Refused in range", "count", f"Units that could not be promised {_MOVED}", queries.MOVED)
MOVEMENTS = Figure(
    "Units by movement",
    "units",
    "Units received, reserved, released, shipped and refused in each bar. Released units were promised to orders that "
    "came to nothing.",
    queries.TIMELINE,
)
BY_LOCATION = Figure(
    "Movement by location",
    "units",
    "The chosen movement in each bar by location. Dashed: the earlier span.",
    queries.TIMELINE,
)
STOCK_OUTS = Figure(
    "Stock-outs",
    "",
    f"Articles that cannot be promised any more, those that refuse most money first, up to 100. {NOW}",
    queries.SHORT,
)
LOWEST_COVER = Figure(
    "Lowest cover",
    "",
    f"Articles in stock that are being taken, the first to run out on top, up to 100. {NOW}",
    queries.SHORT,
)
SURGE_GUARD = Figure(
    "Surge guard",
    "",
    f"Articles that running campaigns advertise, the first to sell out on top, up to 100. {NOW}",
    queries.GUARD,
)
