"""What stands around every page: its title, the time range, pause, and how times are shown; and the part of a page that
refreshes by itself. All of it is in the address, so that a link reproduces the view."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import streamlit as st

from dashboard import address, incident, source, states, theme
from dashboard.periods import BY_KEY, COMPARE, RANGES
from dashboard.view import CUSTOM, DEFAULTS, REFRESH, ZONES, View, stamp
from warehouse.client import QueryError, WarehouseUnavailable

_NAMES = ("range", "from", "to", "compare", "zone", "refresh")
_ZOOMED = "frame:zoomed"


def begin() -> None:
    """First thing in a run, before any widget."""
    address.begin({**DEFAULTS, "from": "", "to": ""})
    _hold(View.read(_said(), st.context.timezone))


def view() -> View:
    """What the reader looks at now."""
    return View.read(_said(), st.context.timezone)


def _said() -> dict[str, str]:
    held = {name: st.session_state.get(address.key(name)) for name in _NAMES}
    return {name: str(value) for name, value in held.items() if value}


def _hold(now: View) -> None:
    """Let the widgets show what holds: also where the address said nothing, or something wrong."""
    for name in DEFAULTS:
        st.session_state[address.key(name)] = getattr(now, name)
    if now.range != CUSTOM:
        st.session_state[address.key("from")] = st.session_state[address.key("to")] = ""


def zoom(since: datetime, until: datetime) -> None:
    """Look at a range of one's own from the next run on."""
    held = {"range": CUSTOM, "from": stamp(since), "to": stamp(until)}
    for name, value in held.items():
        st.session_state[address.key(name)] = value
    st.session_state[_ZOOMED] = True


def head(title: str) -> None:
    """The title and the choices; writes the address."""
    now = view()
    st.html(theme.CSS)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="head"):
        st.title(title, anchor=False, width="content")
        with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small"):
            _range(now)
            paused = now.every_s is None
            st.button(
                "Resume" if paused else "Pause",
                icon=":material/play_arrow:" if paused else ":material/pause:",
                type="tertiary",
                on_click=_toggle,
                help="Go on refreshing" if paused else "Keep the figures as they are",
            )
            with st.popover("View", icon=":material/tune:", type="tertiary"):
                _choices(now)
            incident.button(title, now)
    address.write({name: now.address().get(name) for name in _NAMES})


def _range(now: View) -> None:
    keys = [choice.key for choice in RANGES] + ([CUSTOM] if now.range == CUSTOM else [])

    def shown(choice: str) -> str:
        return BY_KEY[choice].label if choice in BY_KEY else states.span(now)

    st.segmented_control(
        "Time range", keys, required=True, format_func=shown, key=address.key("range"), label_visibility="collapsed"
    )


def _toggle() -> None:
    name = address.key("refresh")
    st.session_state[name] = "live" if st.session_state[name] == "off" else "off"


def _choices(now: View) -> None:
    st.selectbox("Compare with", list(COMPARE), key=address.key("compare"), format_func=COMPARE.__getitem__)
    st.selectbox("Refresh", list(REFRESH), key=address.key("refresh"), format_func=lambda key: REFRESH[key][0])
    st.segmented_control(
        "Times are", list(ZONES), required=True, key=address.key("zone"), format_func=ZONES.__getitem__
    )
    period = now.period(datetime.now(UTC))
    with st.form("custom range", border=False):
        began = st.datetime_input("From", period.since.astimezone(now.clock).replace(tzinfo=None), step=60)
        ended = st.datetime_input("To", period.until.astimezone(now.clock).replace(tzinfo=None), step=60)
        if st.form_submit_button("Show this range", width="stretch") and began and ended:
            since, until = (time.replace(tzinfo=now.clock).astimezone(UTC) for time in (began, ended))
            if since < until:
                zoom(since, until)
                st.rerun()
            st.error("The range must end after it begins.")


def live(draw: Callable[[View], None]) -> None:
    """Draw the page's figures now, and anew as often as the reader wants; where they cannot be had, say why."""
    now, asked = view(), source.Asked()

    @st.fragment(run_every=now.every_s)
    def figures() -> None:
        if st.session_state.pop(_ZOOMED, False):
            st.rerun(scope="app")
        incident.forget()
        settings = source.settings()
        states.stand_in(settings.data_dir)
        try:
            with source.together(asked):
                draw(now)
        except WarehouseUnavailable as error:
            states.unavailable(settings, error)
        except QueryError as error:
            states.refused(error)

    figures()
