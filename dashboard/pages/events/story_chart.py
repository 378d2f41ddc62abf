"""Chart of a story: one lane per stream, in its colour, with a mark at the time of each event."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, timedelta

from dashboard import theme
from dashboard.components import charts
from dashboard.data.view_state import ViewState
from dashboard.pages.events.story_timing import Step

LANE_PX = 30
# Marks at the very ends would be cut.
_MARGIN = 0.03


def lanes(steps: Sequence[Step], view: ViewState) -> None:
    """Draw the chart; nothing for a single event."""
    if len(steps) < 2:
        return
    happened = [step.row["happened_at"] for step in steps]
    clock, title = charts.fixed_offset(min(happened), max(happened), view.clock)
    names = sorted({step.row["stream"] for step in steps}, key=theme.stream_order)
    traces = []
    for at, name in enumerate(names):
        own = [step for step in steps if step.row["stream"] == name]
        marker = {
            "size": 13,
            "color": [theme.BAD if step.dead else theme.stream_colour(name) for step in own],
            "symbol": ["x" if step.dead else "circle" for step in own],
            "opacity": 0.85,
            "line": {"width": 1, "color": "rgba(255,255,255,0.7)"},
        }
        trace = {
            "type": "scatter",
            "mode": "markers",
            "name": charts.label(name),
            "x": [charts.wall_time(step.row["happened_at"], clock) for step in own],
            "y": [at] * len(own),
            "text": [charts.label(step.row["event"]) for step in own],
            "hovertemplate": f"%{{text}}<br>%{{x|%H:%M:%S.%L}}<extra>{charts.label(name)}</extra>",
            "marker": marker,
        }
        traces.append(trace)
    times = [charts.wall_time(time, clock) for time in happened]
    room = max((max(times) - min(times)) * _MARGIN, timedelta(milliseconds=5))
    span = [min(times) - room, max(times) + room]
    places = {
        "tickmode": "array",
        "tickvals": list(range(len(names))),
        "ticktext": [charts.label(name) for name in names],
        "range": [len(names) - 0.5, -0.5],
        "zeroline": False,
        "ticklabelstandoff": 6,
    }
    figure = charts.Chart(
        traces,
        LANE_PX * len(names) + 50,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        showlegend=False,
        hovermode="closest",
        xaxis={"range": span, "fixedrange": True, "nticks": 5, "tickangle": 0, **title},
        yaxis={"fixedrange": True, **places},
    )
    zone = "UTC" if view.clock is UTC else "local time"
    charts.draw(figure, "story:lanes", f"The story's events over time, one lane a stream ({zone})")
