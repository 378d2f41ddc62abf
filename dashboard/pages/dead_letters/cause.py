"""One cause of dead letters: its figures, a sample, the retry, and the history."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard.components import filters, frame, refresh
from dashboard.data import query_cache
from dashboard.data.view_state import ViewState
from dashboard.pages.dead_letters import causes, history, queries, retry, sample
from dashboard.pages.dead_letters.jobs import Busy, Job
from dashboard.session import actions, address
from streamgauge.warehouse.client import QueryError, WarehouseUnavailable

# Marks the invalid lines of the payload. Static text.
_CSS = """<style>
[class*="st-key-letters-wrong"] { box-shadow: inset 4px 0 #D55E00; background: rgba(213, 94, 0, 0.14); }
[class*="st-key-letters-wrong"] pre { background: transparent !important; }
.st-key-letters-payload pre { border-radius: 0; margin: 0; padding-top: 0.15rem; padding-bottom: 0.15rem; }
</style>"""
READING_S = 0.5
CHART_PX = 180


def show(view: ViewState, chosen: Mapping[str, Any]) -> None:
    """Draw the page of one cause; `chosen` holds a fingerprint or a prefix of one."""
    st.html(_CSS)
    st.button("All causes", icon=":material/arrow_back:", type="tertiary", on_click=_leave, key="letters-back")
    frame.live(lambda now: _figures(now, chosen))
    # What the reader works with does not refresh: it is redrawn when they change something.
    try:
        _open(view, chosen)
    except WarehouseUnavailable:
        # The figures above report it, and recover by themselves.
        st.caption("The sample recovers with the next click.")
    except QueryError as error:
        st.caption("The dead letters could not be read.")
        st.text(str(error))
    _history(view, chosen)


def _history(view: ViewState, chosen: Mapping[str, Any]) -> None:
    def runs() -> None:
        # The figures above report why it cannot be had.
        with contextlib.suppress(WarehouseUnavailable, QueryError):
            history.draw(view, chosen)

    refresh.every(view.refresh_s, "runs", runs)


def _leave() -> None:
    for name in ("fingerprint", "letter"):
        st.session_state[address.key(name)] = ""
    st.query_params.pop("letter", None)


def _figures(view: ViewState, chosen: Mapping[str, Any]) -> None:
    result = query_cache.fetch(queries.CAUSES, view, **chosen)
    if not result.rows:
        filters.no_match("dead letters", result.period)
        return
    several = len({row["fingerprint"] for row in result.rows}) > 1
    if not several:
        one = result.row
        st.text(" · ".join(filter(None, (one["stream"], one["reason"], one["field"]))))
    causes.headline(result, view, chosen, several=several)
    causes.timeline(view, chosen, CHART_PX)
    if several:
        causes.table(result, view, chosen)


def _open(view: ViewState, chosen: Mapping[str, Any]) -> None:
    letter, positions = sample.chosen(view, chosen)
    if letter is None:
        return
    row = sample.read(letter, view).row
    # A dead letter of another cause belongs to another link.
    if not row or not row["fingerprint"].startswith(chosen["fingerprint"]):
        letter = positions[0] if positions else None
        row = sample.read(letter, view).row if letter else {}
    if letter is None or not row:
        return
    sample.keep(letter)
    with st.container(border=True):
        read_whole = _sample(letter, positions, row, view)
    with st.container(border=True):
        request = retry.form(row, letter, sample.text_of(row, read_whole))
        retry.dry_run(request)
    retry.work(request, view)


def _sample(letter: str, positions: list[str], row: Mapping[str, Any], view: ViewState) -> Job | None:
    """The sample, and its headers once they were requested."""
    st.subheader("Sample", anchor=False)
    sample.pager(letter, positions)
    result = sample.whole(row["fingerprint"], letter)
    sample.draw(row, result, view)
    _reading(row["fingerprint"], letter, result)
    return result


def _reading(cause: str, letter: str, result: Job | None) -> None:
    if result is not None and result.running:

        @st.fragment(run_every=READING_S)
        def waiting() -> None:
            st.caption("Reading the dead letter from its topic …")
            if not result.running:
                st.rerun()

        waiting()
        return
    if result is not None and result.error:
        st.caption("The dead letter could not be read from its topic.")
        st.text(result.error)
    if result is not None and result.messages:
        return
    who = actions.actor()
    if st.button(
        "Headers and whole payload",
        icon=":material/mail:",
        disabled=who is None,
        help="Reads the dead letter from its topic.",
        key="letters-whole",
    ):
        try:
            sample.load(cause, letter, who or "")
        except Busy as error:
            st.text(str(error))
        else:
            st.rerun()
