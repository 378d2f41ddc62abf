"""Dragging over a chart shows that range.

Streamlit makes a chart that changed anew, and forgets what the old one was asked: with a refresh every two seconds most
drags came to nothing. So the drag is ours: it begins on a chart and outlives it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import streamlit as st

# Keys of charts over time begin so; the others are not for dragging. They say in `meta` by how many seconds their times
# are ahead of UTC.
CHART, OFFSET = "over-time-", "offset_s"
_KEY = "zoom"
# A finger scrolls the page. A drag of a few pixels was a click.
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
    """Wait for drags over the page's charts; `zoomed` is called before the run that follows one, with UTC times."""

    def dragged() -> None:
        if (span := read(st.session_state[_KEY].range)) is not None:
            zoomed(*span)

    _listen(key=_KEY, on_range_change=dragged, height=1)


def read(value: Any) -> tuple[datetime, datetime] | None:
    """What the browser says: two times in milliseconds since 1970, the earlier first. None where it is no range."""
    try:
        since, until = map(float, value)
        if not math.isfinite(until - since) or since >= until:
            return None
        return datetime.fromtimestamp(since / 1_000, UTC), datetime.fromtimestamp(until / 1_000, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None
