"""The warehouse's errors as the command line's: one line each, and the exit code that fits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from streamgauge.runtime import settings
from streamgauge.runtime.errors import StreamgaugeError, UsageError
from streamgauge.warehouse.client import Busy, QueryError, WarehouseUnavailable


class QueryFailed(StreamgaugeError):
    """The query was refused or failed; the message is one line."""


@contextmanager
def warehouse_errors() -> Iterator[None]:
    """Raise `UsageError` (exit code 2) where no warehouse answers, `QueryFailed` (1) for what is wrong with a query.

    Where Kafka is what lets nobody in, the warehouse cannot run either, and that is said first.
    """
    try:
        yield
    except WarehouseUnavailable as error:
        raise UsageError(str(error) if isinstance(error, Busy) else _with_cause(error)) from None
    except QueryError as error:
        # DuckDB repeats the statement with a caret below; that is no use in one line.
        message = str(error).partition("\nLINE ")[0]
        raise QueryFailed(" ".join(message.split())) from None


def _with_cause(error: WarehouseUnavailable) -> str:
    config = settings.load()
    if not config.bootstrap_servers:
        return str(error)
    # Imported here: Kafka's client takes most of a query's time.
    from streamgauge.runtime.connection.explain import unreachable

    why = unreachable(config)
    return f"{why}; and {error}" if why else str(error)
