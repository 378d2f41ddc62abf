"""Schema browser: tables and views, how their rows are made, and what their columns mean."""

from __future__ import annotations

import re
from typing import Any

import streamlit as st

from dashboard.pages.sql import query_run
from streamgauge.runtime.errors import StreamgaugeError

KEPT_S = 60.0
# In the order of the list.
_MERGES = {
    "window": "One row for each window of time and combination of its key; the other columns add up.",
    "view": "Computed from other tables when it is read.",
    "latest": "One row for each key: the newest event's.",
    "append": "One row for each event, kept for a limited time. Filter by time, or the scan is long.",
}
# Meaning of a column by its name; the first pattern that matches.
_MEANINGS = (
    (r"window_start", "start of the window"),
    (r"(.*_)?cents", "money in cents"),
    (r".*_ms|milliseconds", "milliseconds"),
    (r".*_seconds", "seconds"),
    (r".*_per_second", "a second"),
    (r".*bytes", "bytes"),
    (r"kafka_timestamp", "when it was published, by Kafka's timestamp"),
    (r"arrived_at", "when it arrived: the broker's time, or that of reading"),
    (r"kafka_(partition|offset)", "its position in Kafka"),
    (r"occurred_at", "when it happened, by the event"),
    (r".*_at", "a time"),
    (r"min_.*", "the minimum"),
    (r"max_.*", "the maximum"),
)
Table = dict[str, Any]


@st.cache_data(ttl=KEPT_S, show_spinner=False)
def tables() -> list[Table]:
    """All tables and views of the warehouse. Raises what `Warehouse.tables` does."""
    return query_run.client().tables()


def show() -> None:
    """Draw the panel: choose a table, or search for a column."""
    try:
        known = {str(one["table"]): one for one in sorted(tables(), key=lambda one: list(_MERGES).index(one["merge"]))}
    except StreamgaugeError:
        st.caption("The tables are listed here once the warehouse answers.")
        return
    wanted = str(st.text_input("Find", key="sql:find", placeholder="A table or a column") or "").strip().lower()
    names = [name for name, one in known.items() if matches(one, wanted)]
    if not names:
        st.caption("No table or column has such a name.")
        return
    name = st.selectbox("Table or view", names, format_func=lambda one: f"{one} · {known[one]['merge']}")
    if name:
        table(known[name], wanted)


def matches(one: Table, wanted: str) -> bool:
    """Whether the table, or a column of it, has such a name."""
    return wanted in one["table"] or any(wanted in column.lower() for column in one["columns"])


def table(one: Table, wanted: str = "") -> None:
    """One table: its description, its columns, and a statement to start with."""
    if one.get("about"):
        st.text(str(one["about"]).replace("`", ""))
    key = f" Its key: {', '.join(one['key'])}." if one["key"] else ""
    st.caption(f"{_MERGES[one['merge']]}{key}")
    rows = [{"column": name, "type": _type(kind), "means": meaning(one, name)} for name, kind in one["columns"].items()]
    rows.sort(key=lambda row: not (wanted and wanted in str(row["column"]).lower()))
    config = {
        "column": st.column_config.TextColumn("Column"),
        "type": st.column_config.TextColumn("Type"),
        "means": st.column_config.TextColumn("Meaning"),
    }
    st.dataframe(rows, hide_index=True, column_config=config, height=min(38 + 35 * len(rows), 320))
    st.caption("To start with")
    st.code(beginning(one), language="sql", wrap_lines=True)
    if one.get("select"):
        with st.expander("How it is made"):
            st.code(one["select"], language="sql", wrap_lines=True, height=320)


def meaning(one: Table, column: str) -> str:
    """Meaning of a column: by its name, and by the expression that the table selects."""
    by_name = next((text for pattern, text in _MEANINGS if re.fullmatch(pattern, column)), "")
    made = re.search(rf"^\s*(?:SELECT\s+)?(\S.*?)\s+AS\s+{re.escape(column)}\b", one.get("select", ""), re.MULTILINE)
    formula = " ".join(made[1].split()) if made else ""
    # A part of an expression that spans lines, or of several on one line, would mislead.
    if formula.count("(") != formula.count(")") or " AS " in formula or re.match(r"-|ELSE\b|\d+$|[^(]*,", formula):
        formula = ""
    return " · ".join(filter(None, (by_name, formula)))


def beginning(one: Table) -> str:
    """A statement that is cheap on any amount of data."""
    time = next(
        (name for name in ("window_start", "occurred_at", "arrived_at", "dead_at") if name in one["columns"]), None
    )
    lines = ["SELECT *", f"FROM {one['table']}"]
    if time and one["merge"] in ("window", "append"):
        lines += [f"WHERE {time} > now() - INTERVAL 15 MINUTES", f"ORDER BY {time} DESC"]
    return "\n".join([*lines, "LIMIT 100"])


def _type(kind: str) -> str:
    """The short name of a type."""
    return {"TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ"}.get(kind, kind)
