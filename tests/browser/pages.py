"""The pages by path (DESIGN: their addresses are contract), and what is there once a page has its figures."""

from __future__ import annotations

PAGES = {
    "": "Overview",
    "orders": "Orders and revenue",
    "inventory": "Inventory",
    "marketing": "Marketing",
    "payments": "Payments and fraud",
    "fulfilment": "Fulfilment",
    "pipeline": "Pipeline health",
    "dead-letters": "Dead letters",
    "events": "Events",
    "sql": "SQL",
}
SHOWN = ", ".join(
    f"[data-testid={name}]" for name in ("stMetric", "stDataFrame", "stPlotlyChart", "stTextArea", "stAlert")
)
