"""Values over time, split by a dimension: the largest names get a colour of their own, the rest is one layer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboard import theme
from dashboard.components.charts import Series
from dashboard.data.periods import Period
from dashboard.data.query_cache import Result

# One less than there are colours: the last, grey, is for the rest.
MOST = len(theme.SPARE_COLOURS) - 1
REST = "other"
Value = Callable[[Any], float]
Row = Mapping[str, Any]


def colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each name, in alphabetical order: a change of rank changes no colour."""
    return dict(zip(sorted(names), theme.SPARE_COLOURS, strict=False))


@dataclass(frozen=True)
class Timeline:
    """Rows of `comparison.timeline`: `now` of the range; `before` of the earlier span, empty where that is not drawn.

    `first` is the first bucket with data, None where the earlier span is drawn: the axis then covers the whole range.
    """

    period: Period
    now: Sequence[Row]
    before: Sequence[Row]
    first: datetime | None

    @classmethod
    def of(cls, result: Result, *, reaches_back: bool) -> Timeline:
        """Split the rows of a result; `reaches_back` as in `comparison.compared`."""
        now = [row for row in result.rows if not row["earlier"]]
        shown = reaches_back and result.period.compare != "none"
        before = [row for row in result.rows if row["earlier"]] if shown else []
        first = None if before else min((row["bucket"] for row in now), default=None)
        return cls(result.period, now, before, first)

    def series(self, value: Value, over: Value | None = None) -> list[Series]:
        """A layer for each name, and the earlier span as a dashed line. Parameters as those of `series`."""
        layers = series(self.now, value, over)
        return [*layers, compared(self.before, value, self.period, over)] if self.before else layers


def series(rows: Iterable[Row], value: Value, over: Value | None = None) -> list[Series]:
    """A layer for each `name` of the rows (which have a `bucket`); beyond `MOST` names, the rest is one layer.

    With `over`, each value is the ratio of the two sums, absent where the divisor is 0.
    """
    rows = list(rows)
    totals: dict[str, float] = defaultdict(float)
    for row in rows:
        totals[row["name"]] += value(row)
    own = colours(sorted(totals, key=lambda name: (-totals[name], name))[:MOST])
    layers: dict[str, list[Row]] = {name: [] for name in own}
    for row in rows:
        layers.setdefault(row["name"] if row["name"] in own else REST, []).append(row)
    return [Series(name, _sums(of, value, over), own.get(name, theme.GREY)) for name, of in layers.items()]


def compared(rows: Iterable[Row], value: Value, period: Period, over: Value | None = None) -> Series:
    """The dashed line of the earlier span; its buckets are already moved to those of the period."""
    name = "yesterday" if period.compare == "yesterday" else f"{period.label} before"
    return Series(name, _sums(rows, value, over), theme.COMPARED, dashed=True)


def _sums(rows: Iterable[Row], value: Value, over: Value | None) -> dict[datetime, float]:
    sums: dict[datetime, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for row in rows:
        both = sums[row["bucket"]]
        both[0] += value(row)
        both[1] += over(row) if over else 0.0
    if over is None:
        return {bucket: up for bucket, (up, _) in sums.items()}
    return {bucket: up / down for bucket, (up, down) in sums.items() if down}
