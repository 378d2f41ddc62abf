"""The pages of the dashboard, in the order of the navigation. A new page is one entry here.

The application, the browser tests and the tables of docs/dashboard.md follow from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dashboard.components import throughput
from dashboard.data.figure import Figure, of_module
from dashboard.pages.dead_letters import figures as dead_letter_figures
from dashboard.pages.dead_letters import page as dead_letters
from dashboard.pages.events import figures as story_figures
from dashboard.pages.events import page as events
from dashboard.pages.fulfilment import figures as fulfilment_figures
from dashboard.pages.fulfilment import page as fulfilment
from dashboard.pages.inventory import figures as inventory_figures
from dashboard.pages.inventory import page as inventory
from dashboard.pages.marketing import figures as marketing_figures
from dashboard.pages.marketing import page as marketing
from dashboard.pages.orders import figures as order_figures
from dashboard.pages.orders import page as orders
from dashboard.pages.overview import figures as overview_figures
from dashboard.pages.overview import page as overview
from dashboard.pages.payments import figures as payment_figures
from dashboard.pages.payments import page as payments
from dashboard.pages.pipeline import figures as pipeline_figures
from dashboard.pages.pipeline import page as pipeline
from dashboard.pages.sql import page as sql
from streamgauge.catalog.loader import Catalog

RAW_EVENTS = "raw events"


@dataclass(frozen=True)
class Page:
    """`path` is its address, which is contract; `section` is its heading in the navigation; `about` is for the docs.

    `needs` is a model without which the page has nothing to show, or `RAW_EVENTS`: a table of any stream's events.
    """

    section: str
    path: str
    title: str
    icon: str
    about: str
    draw: Callable[[], None]
    figures: tuple[Figure, ...] = ()
    needs: str = "stream_windows"


def _figures(module: object) -> tuple[Figure, ...]:
    return tuple(of_module(vars(module)))


PAGES = (
    Page(
        "",
        "overview",
        "Overview",
        "speed",
        "traffic, revenue, failures; the reconciliation of what was produced with what SQL shows",
        overview.show,
        (*_figures(overview_figures), throughput.THROUGHPUT),
        "order_windows",
    ),
    Page(
        "Business",
        "orders",
        "Orders and revenue",
        "shopping_cart",
        "orders, revenue and what became of them, by region, channel and payment method, against the period before",
        orders.show,
        _figures(order_figures),
        "order_windows",
    ),
    Page(
        "Business",
        "inventory",
        "Inventory",
        "inventory_2",
        "cover, stock-outs with what they cost a minute, the surge guard",
        inventory.show,
        _figures(inventory_figures),
        "inventory_windows",
    ),
    Page(
        "Business",
        "marketing",
        "Marketing",
        "campaign",
        "from impression to order, spend and return by campaign, who buys",
        marketing.show,
        _figures(marketing_figures),
        "marketing_windows",
    ),
    Page(
        "Business",
        "payments",
        "Payments and fraud",
        "credit_card",
        "outcomes by payment method, rules that fired, the newest alerts",
        payments.show,
        _figures(payment_figures),
        "payment_windows",
    ),
    Page(
        "Business",
        "fulfilment",
        "Fulfilment",
        "local_shipping",
        "the saga's funnel, what is stuck and on whom it waits, one order's saga step by step, residues",
        fulfilment.show,
        _figures(fulfilment_figures),
        "sagas",
    ),
    Page(
        "Operations",
        "pipeline",
        "Pipeline health",
        "monitor_heart",
        "consumer groups, worst first: events, seconds and money behind; partitions, latency, balance, processes",
        pipeline.show,
        _figures(pipeline_figures),
    ),
    Page(
        "Operations",
        "dead-letters",
        "Dead letters",
        "mark_email_unread",
        "failures by cause, the wrong field marked; retry one, a group or an edited one",
        dead_letters.show,
        _figures(dead_letter_figures),
    ),
    Page(
        "Explore",
        "events",
        "Events",
        "manage_search",
        "search and live tail over every stream; the story of an order, a customer or an article",
        events.show,
        _figures(story_figures),
        RAW_EVENTS,
    ),
    Page(
        "Explore",
        "sql",
        "SQL",
        "terminal",
        "any query: tables explained, examples, a chart of the result, CSV and Parquet, cancel",
        sql.show,
    ),
)


def of(catalog: Catalog) -> tuple[Page, ...]:
    """The pages for which the catalog has models; the first is where a reader begins."""
    there = {model.name for model in catalog.models}
    if any(map(catalog.raw_table, catalog.own)):
        there.add(RAW_EVENTS)
    return tuple(page for page in PAGES if page.needs in there)
