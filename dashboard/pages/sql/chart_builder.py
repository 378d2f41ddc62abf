"""Chart builder: a chart of any result, suggested from its columns or chosen by the reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, tzinfo
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from dashboard import theme
from dashboard.components import charts
from streamgauge.warehouse.sql import results

Kind = Literal["lines", "bars", "points"]
KINDS: dict[Kind, str] = {"lines": "Lines", "bars": "Bars", "points": "Points"}
# More points, series or bars than these are indistinguishable, and slow to draw on a phone.
POINTS = 5_000
SERIES = 8
BARS = 40
_CATEGORIES = 12


@dataclass(frozen=True)
class ChartSpec:
    """Columns and kind of a chart; `colour` splits a single `ys` column into a series for each of its values."""

    kind: Kind
    x: str
    ys: tuple[str, ...]
    colour: str | None = None


def numbers(rows: pa.Table) -> list[str]:
    """Numeric columns."""
    kinds = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return [field.name for field in rows.schema if any(is_one(field.type) for is_one in kinds)]


def times(rows: pa.Table) -> list[str]:
    """Columns of times or days."""
    return [field.name for field in rows.schema if pa.types.is_timestamp(field.type) or pa.types.is_date(field.type)]


def words(rows: pa.Table) -> list[str]:
    """Columns of names; times of day are treated as names."""
    kinds = (
        pa.types.is_string,
        pa.types.is_large_string,
        pa.types.is_boolean,
        pa.types.is_dictionary,
        pa.types.is_time,
    )
    return [field.name for field in rows.schema if any(is_one(field.type) for is_one in kinds)]


def axes(rows: pa.Table) -> list[str]:
    """Columns for the x axis: neither bytes nor lists nor structs."""
    usable = {*numbers(rows), *times(rows), *words(rows)}
    return [name for name in rows.column_names if name in usable]


def suggested(rows: pa.Table) -> ChartSpec | None:
    """Suggested chart: times and numbers as lines, names and numbers as bars, two numbers as points; None without
    any."""
    measures, when, names = numbers(rows), times(rows), words(rows)
    if not measures or rows.num_rows < 2:
        return None
    few = [one for one in names if 1 < _different(rows, one) <= _CATEGORIES]
    if when and _different(rows, when[0]) > 1:
        return (
            ChartSpec("lines", when[0], (measures[0],), few[0])
            if few
            else ChartSpec("lines", when[0], _alike(measures))
        )
    if names:
        # The column with most distinct names is the axis; another one splits the bars unless each row has its own name.
        kinds = {one: _different(rows, one) for one in names}
        along = max(names, key=kinds.__getitem__)
        split = next((one for one in few if one != along), None) if kinds[along] < rows.num_rows else None
        return ChartSpec("bars", along, (measures[0],), split)
    return ChartSpec("points", measures[0], (measures[1],)) if len(measures) > 1 else None


def _different(rows: pa.Table, name: str) -> int:
    column = rows.column(name)
    # An ENUM is a dictionary, which Arrow cannot count.
    plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
    return int(pc.count_distinct(plain).as_py())


def _alike(measures: Sequence[str]) -> tuple[str, ...]:
    """Columns with the unit of the first, by the suffix of their names: cents would dwarf counts."""
    unit = measures[0].rpartition("_")[2] if "_" in measures[0] else ""
    units = {"cents", "seconds", "ms", "bytes", "share"}
    own = unit if unit in units else ""
    same = [one for one in measures if (one.rpartition("_")[2] if one.rpartition("_")[2] in units else "") == own]
    return tuple(same[:SERIES])


def drawn(rows: pa.Table, spec: ChartSpec, clock: tzinfo) -> tuple[charts.Chart, str]:
    """The chart, and a note on what it leaves out (empty: nothing)."""
    left_out = ""
    most = BARS if spec.kind == "bars" else POINTS
    if rows.num_rows > most:
        left_out = f"The first {most:,} of {rows.num_rows:,} rows are drawn."
        rows = rows.slice(0, most)
    if results.far(rows.column(spec.x)):
        left_out = f"Times outside of the years 1 to 9999 are not drawn. {left_out}".strip()
    traces = []
    series = _series(rows, spec, clock)
    if len(series) > SERIES:
        left_out = f"The first {SERIES} of {len(series)} series are drawn. {left_out}".strip()
    for number, (name, xs, ys) in enumerate(series[:SERIES]):
        colour = theme.STREAM_COLOURS.get(name) or theme.SPARE_COLOURS[number % len(theme.SPARE_COLOURS)]
        trace: dict[str, Any] = {"name": charts.label(name), "x": xs, "y": ys, "marker": {"color": colour}}
        if spec.kind == "bars":
            trace["type"] = "bar"
        else:
            mode = "lines" if spec.kind == "lines" and len(xs) > 1 else "markers"
            trace |= {"type": "scatter", "mode": mode, "line": {"color": colour, "width": 2}}
        traces.append(trace)
    named = {"title": {"text": charts.label(spec.ys[0])}} if len(spec.ys) == 1 else {}
    figure = charts.Chart(
        traces,
        380,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        barmode="stack" if spec.colour else "group",
        hovermode="closest" if spec.kind == "points" else "x unified",
        showlegend=len(series) > 1,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        xaxis={"title": {"text": charts.label(spec.x)}, "fixedrange": True, "showgrid": False},
        yaxis={"fixedrange": True, "rangemode": "tozero", "separatethousands": True, **named},
    )
    return figure, left_out


def _series(rows: pa.Table, spec: ChartSpec, clock: tzinfo) -> list[tuple[str, list[Any], list[Any]]]:
    """Name, xs and ys of each series, in order of appearance; lines are sorted by x."""
    place = _moment if spec.x in times(rows) else _place
    xs = [place(value, clock) for value in results.values(rows.column(spec.x))]
    series: dict[str, list[tuple[Any, Any]]] = {}
    if spec.colour and len(spec.ys) == 1:
        names = (str(value) for value in rows.column(spec.colour).to_pylist())
        for name, x, y in zip(names, xs, _values(rows, spec.ys[0]), strict=True):
            series.setdefault(name, []).append((x, y))
    else:
        series = {name: list(zip(xs, _values(rows, name), strict=True)) for name in spec.ys}
    series = {name: [point for point in points if point[0] is not None] for name, points in series.items()}
    if spec.kind == "lines":
        series = {name: sorted(points, key=_first) for name, points in series.items()}
    return [(name, [x for x, _ in points], [y for _, y in points]) for name, points in series.items()]


def _first(point: tuple[Any, Any]) -> Any:
    return point[0]


def _values(rows: pa.Table, name: str) -> list[float | None]:
    return [None if value is None else float(value) for value in rows.column(name).to_pylist()]


def _moment(value: Any, clock: tzinfo) -> Any:
    """A wall-clock time or a day; None for values outside the calendar of Python or browsers."""
    if isinstance(value, str):
        return None
    if isinstance(value, datetime):
        try:
            return (value if value.tzinfo is None else value.astimezone(clock)).replace(tzinfo=None)
        except OverflowError:
            return None
    return value


def _place(value: Any, _: tzinfo) -> Any:
    """A name, escaped because plotly renders HTML; other values unchanged."""
    return charts.label(str(value)) if isinstance(value, str | bool | time) else value
