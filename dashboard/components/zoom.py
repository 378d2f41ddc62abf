"""Zoom: dragging over a chart over time shows that range.

Streamlit replaces a chart that changed and drops the selection on the old one: with a refresh every two seconds most
drags were lost. So this component handles the drag itself, and it outlives the chart that it began on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import streamlit as st

# Prefix of the keys of charts that can be zoomed; their `meta` holds the UTC offset of their times in seconds.
CHART, OFFSET = "over-time-", "offset_s"
_KEY = "zoom"
# Touch scrolls the page instead. A drag of a few pixels is a click.
_JS = """
export default function ({ setTriggerValue }) {
  const begin = (event) => {
    const plot = event.target.closest?.('[class*="st-key-over-time-"] .nsewdrag')
    if (!plot || event.button !== 0 || event.pointerType === 'touch') return
    const chart = plot.closest('.js-plotly-plot')
    const axis = chart._fullLayout.xaxis, offset = 1000 * chart.layout.meta.offset_s
    const on = plot.getBoundingClientRect()
    const inside = (x) => Math.min(Math.max(x, on.left), on.right)
    const time = (x) => axis.p2l(x - on.left) - offset
    const from = inside(event.clientX)
    const band = document.createElement('div')
    band.dataset.testid = 'zoom'
    band.style = `position:fixed; z-index:1000; pointer-events:none; top:${on.top}px; height:${on.height}px;
      background:#3b8bd0; opacity:0.25`
    const until = new AbortController()
    const reach = (now) => {
      const to = inside(now.clientX)
      Object.assign(band.style, { left: `${Math.min(from, to)}px`, width: `${Math.abs(to - from)}px` })
      return to
    }
    const end = () => { until.abort(); band.remove() }
    const take = (now) => {
      const to = reach(now)
      end()
      if (Math.abs(to - from) > 4) setTriggerValue('range', [from, to].map(time).sort((a, b) => a - b))
    }
    reach(event)
    document.body.append(band)
    event.preventDefault()
    for (const [name, act] of Object.entries({
      pointermove: reach, pointerup: take, pointercancel: end, scroll: end,
      keydown: (key) => key.key === 'Escape' && end(),
    })) addEventListener(name, act, { signal: until.signal, capture: true })
  }
  addEventListener('pointerdown', begin, true)
  return () => removeEventListener('pointerdown', begin, true)
}
"""
_listen = st.components.v2.component("streamgauge-zoom", js=_JS)


def listen(zoomed: Callable[[datetime, datetime], None]) -> None:
    """Listen for drags over charts; `zoomed` is called with UTC times before the run that follows one."""

    def dragged() -> None:
        if (span := read(st.session_state[_KEY].range)) is not None:
            zoomed(*span)

    _listen(key=_KEY, on_range_change=dragged, height=1)


def read(value: Any) -> tuple[datetime, datetime] | None:
    """Parse the range that the browser sent: two times in ms since the epoch, the earlier first. None if it is
    invalid."""
    try:
        since, until = map(float, value)
        if not math.isfinite(until - since) or since >= until:
            return None
        return datetime.fromtimestamp(since / 1_000, UTC), datetime.fromtimestamp(until / 1_000, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
