"""Sortable tables. Text of events is shown as text only; links lead to pages of the dashboard only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa
import streamlit as st

from dashboard.data.view_state import ViewState
from dashboard.session import address
from streamgauge.runtime.printable import printable

Kind = Literal["text", "count", "rate", "money", "share", "time", "seconds", "link", "yes", "badge", "bars"]
_FORMATS = {"count": "%,d", "rate": "%.1f", "money": "€%,.2f", "share": "%.1f %%", "seconds": "%.1f s"}


@dataclass(frozen=True)
class Column:
    """How a column is shown. A `link` leads to `page`, with the cell as its parameter `param`; `meaning` is its help
    text.

    A `badge` is one of the keys of `colours`, in that colour. `width` is in pixels or one of the words.
    """

    label: str
    kind: Kind = "text"
    page: str = ""
    param: str = ""
    meaning: str | None = None
    width: Literal["small", "medium", "large"] | int | None = None
    colours: Mapping[str, str] = field(default_factory=dict)


def show(
    rows: Sequence[Mapping[str, Any]],
    columns: Mapping[str, Column],
    view: ViewState,
    *,
    key: str,
    height: int | None = None,
) -> None:
    """Draw the rows with these columns in their order; missing values are dashes. Money is in cents, shares are 0
    to 1."""
    cells = {name: _cells(column) for name, column in columns.items()}
    shown = [{name: None if row.get(name) is None else cell(row[name]) for name, cell in cells.items()} for row in rows]
    st.dataframe(
        # Arrow directly: by way of pandas it costs twenty times as much.
        pa.Table.from_pylist(shown),
        hide_index=True,
        column_config={name: _config(column, view) for name, column in columns.items()},
        column_order=list(columns),
        height=height or "auto",
        key=key,
        placeholder="–",
    )


def _cells(column: Column) -> Callable[[Any], Any]:
    """Converts the values of a column, other than None, to what its cell holds."""
    if column.kind == "link":
        return address.links(column.page, column.param)
    made: dict[str, Callable[[Any], Any]] = {
        "text": lambda text: printable(str(text)),
        "money": lambda cents: cents / 100,
        "share": lambda share: 100 * share,
        "badge": lambda word: [word],
    }
    return made.get(column.kind, lambda value: value)


def _config(column: Column, view: ViewState) -> Any:
    config = st.column_config
    known: dict[str, Any] = {"label": column.label, "help": column.meaning, "width": column.width}
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
