"""The parts of a page that refresh by themselves: at an interval, a longer one where the browser cannot keep up, and
not while its tab is hidden.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard.browser import assets

# A page that gets more than it can draw reacts to nothing, and draws its charts late.
SLOWER = 3
_tab = assets.component("tab", "tab.js")


def every(seconds: float | None, name: str, draw: Callable[[], None]) -> None:
    """Draw, and redraw at this interval (None: only with the page). A tab that is shown again is redrawn at once.

    `name` is one for each such part of a page.
    """
    key = f"tab-{name}"

    # Only this part runs when the tab is hidden or shown, slow or not: a run of the whole page would close its dialogs.
    @st.fragment
    def part() -> None:
        told = st.session_state.get(key)
        hidden, slow = (bool(getattr(told, name, False)) for name in ("hidden", "slow"))
        if seconds is not None:
            _tab(
                key=key,
                data={"hidden": hidden, "slow": slow},
                on_hidden_change=lambda: None,
                on_slow_change=lambda: None,
            )
        if seconds is None or hidden:
            # A fragment has a container too: everything keeps its place, and so its state in the browser.
            with st.container():
                draw()
        else:
            # Streamlit stops the timer of an inner fragment that is no longer drawn.
            st.fragment(run_every=seconds * SLOWER if slow else seconds)(draw)()

    part()
