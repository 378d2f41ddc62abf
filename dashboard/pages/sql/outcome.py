"""A query run: its progress, then rows, chart and files, or an error report."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import streamlit as st

from dashboard.components import charts, states
from dashboard.data import query_cache
from dashboard.data.view_state import ViewState
from dashboard.pages.sql import chart_builder, error_report, exports
from dashboard.pages.sql.chart_builder import KINDS, ChartSpec
from dashboard.pages.sql.query_run import QueryRun
from dashboard.session import incident
from streamgauge.domain import format
from streamgauge.runtime.errors import StreamgaugeError
from streamgauge.runtime.printable import printable
from streamgauge.warehouse.client import Busy, WarehouseUnavailable
from streamgauge.warehouse.sql import results

POLL_S = 0.5
# Nobody reads more rows than this on a page, and a phone's memory is small; a file has all of them.
SHOWN = 10_000
_TABLE_PX = 440
_EXACT_IN_A_BROWSER = 2**53
# Control characters, and what changes the order of the text around it.
_HIDDEN = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\x{200e}\x{200f}\x{2028}-\x{202e}\x{2066}-\x{2069}]"


@st.fragment(run_every=POLL_S)
def progress(run: QueryRun) -> None:
    """Elapsed time, and a button to cancel."""
    if not run.running:
        st.rerun()
    with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.text(f"{'Cancelling' if run.cancelling else 'Running'} … {format.duration(run.seconds)}")
        st.button("Cancel", icon=":material/stop:", on_click=run.cancel, disabled=run.cancelling, key="sql:cancel")


def line(run: QueryRun) -> str:
    """The outcome in a line: `1,234 rows · 3 columns · 0.2 s`."""
    took = format.duration(run.seconds)
    if run.running:
        return f"running for {took}"
    if run.error is not None:
        return f"{error_report.of(run.error, run.statement.sql).title.lower()} · {took}"
    rows = f"{format.count(run.count)} {'row' if run.count == 1 else 'rows'}"
    if run.rows is None:
        return f"{rows} · {took}"
    columns = run.rows.num_columns
    return f"{rows} · {columns} {'column' if columns == 1 else 'columns'} · {took}"


def show(run: QueryRun, view: ViewState) -> None:
    """Draw the outcome."""
    if run.error is not None:
        return _wrong(run, run.error)
    if run.rows is None:
        st.info("**The result was dropped**: other sessions needed the memory. Run it again.", icon=":material/memory:")
        return None
    as_of = f" · as of {run.statement.as_of}" if run.statement.as_of else ""
    for note in run.notes:
        st.warning("The result is incomplete:", icon=":material/history:")
        st.text(note)
    incident.record(incident.FigureSnapshot("Query", line(run), "", as_of.removeprefix(" · "), run.statement.sql))
    rows = results.distinct(run.rows)
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.text(line(run) + as_of)
            with st.container(horizontal=True, width="content", gap="small"):
                _files(run)
        if not rows.num_rows:
            st.text("No rows.")
            return None
        table, chart = st.tabs(["Table", "Chart"])
        with table:
            _table(rows, view)
        with chart:
            _chart(rows, view)
    return None


def _wrong(run: QueryRun, error: StreamgaugeError) -> None:
    if isinstance(error, WarehouseUnavailable) and not isinstance(error, Busy):
        return states.unavailable(query_cache.settings(), error)
    report = error_report.of(error, run.statement.sql)
    if report.rule == "cancelled":
        st.info(f"**Cancelled** after {format.duration(run.seconds)}.", icon=":material/stop:")
        return None
    place = f", line {report.line}" if report.line else ""
    with st.container(border=True):
        st.error(f"**{report.title}**{place}", icon=":material/error:")
        st.text(report.message)
        if report.marked:
            st.code(report.marked, language=None)
        if report.hint:
            st.text(report.hint)
        if report.advice:
            st.caption(report.advice)
    return None


def _files(run: QueryRun) -> None:
    """Download buttons for the whole result, made when pressed."""

    def made(write: Any) -> Any:
        return lambda: write(run.rows) if run.rows is not None else b""

    guarded = "The whole result, for spreadsheets: text that they would run as a formula gets an apostrophe in front"
    for label, suffix, mime, write, meaning in (
        ("CSV", "csv", "text/csv", exports.csv, guarded),
        ("Raw CSV", "raw.csv", "text/csv", exports.raw_csv, "The whole result, for programs: every text exact"),
        ("Parquet", "parquet", "application/vnd.apache.parquet", exports.parquet, "The whole result"),
    ):
        st.download_button(
            label,
            made(write),
            exports.name(run.at, suffix),
            mime,
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
            help=meaning,
            key=f"sql:{suffix}",
        )


def shown(rows: pa.Table) -> pa.Table:
    """The rows to show; values without a cell type become text, and control characters are visible."""
    rows = rows.slice(0, SHOWN)
    plain = (
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_boolean,
        pa.types.is_string,
        pa.types.is_timestamp,
        pa.types.is_date,
    )
    for index, field in enumerate(rows.schema):
        column = rows.column(index)
        if results.far(column) or _past_doubles(column) or not any(is_one(field.type) for is_one in plain):
            rows = rows.set_column(index, field.name, results.texts(column))
        elif pa.types.is_string(field.type) and pc.any(pc.match_substring_regex(column, _HIDDEN)).as_py():
            visible = [text and printable(text, keep="\n\t") for text in column.to_pylist()]
            rows = rows.set_column(index, field.name, pa.array(visible, pa.string()))
    return rows


def _past_doubles(column: pa.ChunkedArray) -> bool:
    """Whether a column has integers that a browser's numbers cannot hold."""
    if not pa.types.is_integer(column.type):
        return False
    ends = pc.min_max(column).as_py()
    return ends["min"] is not None and max(-ends["min"], ends["max"]) > _EXACT_IN_A_BROWSER


