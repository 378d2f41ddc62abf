"""Frame of every page: title, time range, pause, time zone; and the part of a page that refreshes by itself.

All choices are in the address, so that a link reproduces the view.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import streamlit as st

from dashboard import theme
from dashboard.components import refresh, states, zoom
from dashboard.data import query_cache
from dashboard.data.periods import BY_KEY, COMPARE, RANGES
from dashboard.data.view_state import CUSTOM, DEFAULTS, OF_RANGE, PARAMETERS, REFRESH, ZONES, ViewState
from dashboard.session import address, incident
from streamgauge.warehouse.client import Busy, QueryError, WarehouseUnavailable

# Session keys: the fields of the form, their prefilled values, and why its input was rejected.
_SINCE, _UNTIL, _PREFILLED, _PROBLEM = "frame:since", "frame:until", "frame:offered", "frame:wrong"


def begin() -> None:
    """Apply the address to the widgets. Call first in a run, before any widget is drawn."""
    usual = {**DEFAULTS, **dict.fromkeys(OF_RANGE, "")}
    address.begin(usual | {"range": CUSTOM} if "from" in st.query_params else usual)
    _set_widgets(ViewState.read(_params(), st.context.timezone))


def view() -> ViewState:
    """The current view."""
    return ViewState.read(_params(), st.context.timezone)


def _params() -> dict[str, str]:
    held = {name: st.session_state.get(address.key(name)) for name in PARAMETERS}
    return {name: str(value) for name, value in held.items() if value}


def _set_widgets(now: ViewState) -> None:
    """Set the widgets to the view, also where the address has no value or an invalid one."""
    for name in DEFAULTS:
        st.session_state[address.key(name)] = getattr(now, name)
    if now.range != CUSTOM:
        for name in OF_RANGE:
            st.session_state[address.key(name)] = ""


def head(title: str) -> None:
    """Draw the title and the choices, and write the address."""
    now = view()
    st.html(theme.CSS)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", key="head"):
        st.title(title, anchor=False, width="content")
        with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small"):
            _range(now)
            paused = now.refresh_s is None
            st.button(
                "Resume" if paused else "Pause",
                icon=":material/play_arrow:" if paused else ":material/pause:",
                type="tertiary",
                on_click=_toggle,
                help="Refresh again" if paused else "Stop refreshing; a click still refreshes",
            )
            with st.popover("View", icon=":material/tune:", type="tertiary"):
                _choices(now)
            incident.button(title, now)
    params = now.address()
    address.write({name: params.get(name) for name in PARAMETERS})


def _range(now: ViewState) -> None:
    keys = [choice.key for choice in RANGES] + ([CUSTOM] if now.range == CUSTOM else [])

    def shown(choice: str) -> str:
        return BY_KEY[choice].label if choice in BY_KEY else states.span(now)

    st.segmented_control(
        "Time range", keys, required=True, format_func=shown, key=address.key("range"), label_visibility="collapsed"
    )


def _toggle() -> None:
    name = address.key("refresh")
    st.session_state[name] = "live" if st.session_state[name] == "off" else "off"


def _choices(now: ViewState) -> None:
    st.selectbox("Compare with", list(COMPARE), key=address.key("compare"), format_func=COMPARE.__getitem__)
    st.selectbox("Refresh", list(REFRESH), key=address.key("refresh"), format_func=lambda key: REFRESH[key][0])
    st.segmented_control(
        "Times are", list(ZONES), required=True, key=address.key("zone"), format_func=ZONES.__getitem__
    )
    problem = st.session_state.pop(_PROBLEM, None)
    if problem is None:
        _prefill(now)
    with st.form("custom range", border=False):
        st.datetime_input("From", key=_SINCE, step=60)
        st.datetime_input("To", key=_UNTIL, step=60)
        # In the callback, before the next run: once the range's widget is drawn, it can no longer be set.
        st.form_submit_button("Show this range", width="stretch", on_click=_apply, args=(now,))
        if problem:
            st.error(problem)


def _prefill(now: ViewState) -> None:
    """Prefill the form with the current range."""
    period = now.period(datetime.now(UTC))
    for name, time in ((_SINCE, period.since), (_UNTIL, period.until)):
        local = time.astimezone(now.clock)
        st.session_state[name] = local.replace(tzinfo=None)
        st.session_state.setdefault(_PREFILLED, {})[name] = local


def _apply(now: ViewState) -> None:
    """Show the range of the form. An unchanged field keeps its exact time, also in the hour that occurs twice."""
    times = []
    for name in (_SINCE, _UNTIL):
        typed, prefilled = st.session_state[name], st.session_state[_PREFILLED][name]
        if typed is None:
            st.session_state[_PROBLEM] = "The range needs a start and an end."
            return
        same = typed == prefilled.replace(tzinfo=None)
        times.append((prefilled if same else typed.replace(tzinfo=now.clock)).astimezone(UTC))
    since, until = times
    if since < until:
        zoom.show(since, until)
    else:
        st.session_state[_PROBLEM] = "The range must end after its start."


def live(draw: Callable[[ViewState], None]) -> None:
    """Draw the figures of the page, and redraw them at the chosen interval; show an error where they cannot be had."""
    now, last_fetches = view(), query_cache.Fetches()

    def figures() -> None:
        settings = query_cache.settings()
        states.stand_in(settings.data_dir)
        try:
            with incident.drawing(), query_cache.prefetched(last_fetches):
                draw(now)
        except Busy:
            states.busy()
        except WarehouseUnavailable as error:
            states.unavailable(settings, error)
        except QueryError as error:
            states.refused(error)

    refresh.every(now.refresh_s, "figures", figures)
