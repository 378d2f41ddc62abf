"""Sortable tables. Cells are text, whatever an event's field contains; links go to pages of ours and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote_plus

import pyarrow as pa
import streamlit as st

from dashboard import address
from dashboard.view import View

Kind = Literal["text", "count", "rate", "money", "share", "time", "seconds", "link", "yes", "badge", "bars"]
_FORMATS = {"count": "%,d", "rate": "%.1f", "money": "€%,.2f", "share": "%.1f %%", "seconds": "%.1f s"}


@dataclass(frozen=True)
class Column:
    """How a column is shown. A `link` goes to `page`, with the cell as its parameter `param`; `means` explains it.

    A `badge` is one of a few words of ours, each in its colour: the keys of `colours`. `width` in pixels, or in words.
    """

    label: str
    kind: Kind = "text"
    page: str = ""
    param: str = ""
    means: str | None = None
    width: Literal["small", "medium", "large"] | int | None = None
    colours: Mapping[str, str] = field(default_factory=dict)


def show(
    rows: Sequence[Mapping[str, Any]], columns: Mapping[str, Column], view: View, *, key: str, height: int | None = None
) -> None:
    """The rows, in the order of `columns`; what a row lacks is a dash. Money is in cents, shares are 0 to 1."""
    # All links of a column begin alike; the value comes last.
    begins = {
        name: address.to(column.page, **{column.param: ""}) for name, column in columns.items() if column.kind == "link"
    }
    shown = [
        {name: _cell(row.get(name), column, begins.get(name, "")) for name, column in columns.items()} for row in rows
    ]
    st.dataframe(
        # Arrow as it is: by way of pandas it costs twenty times as much.
        pa.Table.from_pylist(shown),
        hide_index=True,
        column_config={name: _config(column, view) for name, column in columns.items()},
        column_order=list(columns),
        height=height or "auto",
        key=key,
        placeholder="–",
    )


def _cell(value: Any, column: Column, begin: str) -> Any:
    if value is None:
        return None
    if column.kind == "link":
        return begin + quote_plus(str(value))
    if column.kind in ("money", "share"):
        return value / 100 if column.kind == "money" else 100 * value
    if column.kind == "badge":
        return [value]
    return str(value) if column.kind == "text" else value


def _config(column: Column, view: View) -> Any:
    config = st.column_config
    known: dict[str, Any] = {"label": column.label, "help": column.means, "width": column.width}
    if column.kind == "link":
        return config.LinkColumn(display_text=rf"[?&]{column.param}=([^&]*)", **known)
    if column.kind == "time":
        return config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss", timezone=str(view.clock), **known)
    if column.kind == "badge":
        return config.MultiselectColumn(options=list(column.colours), color=list(column.colours.values()), **known)
    if column.kind == "bars":
        return config.BarChartColumn(y_min=0, **known)
    if column.kind == "yes":
        return config.CheckboxColumn(**known)
    if column.kind in _FORMATS:
        return config.NumberColumn(format=_FORMATS[column.kind], **known)
    return config.TextColumn(**known)