def _table(rows: pa.Table, view: ViewState) -> None:
    head = shown(rows)
    config = {field.name: _config(field.type, head.schema.field(field.name).type, view) for field in rows.schema}
    st.dataframe(head, hide_index=True, column_config=config, height=min(_TABLE_PX, 38 + 35 * head.num_rows))
    if rows.num_rows > SHOWN:
        st.caption(f"The first {SHOWN:,} of {rows.num_rows:,} rows. A file has all of them.")


def _config(kind: pa.DataType, shown_as: pa.DataType, view: ViewState) -> Any:
    if pa.types.is_timestamp(shown_as) and shown_as.tz:
        return st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss.SSS", timezone=str(view.clock))
    if pa.types.is_floating(shown_as):
        return st.column_config.NumberColumn(format="plain")
    number = pa.types.is_decimal(kind) or pa.types.is_integer(kind)
    return st.column_config.TextColumn(alignment="right") if number and pa.types.is_string(shown_as) else None


def _chart(rows: pa.Table, view: ViewState) -> None:
    chosen = _choices(rows, chart_builder.suggested(rows))
    if chosen is None:
        st.caption("Nothing to draw: a chart needs two rows and a numeric column.")
        return
    figure, left_out = chart_builder.drawn(rows, chosen, view.clock)
    charts.draw(figure, "sql:chart", f"{KINDS[chosen.kind]} of {', '.join(chosen.ys)} by {chosen.x}")
    if left_out:
        st.caption(left_out)


def _choices(rows: pa.Table, first: ChartSpec | None) -> ChartSpec | None:
    """Widgets of the chart; they are reset when the columns change. None without columns to draw."""
    measures, columns = chart_builder.numbers(rows), chart_builder.axes(rows)
    if not measures or rows.num_rows < 2:
        return None
    first = first or ChartSpec("bars", columns[0], (measures[0],))
    own = f"{abs(hash(str(rows.schema))):x}"
    splits = ["–", *(one for one in chart_builder.words(rows) if one != first.x)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kinds = list(KINDS)
        kind = st.selectbox(
            "Kind", kinds, kinds.index(first.kind), format_func=KINDS.__getitem__, key=f"sql:as-{own}", width=120
        )
        x = st.selectbox("X axis", columns, columns.index(first.x), key=f"sql:x-{own}", width=190)
        ys = st.multiselect("Y axis", measures, list(first.ys), key=f"sql:y-{own}", width=260)
        colour = st.selectbox(
            "Colour",
            splits,
            splits.index(first.colour) if first.colour in splits else 0,
            key=f"sql:c-{own}",
            width=170,
            help="With one column on the y axis: a series for each value of this one",
        )
    return ChartSpec(kind, x, tuple(ys), None if colour == "–" else colour) if ys else None
