"""Values over time, split by what a dimension says: which names get a colour of their own, and which are the rest."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from dashboard import theme
from dashboard.charts import Series
from dashboard.periods import Period

# One less than there are colours: the last, grey, is for the rest.
MOST = len(theme.SPARE_COLOURS) - 1
REST = "other"
Row = Mapping[str, Any]


def colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each name, by its place in the alphabet: a change of rank changes no colour."""
    return dict(zip(sorted(names), theme.SPARE_COLOURS, strict=False))


def series(rows: Iterable[Row], value: Callable[[Row], float]) -> list[Series]:
    """A layer for each `name` of the rows (with their `bucket`); of many, the greatest, and the rest as one."""
    rows = list(rows)
    totals: Counter[str] = Counter()
    for row in rows:
        totals[row["name"]] += value(row)  # type: ignore[assignment]
    own = colours(name for name, _ in sorted(totals.items(), key=lambda item: (-item[1], item[0]))[:MOST])
    values: dict[str, dict[datetime, float]] = defaultdict(lambda: defaultdict(float))
    for row in rows:
        values[row["name"] if row["name"] in own else REST][row["bucket"]] += value(row)
    found = [Series(name, values[name], colour) for name, colour in own.items()]
    return found + ([Series(REST, values[REST], theme.GREY)] if len(totals) > len(own) else [])


def compared(rows: Iterable[Row], value: Callable[[Row], float], period: Period) -> Series:
    """The dashed line of the span compared with, its buckets moved to this period's."""
    name = "yesterday" if period.compare == "yesterday" else f"{period.label} before"
    return Series(name, {row["bucket"]: value(row) for row in rows}, theme.COMPARED, dashed=True)
