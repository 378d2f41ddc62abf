"""Detect whether the pointer is over the list of events.

The browser reports only the number of the clicked row, possibly after newer rows were sent: in a live list, one click
in six opened another event than the one displayed. So the list is held while the pointer is over it.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

# Key of the container that is watched. The component lies over it and lets every click through (dashboard.theme).
LIST = "events-list"
_KEY = "pointing"
_JS = """
export default function ({ parentElement, setStateValue }) {
  const own = parentElement.host ?? parentElement
  // Unknown at first: Python may hold the value of an earlier mount.
  let over, later
  const look = (event) => {
    const box = own.getBoundingClientRect(), { clientX: x, clientY: y } = event
    const now = event.type === 'pointermove' && x >= box.left && x < box.right && y >= box.top && y < box.bottom
    clearTimeout(later)
    // Streamlit joins what changes until the browser has time for it, and runs only this fragment then: a click on a
    // widget of the page, to which the pointer left the list, would be lost. So that goes first.
    if (now !== over) later = setTimeout(() => setStateValue('over', over = now), now ? 0 : 500)
  }
  const root = document.documentElement
  root.addEventListener('pointermove', look)
  root.addEventListener('pointerleave', look)
  return () => {
    if (!own.isConnected) clearTimeout(later)
    root.removeEventListener('pointermove', look)
    root.removeEventListener('pointerleave', look)
  }
}
"""
_watch = st.components.v2.component("streamgauge-pointing", js=_JS)


def over() -> bool:
    """Whether the pointer is over the list."""
    return bool(getattr(st.session_state.get(_KEY), "over", False))


def watch(changed: Callable[[bool], None]) -> None:
    """Watch the container that this is called in; `changed` is called before the run that follows a change."""
    _watch(key=_KEY, on_over_change=lambda: changed(over()), height="stretch")
