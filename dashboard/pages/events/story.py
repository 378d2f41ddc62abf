"""Story of one order, customer or article: its events across all services."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard.components import tiles
from dashboard.data import query_cache
from dashboard.data.figure import Figure
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.pages.events import event_detail, event_table, figures, search, story_queries, story_timing
from dashboard.pages.events.search import EventPosition
from dashboard.pages.events.story_chart import lanes
from dashboard.pages.events.story_timing import Step
from dashboard.session import address, incident
from dashboard.session.incident import FigureSnapshot
from streamgauge.catalog.loader import Catalog
from streamgauge.domain import format

# A story scans the id columns of all raw tables: it is not fetched at every refresh.
SHARED_S = 10.0
# The whole course of an order without scrolling inside the table.
TABLE_PX = 880
SLICE_S = 600
# Differences below this are normal between clocks.
CLOCKS_AGREE_S = 0.002


def draw(view: ViewState, kind: str, identifier: str) -> None:
    """Everything that refreshes by itself."""
    catalog = query_cache.catalog()
    story = fetch(view, catalog, kind, identifier)
    head(kind, identifier)
    if not story.rows:
        return no_events(story, kind, catalog)
    steps = story_timing.steps(story.rows)
    headline(view, story, steps)
    with st.container(border=True):
        lanes(steps, view)
        table(view, steps)
        remarks(story, steps, has_own_course(catalog, kind))
    if position := EventPosition.read(st.query_params.get("open", "")):
        event_detail.draw(view, position)
    return None


def has_own_course(catalog: Catalog, kind: str) -> bool:
    """Whether its story is shown whole, as that of an order, which belongs to a customer. The story of what others
    belong to (a customer) has no end, and is limited to the range."""
    return any(stream.key == kind and stream.belongs_to for stream in catalog.own.values())


def fetch(view: ViewState, catalog: Catalog, kind: str, identifier: str) -> Result:
    """Fetch the story, or the newest slice of it that fills the table."""
    given = {"id": identifier, "kind": kind}
    if has_own_course(catalog, kind):
        return query_cache.fetch(story_queries.WHOLE, view, shared_s=SHARED_S, **given)
    # If the newest slice is empty, events are rare: the whole range then costs little more than a part.
    slice_s = SLICE_S
    while True:
        story = query_cache.fetch(story_queries.SPAN, view, shared_s=SHARED_S, slice_s=slice_s, **given)
        if len(story.rows) == story_queries.MOST or slice_s >= story.period.seconds:
            return story
        slice_s *= 10 if story.rows else 1_000


def head(kind: str, identifier: str) -> None:
    """Title, links, and the way back to all events."""
    thing = search.short(kind)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(f"Story of one {thing}", anchor=False, width="content")
        st.code(identifier, language=None, width="content")
        if kind == "order_id":
            st.markdown(f"[Its saga]({address.to('fulfilment', order=identifier)})", width="content")
        if st.button("All events", icon=":material/arrow_back:", type="tertiary"):
            address.write({thing: None, kind: None, "open": None})
            event_table.release()
            st.rerun(scope="app")


def no_events(story: Result, kind: str, catalog: Catalog) -> None:
    """Empty state: no event names it."""
    where = "" if has_own_course(catalog, kind) else f" in {story.period.label}; a longer range may have it"
    st.info(
        f"**No event names this {search.short(kind)}**{where}. Raw events are kept as long as retention allows.",
        icon=":material/search_off:",
    )
    st.caption(tiles.sql(story))


def headline(view: ViewState, story: Result, steps: Sequence[Step]) -> None:
    """The figures of the story."""
    first, last = (steps[at].row["happened_at"] for at in (0, -1))
    count = story.row["events"]
    shown = format.count(count) if count == len(steps) else f"{format.count(len(steps))} of {format.count(count)}"
    services = len({step.row["service"] for step in steps})
    gap, skew, dead = story_timing.longest_gap(steps), story_timing.skewed(steps), sum(step.dead for step in steps)
    lasted = max(0.0, (last - first).total_seconds())
    late = sum(bool(step.row["late"]) for step in steps)
    off = skew[1] if skew else 0.0
    began = format.clock(first, story.period.now, view.clock)
    with tiles.row("story"):
        metric(figures.EVENTS, shown, f"of {services} services", story)
        metric(figures.DURATION, lasted, f"since {began}", story)
        metric(figures.LONGEST_GAP, short(gap.seconds) if gap else None, "▲ in the table", story)
        metric(figures.DEAD_LETTERS, dead, "with its key", story)
        skewed = short(off) if off > CLOCKS_AGREE_S else "nothing"
        metric(figures.CLOCK_SKEW, skewed, f"{format.count(late)} late events", story)


def metric(figure: Figure, value: float | str | None, remark: str, story: Result) -> None:
    """One figure of the story. It has no completeness: a story is what is kept of it."""
    shown = tiles.formatted(figure, value)
    with st.container(border=True, gap="xsmall", height="stretch"):
        st.metric(figure.label, shown, remark or None, delta_color="off", delta_arrow="off", help=figure.meaning)
    incident.record(FigureSnapshot(figure.label, shown, remark, "", story.sql))


def table(view: ViewState, steps: Sequence[Step]) -> None:
    """Table of the events, each with the time since the previous one, and what it changed."""
    days = {step.row["happened_at"].astimezone(view.clock).date() for step in steps}
    gap = story_timing.longest_gap(steps)
    longest = gap.seconds if gap and gap.seconds > 0 else None
    shown = [
        {
            "time": step.row["happened_at"],
            "since": since(step, longest),
            "stream": [step.row["stream"]],
            "event": step.row["event"],
            "what": step.row["detail"] or "",
            "key": step.row["key"],
            "service": step.row["service"],
            "via": step.row["via"],
        }
        for step in steps
    ]
    config = st.column_config
    columns: dict[str, Any] = {
        "time": event_table.time("Happened", view, dated=len(days) > 1),
        "since": config.TextColumn(
            "Since",
            width=95,
            help="Time since the previous event. ▲ is the longest silence. A minus is a clock that is behind: by its "
            "own time the event came before what it follows from. Late: it reached Kafka after newer ones of its key.",
        ),
        "stream": event_table.streams({step.row["stream"] for step in steps}),
        "event": config.TextColumn("Event", width=170),
        "what": config.TextColumn(
            "Fields, or what changed",
            width=520,
            help="All fields of the first event of a key in its stream; of later ones the changes, old → new.",
        ),
        "key": config.TextColumn("Key", width=190),
        "service": config.TextColumn("Service", width=110),
        "via": config.TextColumn("Named as", width=110, help="The field that names it."),
    }
    event_table.selectable([step.row for step in steps], shown, columns, "story", TABLE_PX)


def since(step: Step, longest: float | None) -> str:
    """The time since the previous event, as text."""
    if step.row["late"]:
        return "late"
    if step.behind_s:
        return f"−{short(step.behind_s)}"
    if step.gap_s is None:
        return ""
    return f"{'▲ ' if step.gap_s == longest else ''}+{short(step.gap_s)}" if step.gap_s else "at once"


def short(seconds: float) -> str:
    """A duration, in ms below a second."""
    return f"{round(1_000 * seconds)} ms" if seconds < 1 else format.duration(seconds)


def remarks(story: Result, steps: Sequence[Step], is_whole: bool) -> None:
    """Caption: what the story leaves out, and where clocks disagree."""
    behind = [step for step in steps if step.behind_s > CLOCKS_AGREE_S and not step.row["late"]]
    late = sum(bool(step.row["late"]) for step in steps)
    notes = []
    if behind:
        notes.append(f"{len(behind)} events happened, by their service's clock, before what they follow from.")
    if late:
        notes.append(f"{late} came late: they stand where they happened.")
    if story.row["events"] > len(steps):
        notes.append(f"Only the newest {len(steps)} are shown.")
    if not is_whole:
        notes.append(f"Of {story.period.label}, by when events reached Kafka; a longer range shows more.")
    notes.append("Raw events that retention has removed are not included.")
    st.caption(f"{' '.join(notes)} Refreshed every {format.duration(SHARED_S)}. {tiles.sql(story)}")
