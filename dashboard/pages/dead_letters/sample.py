"""Sample of a cause: one dead letter with its origin, reason, headers, and payload with the invalid field marked.

All of it is text of events, so it is shown as text only (`st.code` renders no Markdown and no links).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import streamlit as st

from dashboard.components import tables
from dashboard.components.tables import Column
from dashboard.data import query_cache
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.pages.dead_letters import queries, registry
from dashboard.pages.dead_letters.jobs import Job
from dashboard.pages.dead_letters.retry_request import Request, is_position
from dashboard.session import address
from streamgauge.catalog.validation import REASONS
from streamgauge.dead_letters import payload as payloads
from streamgauge.dead_letters.headers import Position
from streamgauge.dead_letters.payload import Line
from streamgauge.domain import format
from streamgauge.runtime.printable import printable

# Bytes of each payload that the warehouse keeps; the whole payload is in the dead-letter topic.
KEPT_BYTES = 4_096
_KEY = address.key("letter")


def chosen(view: ViewState, filters: Mapping[str, Any]) -> tuple[str | None, list[str]]:
    """Position of the sample, and of the newest dead letters of the cause: the first of these unless the address names
    one."""
    rows = query_cache.fetch(queries.SAMPLES, view, **filters).rows
    positions = [_position(row).exact for row in rows]
    held = str(st.session_state.get(_KEY, ""))
    letter = held if is_position(held) else positions[0] if positions else None
    return letter, positions


def keep(letter: str) -> None:
    """Keep this sample when newer ones arrive: an edit must not end up on another one."""
    st.session_state[_KEY] = letter
    address.write({"letter": letter})


def pager(letter: str, positions: list[str]) -> None:
    """Buttons to newer and older samples."""
    at = positions.index(letter) if letter in positions else None
    with st.container(horizontal=True, vertical_alignment="center", key="letters-pager"):
        _turn("Newer", ":material/chevron_left:", positions, None if at is None else at - 1)
        _turn("Older", ":material/chevron_right:", positions, 0 if at is None else at + 1)
        most = "+" if len(positions) >= 100 else ""
        where = (
            f"dead letter {at + 1} of {len(positions)}{most}, newest first"
            if at is not None
            else "not among the newest"
        )
        st.text(where, width="content")


def _turn(label: str, icon: str, positions: list[str], to: int | None) -> None:
    there = to is not None and 0 <= to < len(positions)

    def go() -> None:
        if to is not None:
            st.session_state[_KEY] = positions[to]

    st.button(label, icon=icon, disabled=not there, on_click=go, key=f"letters-{label}")


def read(letter: str, view: ViewState) -> Result:
    """The row of the dead letter, if the table has it."""
    at = Position.parse(letter)
    if at is None:
        return query_cache.fetch(queries.LETTER, view)
    position: dict[str, Any] = {"topic": at.topic, "kafka_partition": at.partition, "kafka_offset": at.offset}
    return query_cache.fetch(queries.LETTER, view, **position, kafka_topic_id=at.topic_id or "")


def whole(cause: str, letter: str) -> Job | None:
    """The job that reads, or has read, the whole dead letter; None without one."""
    return registry.jobs().newest(cause, "show", letter=letter)


def load(cause: str, letter: str, who: str) -> None:
    """Start reading the dead letter from its topic."""
    registry.jobs().start("show", Request(cause, letter), who)


def text_of(row: Mapping[str, Any], read_whole: Job | None) -> str | None:
    """The whole payload, for editing; None if only a part is available, or it is not text."""
    if read_whole is not None and read_whole.messages:
        payload = read_whole.messages[0].get("payload")
        return payload if isinstance(payload, str) else None
    kept = row["payload"]
    # Invalid UTF-8 was replaced when the row was written.
    same = isinstance(kept, str) and len(kept.encode()) == row["bytes"] and "\ufffd" not in kept
    return kept if same else None


def draw(row: Mapping[str, Any], read_whole: Job | None, view: ViewState) -> None:
    """Draw the facts, the payload, and the headers if they have been read."""
    st.code("\n".join(_facts(row, view)), language=None, wrap_lines=True)
    if meaning := REASONS.get(row["reason"]):
        st.caption(meaning)
    full = text_of(row, read_whole)
    shown = full if full is not None else row["payload"]
    size = "null" if shown is None and not row["bytes"] else f"{format.count(row['bytes'] or 0)} bytes"
    st.text(f"Payload, {size}")
    _payload(shown, row)
    if full is None and (row["bytes"] or 0) > KEPT_BYTES:
        st.caption(f"Cut after {format.count(KEPT_BYTES)} bytes. The whole payload:")
        st.code(f"streamgauge dead-letters show {_position(row).exact}", language=None)
    if read_whole is not None and read_whole.messages:
        headers = read_whole.messages[0].get("headers", [])
        st.text(f"Headers of the dead letter at {read_whole.messages[0].get('lies_at', '')}")
        columns = {"name": Column("Header"), "value": Column("Value", width="large")}
        tables.show(headers, columns, view, key="letters-headers")


def _position(row: Mapping[str, Any]) -> Position:
    return Position(row["topic"], row["kafka_partition"], row["kafka_offset"], row["kafka_topic_id"])


def _facts(row: Mapping[str, Any], view: ViewState) -> Iterator[str]:
    def time(value: Any) -> str:
        return f"{value.astimezone(view.clock):%Y-%m-%d %H:%M:%S}{' UTC' if view.zone == 'utc' else ''}"

    attempt = f", attempt {row['attempts']} at {row['retry_of']}" if row["attempts"] > 1 else ""
    facts = {
        "reason": f"{row['reason']}{' at ' + row['field'] if row['field'] else ''}",
        "detail": row["detail"] or "",
        "event": f"{_position(row)}{attempt}",
        "key": row["key"] if row["key"] is not None else "none",
        "event time": time(row["event_time"]) if row["event_time"] else "none in the payload",
        "letter": f"in {row['letter_topic']} since {time(row['became'])}",
        "failed at": row["consumer"] or f"group {query_cache.settings().analytics_group}, our analytics",
    }
    if row["retried_at"]:
        edited = f", edited: {row['edit']}" if row["edited"] else ""
        fate = "failed again there" if row["again"] else "not failed again"
        sent = f"{row['sent_topic']}:{row['sent_partition']}:{row['sent_offset']}"
        facts["sent again"] = f"{time(row['retried_at'])} by {row['retried_by']} to {sent}, {fate}{edited}"
    for name, value in facts.items():
        yield f"{name:<11} {printable(str(value))}"


def _payload(text: str | None, row: Mapping[str, Any]) -> None:
    value = None if text is None else text.encode()
    lines = payloads.lines(value, row["reason"], row["field"], row["detail"] or "")
    with st.container(gap=None, key="letters-payload"):
        for number, (wrong, part) in enumerate(groupby(lines, key=_wrong)):
            shown = list(part)
            if not wrong:
                st.code("\n".join(line.text for line in shown), language=None, wrap_lines=True)
                continue
            with st.container(key=f"letters-wrong-{number}", gap=None):
                for line in shown:
                    st.code(f"{line.text}   ◀ {printable(line.wrong or '')}", language=None, wrap_lines=True)


def _wrong(line: Line) -> bool:
    return line.wrong is not None
