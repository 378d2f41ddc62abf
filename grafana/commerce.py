"""Dashboard of the commerce catalog: orders, revenue, payments, stock, campaigns, shipments.

Its counters are those the warehouse updates while it merges window models, for rates and alerts. Exact figures of any
period are in the warehouse's tables (the link at the top).
"""

from __future__ import annotations

from grafana import places
from grafana.board import Board, Row, Variable
from grafana.panels import Query, Spec, series_of, stat_of
from streamgauge.domain import limits

_REGION = Variable(
    "region", "Region", "streamgauge_kpi_order_windows_orders_total", "region", "Regions of the orders to show."
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
        stat_of("Orders per minute", "Orders placed per minute, now.", "short", f"{_ORDERS} * 60", decimals=0),
        stat_of(
            "Revenue per minute",
            "Amount of the orders placed per minute, now.",
            "currencyEUR",
            f"{_REVENUE} * 60 / 100",
            decimals=0,
        ),
        stat_of(
            "Average order",
            "Revenue / orders placed, now.",
            "currencyEUR",
            f"{_REVENUE} / 100 / {_ORDERS}",
            decimals=2,
        ),
        stat_of(
            "Cancelled",
            "Orders cancelled / orders placed, now.",
            "percentunit",
            f"sum(rate({_orders('cancelled')})) / {_ORDERS}",
            (0.1, limits.MANY_DECLINED),
            decimals=1,
        ),
        stat_of(
            "Declined",
            "Payments declined / payments requested, now, all methods.",
            "percentunit",
            f"sum({_rate('payment', 'declined')}) / sum({_rate('payment', 'requested')})",
            (0.1, limits.MANY_DECLINED),
            decimals=1,
            runbook="payment-decline-rate",
        ),
        stat_of(
            "Not in stock",
            "Units rejected / units ordered, now, all locations.",
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
            "Orders placed per minute.",
            "short",
            (Query(f"sum by (region) (rate({_orders('orders')})) * 60", "{{region}}"),),
        ),
        Spec(
            "stacked",
            "Revenue by channel",
            "Amount of the orders placed per minute.",
            "currencyEUR",
            (Query(f"sum by (channel) (rate({_orders('revenue_cents')})) * 60 / 100", "{{channel}}"),),
        ),
        series_of(
            "Orders by outcome",
            "Orders per minute at each step: confirmed seconds after placed, completed after the delivery.",
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
            "Payments declined / payments requested, by method. A jump of one method is often a failure of its "
            "provider; a jump of one customer's cards is often card testing.",
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
            "Amount per minute.",
            "currencyEUR",
            Query(f"sum({_rate('payment', 'authorised_cents')}) * 60 / 100", "authorised"),
            Query(f"sum({_rate('payment', 'refunded_cents')}) * 60 / 100", "refunded"),
        ),
        series_of(
            "Units not in stock",
            "Units rejected / units ordered, by location.",
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
            "Clicks on advertisements and promotions redeemed per minute, all campaigns, by channel.",
            "short",
            Query(f"sum by (channel) ({_rate('marketing', 'clicks')}) * 60", "{{channel}} clicks"),
            Query(f"sum by (channel) ({_rate('marketing', 'redemptions')}) * 60", "{{channel}} redemptions"),
        ),
        Spec(
            "stacked",
            "Advertising cost",
            "Cost per minute, by channel.",
            "currencyEUR",
            (Query(f"sum by (channel) ({_rate('marketing', 'cost_cents')}) * 60 / 100", "{{channel}}"),),
        ),
        series_of(
            "Failed deliveries",
            "Shipments failed / shipments dispatched, by carrier.",
            "percentunit",
            Query(
                f"sum by (carrier) ({_rate('shipment', 'failed')})"
                f" / sum by (carrier) ({_rate('shipment', 'dispatched')})",
                "{{carrier}}",
            ),
        ),
        series_of(
            "Overdue sagas",
            "Orders whose fulfilment is overdue, by state: past their deadline, or in the state three times as long as "
            "95 % of orders.",
            "short",
            Query("sum by (state) (streamgauge_view_sagas_stuck_overdue)", "{{state}}"),
            span=12,
            height=6,
            runbook="saga-stuck",
        ),
        series_of(
            "Residue of ended sagas",
            "Money left over by ended sagas, by final state, from the services' own events.",
            "currencyEUR",
            Query("sum by (state) (streamgauge_view_saga_residues_cents) / 100", "{{state}}"),
            span=12,
            height=6,
            runbook="compensation-residue",
        ),
    ),
)
STOCK = Row(
    "Stock and active campaigns",
    (
        series_of(
            "SKUs out of stock",
            "SKUs of a location with nothing available: `out` has no stock left, `oversold` has more reserved than on "
            "hand, which must never happen.",
            "short",
            Query(
                'sum by (location, status) (streamgauge_view_stock_status_articles{status=~"out|oversold"})',
                "{{location}} {{status}}",
            ),
            runbook="stock-oversold",
        ),
        Spec(
            "stacked",
            "SKUs by stock cover",
            "Cover at the rate of the last ten minutes; `low` is less than five minutes.",
            "short",
            (Query("sum by (status) (streamgauge_view_stock_status_articles)", "{{status}}"),),
        ),
        series_of(
            "Campaigns about to sell out",
            "Share of the demand (units per minute) in the categories of active campaigns whose SKUs are sold out, or "
            "will be within a minute at the current rate.",
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
    "Orders, revenue, payments, stock, campaigns and shipments, live.",
    "orders",
    (_REGION,),
    (GLANCE, SALES, MONEY_AND_STOCK, STOCK, REACH),
)
