"""Incident link: freezes the view, with a Markdown summary of its figures for a channel or ticket."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

import streamlit as st

from dashboard import theme
from dashboard.data.view_state import CUSTOM, PARAMETERS, ViewState, stamp

# Session keys: what is being drawn, what was drawn last and when, and of which page and view.
_DRAWING, _DISPLAYED, _OF = "incident:drawing", "incident:seen", "incident:of"


@dataclass(frozen=True)
class FigureSnapshot:
    """A figure as displayed."""

    label: str
    value: str
    remark: str
    trust: str
    sql: str


# Time of the refresh, and its figures so far.
_Drawn = tuple[datetime, list[FigureSnapshot]]


@contextlib.contextmanager
def drawing(at: datetime | None = None) -> Iterator[None]:
    """Record the figures drawn in the block, as of now or `at`; until it ends, the figures of the last one count."""
    begun: _Drawn = (at or datetime.now(UTC), [])
    st.session_state[_DRAWING] = begun
    try:
        yield
    except Exception:
        # The page shows an error instead of figures.
        st.session_state[_DISPLAYED] = (begun[0], [])
        raise
    st.session_state[_DISPLAYED] = begun


def record(figure: FigureSnapshot) -> None:
    """Record a displayed figure."""
    st.session_state.setdefault(_DRAWING, (datetime.now(UTC), []))[1].append(figure)


def displayed() -> _Drawn:
    """Time and figures of the last complete refresh; before the first is complete, what was drawn so far."""
    state = st.session_state
    drawn: _Drawn = state.get(_DISPLAYED) or state.get(_DRAWING) or (datetime.now(UTC), [])
    return drawn


def frozen(view: ViewState, now: datetime, filters: dict[str, str]) -> dict[str, str]:
    """Parameters that show the same range in the same bars permanently, without refresh.

    A statement of the SQL page is frozen as of `now`, unless it already has a time.
    """
    period = view.period(now)
    fixed = {"range": CUSTOM, "from": stamp(period.since), "to": stamp(min(period.until, now))}
    as_of = {"as_of": stamp(now)} if "q" in filters else {}
    return {**as_of, **filters, **view.address(), **fixed, "bar": str(period.bucket_s), "refresh": "off"}


def summary(title: str, link: str, view: ViewState, now: datetime, figures: list[FigureSnapshot]) -> str:
    """The Markdown summary: range, link, each figure with its completeness, and the SQL."""
    period = view.period(now)
    lines = [
        f"# {title}: {stamp(period.since)} to {stamp(min(period.until, now))}",
        "",
        f"As of {stamp(now)} on <{link}>",
        "",
        "| figure | value | | trust |",
        "|---|---|---|---|",
        *(f"| {' | '.join(map(_cell, (one.label, one.value, one.remark, one.trust)))} |" for one in figures),
        "",
    ]
    for sql in dict.fromkeys(one.sql for one in figures if one.sql):
        # An identifier may hold backticks: the fence is longer than any run of them.
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", sql)), default=0))
        lines += [f"{fence}sql", sql, fence, ""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Escape Markdown: a figure's remark may hold text of an event."""
    return "".join(f"\\{char}" if char in "\\|`*_[]<>#!" else " " if char in "\r\n" else char for char in text)


def button(title: str, view: ViewState) -> None:
    """The button in the head of a page; it freezes what was displayed when it was pressed."""
    if st.session_state.get(_OF) != (title, view):
        st.session_state[_OF] = (title, view)
        for name in (_DISPLAYED, _DRAWING):
            st.session_state.pop(name, None)
    if st.button("Incident", icon=":material/link:", type="tertiary", help="Freeze this view: link and summary"):
        _dialog(title, view, *displayed())


@st.dialog("Incident link", width="large")
def _dialog(title: str, view: ViewState, now: datetime, figures: list[FigureSnapshot]) -> None:
    filters = {name: value for name, value in st.query_params.items() if name not in PARAMETERS}
    base, _, _ = (st.context.url or "").partition("?")
    link = f"{base}?{urlencode(frozen(view, now, filters))}"
    text = summary(title, link, view, now, figures)
    st.write("The link always shows this range and these filters. Late events may still be added.")
    st.code(link, language=None, wrap_lines=True)
    st.download_button("Download summary", text, f"incident-{now:%Y%m%dT%H%M%S}Z.md", "text/markdown", type="primary")
    st.caption("Summary")
    st.code(text, language="markdown", wrap_lines=True, height=theme.DIALOG_PX)
