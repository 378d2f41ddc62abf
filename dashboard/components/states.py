"""What a page says when it has no figures, old figures, or figures that cannot be trusted."""

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
    """Say so where the broker is a stand-in without exactly-once."""
    marker = broker_marker.read(data_dir)
    if marker is not None and marker.notice:
        st.warning(
            "**Stand-in broker.** These figures come without the exactly-once guarantee.", icon=":material/warning:"
        )
        st.text(marker.notice)


def unavailable(settings: Settings, error: WarehouseUnavailable) -> None:
    """The warehouse does not answer: where it was asked, and what to do."""
    st.error(
        f"**The warehouse does not answer** on `{settings.warehouse_url}`. "
        "Start it with `streamgauge up` or `streamgauge warehouse`. This page comes back by itself.",
        icon=":material/cloud_off:",
    )
    with st.expander("What it said"):
        st.text(str(error))


def busy() -> None:
    """The warehouse answers others, and had no turn for this page."""
    st.warning("**The warehouse is busy.** The page tries again by itself.", icon=":material/hourglass_top:")


def refused(error: QueryError) -> None:
    """The warehouse answers, but not this question: too slow, or a table that is another version's."""
    log.warning("a page's question was refused (%s): %s", error.rule, error)
    st.error(
        f"**The warehouse could not answer this page's question** (`{error.rule}`). The page tries again by itself.",
        icon=":material/error:",
    )
    with st.expander("What it said"):
        st.text(str(error))


def no_events() -> None:
    """Nothing has ever come."""
    st.info(
        "**No events yet.** The warehouse answers and waits: start the generator with "
        "`streamgauge generate --rate 200`, or send events to the topics of the catalog.",
        icon=":material/water_drop:",
    )


def none_in_range(view: ViewState, period: Period, newest: datetime) -> None:
    """There are events, but none in the chosen range."""
    st.info(
        f"**No events in {'the last ' if period.label != 'the range' else ''}{period.label}.** The newest one is of "
        f"{format.clock(newest, period.now, view.clock)}. Choose another range, or start the generator with "
        "`streamgauge generate --rate 200`.",
        icon=":material/water_drop:",
    )


def no_table(name: str) -> None:
    """The catalog in force has no such table."""
    st.info(f"**The catalog has no `{name}`.** This page needs it.", icon=":material/table:")


def span(view: ViewState) -> str:
    """A range of one's own, for its button: `14:00 – 15:30`, with dates where it is not within one day."""
    if view.since is None or view.until is None:
        return "Custom"
    since, until = view.since.astimezone(view.clock), view.until.astimezone(view.clock)
    day = "" if since.date() == until.date() == datetime.now(view.clock).date() else "%d %b "
    return f"{since:{day}%H:%M:%S} – {until:{day if since.date() != until.date() else ''}%H:%M:%S}"


def freshness(newest: datetime | None, now: datetime, view: ViewState) -> None:
    """`Data up to 13:04:07 UTC, 0.6 s old`, in the warning colour where nothing came for a while."""
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
            "No new events: the source is quiet, or the pipeline has stopped. `streamgauge status` tells which.",
            width="content",
        )
