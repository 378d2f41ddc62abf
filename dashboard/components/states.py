"""States of a page without figures, with stale figures, or with figures that cannot be trusted."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

import streamlit as st

from dashboard.data.periods import Period
from dashboard.data.view_state import ViewState
from streamgauge.domain import format
from streamgauge.domain.freshness import Freshness, age_s
from streamgauge.runtime.data_dir import broker_marker
from streamgauge.runtime.settings import Settings
from streamgauge.warehouse.client import QueryError, WarehouseUnavailable

log = logging.getLogger("streamgauge")


def stand_in(data_dir: Path) -> None:
    """Warn if the broker is a stand-in without exactly-once."""
    marker = broker_marker.read(data_dir)
    if marker is not None and marker.notice:
        st.warning("**Stand-in broker.** These figures have no exactly-once guarantee.", icon=":material/warning:")
        st.text(marker.notice)


def unavailable(settings: Settings, error: WarehouseUnavailable) -> None:
    """Error: the warehouse does not answer, at which address, and what to do."""
    st.error(
        f"**The warehouse does not answer** on `{settings.warehouse_url}`. "
        "Start it with `streamgauge up` or `streamgauge warehouse`. This page recovers by itself.",
        icon=":material/cloud_off:",
    )
    with st.expander("Details"):
        st.text(str(error))


def busy() -> None:
    """Warning: the warehouse had no free slot for this page."""
    st.warning("**The warehouse is busy.** The page retries by itself.", icon=":material/hourglass_top:")


def refused(error: QueryError) -> None:
    """Error: the warehouse rejected the query, because it is too slow or names a table of another version."""
    log.warning("the query of a page was rejected (%s): %s", error.rule, error)
    st.error(
        f"**The warehouse could not answer the query of this page** (`{error.rule}`). The page retries by itself.",
        icon=":material/error:",
    )
    with st.expander("Details"):
        st.text(str(error))


def no_events() -> None:
    """Empty state: no event ever."""
    st.info(
        "**No events yet.** The warehouse is running: start the generator with "
        "`streamgauge generate --rate 200`, or send events to the topics of the catalog.",
        icon=":material/water_drop:",
    )


def none_in_range(view: ViewState, period: Period, newest: datetime) -> None:
    """Empty state: there are events, but none in the range."""
    st.info(
        f"**No events in {'the last ' if period.label != 'the range' else ''}{period.label}.** The newest is from "
        f"{format.clock(newest, period.now, view.clock)}. Choose another range, or start the generator with "
        "`streamgauge generate --rate 200`.",
        icon=":material/water_drop:",
    )


def no_table(name: str) -> None:
    """Empty state: the catalog has no such table."""
    st.info(f"**The catalog has no `{name}`**, which this page needs.", icon=":material/table:")


def span(view: ViewState) -> str:
    """Label of a custom range: `14:00:00 – 15:30:00`, with dates unless all of it is today."""
    if view.since is None or view.until is None:
        return "Custom"
    since, until = view.since.astimezone(view.clock), view.until.astimezone(view.clock)
    day = "" if since.date() == until.date() == datetime.now(view.clock).date() else "%d %b "
    return f"{since:{day}%H:%M:%S} – {until:{day if since.date() != until.date() else ''}%H:%M:%S}"


def freshness(newest: datetime | None, now: datetime, view: ViewState) -> None:
    """`Data up to 13:04:07 UTC, 0.6 s old`, in the warning colour where it is stale."""
    age = age_s(newest, now)
    if newest is None or age is None:
        return
    text = f"Data up to {format.clock(newest, now, view.clock)}, {format.duration(age)} old"
    if Freshness.of(age) is not Freshness.STALE:
        st.badge(text, icon=":material/bolt:", color="green")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(text, icon=":material/warning:", color="orange")
        st.caption(
            "No new events: the source is quiet, or the pipeline has stopped. `streamgauge status` shows which.",
            width="content",
        )
