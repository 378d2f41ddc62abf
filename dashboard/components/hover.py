"""Detect whether the pointer is over the list of events.

The browser reports only the number of the clicked row, possibly after newer rows were sent: in a live list, one click
in six opened another event than the one displayed. So the list is held while the pointer is over it.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

# Key of the container that is watched.
LIST = "events-list"
_KEY = "pointing"
_JS = """
export default function ({ setStateValue }) {
  // Unknown at first: Python may hold the value of an earlier mount.
  let over
  const look = (event) => {
    const now = event.type === 'pointerover' && !!event.target.closest?.('.st-key-events-list')
    if (now !== over) setStateValue('over', over = now)
  }
  const root = document.documentElement
  root.addEventListener('pointerover', look)
  root.addEventListener('pointerleave', look)
  return () => { root.removeEventListener('pointerover', look); root.removeEventListener('pointerleave', look) }
}
"""
_watch = st.components.v2.component("streamgauge-pointing", js=_JS)


def watch(changed: Callable[[bool], None]) -> bool:
    """Whether the pointer is over the list; `changed` is called with it before the run that follows a change."""

    def on_change() -> None:
        changed(bool(st.session_state[_KEY].over))

    return bool(_watch(key=_KEY, on_over_change=on_change, height=1).over)
