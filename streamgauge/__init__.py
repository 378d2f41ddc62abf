"""Real-time analytics and monitoring for event-driven microservices on Apache Kafka.

`query` is the public API: one SELECT against a running warehouse, as a `pyarrow.Table`.

    from streamgauge import query
    revenue = query("SELECT sum(revenue_cents) AS cents FROM order_windows WHERE window_start >= ?", [since])

It is imported when it is first used, so that `import streamgauge` costs nothing.
"""

# Not from `typing`: nothing may be imported before __main__ has put the module search path in order.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from streamgauge.warehouse.client import query

__all__ = ["query"]


def __getattr__(name: str) -> object:
    if name == "query":
        from streamgauge.warehouse.client import query

        return query
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
