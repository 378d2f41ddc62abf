"""Figures of the page Orders and revenue."""

from __future__ import annotations

from dashboard.data.figure import Figure
from dashboard.pages.orders import queries

_COMPARED = "The change compares complete windows with the same span earlier."
_SHARE = (
    "as a share of the orders placed in it. They may have been placed before the range: in a short range the share can "
    "exceed 100 %."
)

ORDERS = Figure("Orders", "count", f"Orders placed in the range. {_COMPARED}", queries.TOTALS)
REVENUE = Figure("Revenue", "€", f"Amount of the orders placed in the range. {_COMPARED}", queries.TOTALS)
ORDER_VALUE = Figure("Order value", "€", f"Revenue of the range divided by its orders. {_COMPARED}", queries.TOTALS)
UNITS = Figure(
    "Units",
    "count",
    f"Units in the orders placed in the range. {_COMPARED}",
    queries.TOTALS,
)
CONFIRMED = Figure("Confirmed", "%", f"Orders confirmed in the range, {_SHARE}", queries.TOTALS)
CANCELLED = Figure("Cancelled", "%", f"Orders cancelled in the range, {_SHARE}", queries.TOTALS)
COMPLETED = Figure("Completed", "%", f"Orders completed (delivered) in the range, {_SHARE}", queries.TOTALS)
REVENUE_OVER_TIME = Figure(
    "Revenue over time",
    "€",
    "Revenue in each bar by region, channel or payment method. The eight largest have a colour, the rest is “other”. "
    "Dashed: the earlier span.",
    queries.TIMELINE,
)
ORDERS_OVER_TIME = Figure(
    "Orders over time", "orders", "Orders placed in each bar, split and compared like the revenue.", queries.TIMELINE
)
RANKING = Figure(
    "Ranking",
    "€",
    "Revenue by region, channel or payment method, and its share of all.",
    queries.RANKING,
)
TABLE = Figure(
    "Table",
    "",
    "The range by region, channel or payment method: the 200 largest by revenue, shares of all. A name is a link that "
    "filters by it.",
    queries.RANKING,
)
