"""The commerce catalog's figures: orders, revenue, payments, stock, campaigns, shipments, as they happen.

Counters that the warehouse adds up while it merges the window models: for rates and alerts. Exact figures of any
period are in its tables (the link at the top).
"""

from __future__ import annotations

from grafana import places
from grafana.board import Board, Row, Variable
from grafana.panels import Query, Spec, series_of, stat_of
from streamgauge.domain import limits

_REGION = Variable(
    "region", "Region", "streamgauge_kpi_order_windows_orders_total", "region", "Regions of the orders that are shown."
)


def _orders(measure: str) -> str:
    return f'streamgauge_kpi_order_windows_{measure}_total{{region=~"$region"}}[$__rate_interval]'


def _rate(model: str, measure: str) -> str:
    return f"rate(streamgauge_kpi_{model}_windows_{measure}_total[$__rate_interval])"


_ORDERS = f"sum(rate({_orders('orders')}))"
_REVENUE = f"sum(rate({_orders('revenue_cents')}))"
_REJECTED = _rate("inventory", "rejected")
_RESERVED = _rate("inventory", "reserved")

GLANCE = Row(
    "At a glance",
    (
        stat_of("Orders a minute", "Orders placed a minute, now.", "short", f"{_ORDERS} * 60", decimals=0),
        stat_of(
            "Revenue a minute",
            "Amounts of the orders placed a minute, now.",
            "currencyEUR",
            f"{_REVENUE} * 60 / 100",
            decimals=0,
        ),
        stat_of(
            "Average order",
            "Revenue over orders placed, now.",
            "currencyEUR",
            f"{_REVENUE} / 100 / {_ORDERS}",
            decimals=2,
        ),
        stat_of(
            "Cancelled",
            "Orders cancelled over orders placed, now.",
            "percentunit",
            f"sum(rate({_orders('cancelled')})) / {_ORDERS}",
            (0.1, limits.MANY_DECLINED),
            decimals=1,
        ),
        stat_of(
            "Declined",
            "Payments declined over payments requested, now, all methods.",
            "percentunit",
            f"sum({_rate('payment', 'declined')}) / sum({_rate('payment', 'requested')})",
            (0.1, limits.MANY_DECLINED),
            decimals=1,
            runbook="payment-decline-rate",
        ),
        stat_of(
            "Not in stock",
            "Units that could not be reserved over all units asked for, now, all locations.",
            "percentunit",
            f"(sum({_REJECTED}) or vector(0)) / ((sum({_REJECTED}) or vector(0)) + sum({_RESERVED}))",
            (0.05, 0.1),
            decimals=1,
            runbook="stock-outs",
        ),
    ),
)
SALES = Row(
    "Orders and revenue",
    (
        Spec(
            "stacked",
            "Orders by region",
            "Orders placed a minute.",
            "short",
            (Query(f"sum by (region) (rate({_orders('orders')})) * 60", "{{region}}"),),
        ),
        Spec(
            "stacked",
            "Revenue by channel",
            "Amounts of the orders placed, a minute.",
            "currencyEUR",
            (Query(f"sum by (channel) (rate({_orders('revenue_cents')})) * 60 / 100", "{{channel}}"),),
        ),
        series_of(
            "What becomes of orders",
            "Orders a minute at each step. Confirmed follows placed within seconds, completed after the delivery.",
            "short",
            *(
                Query(f"sum(rate({_orders(measure)})) * 60", name)
                for measure, name in (
                    ("orders", "placed"),
                    ("confirmed", "confirmed"),
                    ("completed", "completed"),
                    ("cancelled", "cancelled"),
                )
            ),
        ),
    ),
)
MONEY_AND_STOCK = Row(
    "Payments and stock",
    (
        series_of(
            "Declined payments",
            "Payments declined over payments requested, by method. A jump in one method is often its provider; in one "
            "customer's cards, somebody who tries stolen ones.",
            "percentunit",
            Query(
                f"sum by (method) ({_rate('payment', 'declined')}) / sum by (method) ({_rate('payment', 'requested')})",
                "{{method}}",
            ),
            levels=(limits.MANY_DECLINED,),
            runbook="payment-decline-rate",
        ),
        series_of(
            "Authorised and refunded",
            "Money a minute.",
            "currencyEUR",
            Query(f"sum({_rate('payment', 'authorised_cents')}) * 60 / 100", "authorised"),
            Query(f"sum({_rate('payment', 'refunded_cents')}) * 60 / 100", "refunded"),
        ),
        series_of(
            "Units not in stock",
            "Units that could not be reserved over all units asked for, by location.",
            "percentunit",
            Query(
                f"sum by (location) ({_REJECTED})"
                f" / (sum by (location) ({_REJECTED}) + sum by (location) ({_RESERVED}))",
                "{{location}}",
            ),
            levels=(0.1,),
            runbook="stock-outs",
        ),
    ),
)
REACH = Row(
    "Campaigns and shipments",
    (
        series_of(
            "Clicks and redemptions",
            "A minute, all campaigns, by channel: clicks on advertisements and promotions redeemed.",
            "short",
            Query(f"sum by (channel) ({_rate('marketing', 'clicks')}) * 60", "{{channel}} clicks"),
            Query(f"sum by (channel) ({_rate('marketing', 'redemptions')}) * 60", "{{channel}} redemptions"),
        ),
        Spec(
            "stacked",
            "Advertising cost",
            "Money spent a minute, by channel.",
            "currencyEUR",
            (Query(f"sum by (channel) ({_rate('marketing', 'cost_cents')}) * 60 / 100", "{{channel}}"),),
        ),
        series_of(
            "Failed deliveries",
            "Shipments failed over shipments dispatched, by carrier.",
            "percentunit",
            Query(
                f"sum by (carrier) ({_rate('shipment', 'failed')})"
                f" / sum by (carrier) ({_rate('shipment', 'dispatched')})",
                "{{carrier}}",
            ),
        ),
        series_of(
            "Overdue sagas",
            "Orders whose fulfilment should have moved on and has not, by the state they are in: past their deadline, "
            "or three times as long there as 95 of 100 others.",
            "short",
            Query("sum by (state) (streamgauge_view_sagas_stuck_overdue)", "{{state}}"),
            span=12,
            height=6,
            runbook="saga-stuck",
        ),
        series_of(
            "Residue of ended sagas",
            "Money that sagas left where it should not be, by how they ended; by the word of the services alone.",
            "currencyEUR",
            Query("sum by (state) (streamgauge_view_saga_residues_cents) / 100", "{{state}}"),
            span=12,
            height=6,
            runbook="compensation-residue",
        ),
    ),
)
STOCK = Row(
    "Stock and running campaigns",
    (
        series_of(
            "Articles without stock",
            "Articles of a location that cannot be promised any more: `out` has none left, `oversold` has promised "
            "more than there is, which must never be.",
            "short",
            Query(
                'sum by (location, status) (streamgauge_view_stock_status_articles{status=~"out|oversold"})',
                "{{location}} {{status}}",
            ),
            runbook="stock-oversold",
        ),
        Spec(
            "stacked",
            "Articles by how long they last",
            "At the rate of the last ten minutes: `low` is less than five minutes.",
            "short",
            (Query("sum by (status) (streamgauge_view_stock_status_articles)", "{{status}}"),),
        ),
        series_of(
            "Campaigns about to sell out",
            "Of the units a minute that are wanted in the categories of running campaigns: the share of articles that "
            "are gone, or will be within a minute at the present rate.",
            "percentunit",
            Query(
                'sum by (channel) (streamgauge_view_surge_levels_wanted_per_minute{level=~"sold_out|critical"})'
                " / sum by (channel) (streamgauge_view_surge_levels_wanted_per_minute)",
                "{{channel}}",
            ),
            levels=(0.2,),
            runbook="campaign-sells-out",
        ),
    ),
)
COMMERCE = Board(
    places.COMMERCE,
    "Streamgauge / Commerce KPIs",
    "Orders, revenue, payments, stock, campaigns and shipments as they happen.",
    "orders",
    (_REGION,),
    (GLANCE, SALES, MONEY_AND_STOCK, STOCK, REACH),
)
