"""Figures of the page Marketing."""

from __future__ import annotations

from dashboard.data.figure import Figure
from dashboard.pages.marketing import queries

_COMPARED = "The change compares complete windows with the same span earlier."

SPEND = Figure("Spend", "€", f"Cost of all campaigns in the range. {_COMPARED}", queries.TOTALS)
REACHED = Figure("Reached", "count", f"Advertisements shown and emails sent in the range. {_COMPARED}", queries.TOTALS)
CLICKS = Figure(
    "Clicks", "count", f"Advertisements clicked and emails opened in the range. {_COMPARED}", queries.TOTALS
)
REDEEMED = Figure(
    "Promotions redeemed", "count", f"Promotions of campaigns used in orders, in the range. {_COMPARED}", queries.TOTALS
)
ORDERS = Figure(
    "Orders credited",
    "count",
    "Orders credited to the newest recent click of their customer, less reversals, by the time of the order. A dash "
    f"where no order was ever credited. {_COMPARED}",
    queries.TOTALS,
)
REVENUE = Figure("Revenue credited", "€", f"Amount of the credited orders. {_COMPARED}", queries.TOTALS)
RETURN = Figure(
    "Return on spend",
    "×",
    "Credited revenue divided by spend. Below: the margin of these orders less spend. Cost counts by its own time, "
    "orders by theirs.",
    queries.TOTALS,
)
ORDER_COST = Figure(
    "Cost per order",
    "€",
    "Spend divided by credited orders. Below: credited orders as a share of clicks.",
    queries.TOTALS,
)
FUNNEL = Figure(
    "Funnel",
    "count",
    "Shown or sent, clicked or opened, credited. Each counts by its own time, so an order may be credited to a click "
    "before the range.",
    queries.TOTALS,
)
SEGMENTS = Figure(
    "Who buys because of it",
    "orders",
    "Credited orders by segment of the customer. Lapsed: the previous order was long ago.",
    queries.SEGMENTS,
)
OVER_TIME = Figure(
    "Over time",
    "",
    "The chosen measure in each bar, by channel or campaign. Ratios are lines, with a gap where the divisor is 0.",
    queries.TIMELINE,
)
CHANNELS = Figure("By channel", "", "Channels in the range.", queries.CHANNELS)
CAMPAIGNS = Figure("Campaigns", "", "The 200 campaigns with the highest revenue in the range.", queries.CAMPAIGNS)
