"""State of the editor: the statement of a session, opened from a link, an example or typed, and its runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import streamlit as st

from dashboard.data import view_state
from dashboard.data.query import Query
from dashboard.data.view_state import ViewState
from dashboard.pages.sql import page_queries, query_run
from dashboard.pages.sql.query_run import QueryRun, Statement
from dashboard.session import address

TEXT, AS_OF, KNOWN = "sql:text", "sql:as-of", "sql:known"
_OPENED, _KEPT, _RUN, _HISTORY = "sql:opened", "sql:kept", "sql:run", "sql:history"
# What address bars and chat messages accept; a longer statement runs, but is not in the link.
MOST_IN_LINK = 4_000
MOST_OPENED = 20_000
MOST_KEPT = 30
BEGINNING = """SELECT stream, sum(events) AS events, sum(dead_letters) AS dead_letters, max(max_occurred_at) AS newest
FROM stream_windows
WHERE window_start > now() - INTERVAL 15 MINUTES
GROUP BY stream
ORDER BY events DESC"""


@dataclass(frozen=True)
class LinkedQuery:
    """What a link opens: a page's query with its statement, or a typed statement; `wrong` is why it cannot.

    `given` are the filters of the query's page, as in the link.
    """

    query: Query | None = None
    sql: str = ""
    given: str = ""
    wrong: str = ""


def opened(view: ViewState) -> LinkedQuery:
    """What the address opens, for the range of the view."""
    name, text, given = (st.query_params.get(one, "") for one in ("question", "q", "given"))
    if len(text) > MOST_OPENED or len(given) > MOST_OPENED:
        return LinkedQuery(wrong=f"The link's statement is longer than {MOST_OPENED:,} characters.")
    if not name:
        return LinkedQuery(sql=text)
    query = page_queries.named(name)
    if query is None:
        return LinkedQuery(wrong="No page has a query of the name in the link.")
    try:
        return LinkedQuery(query, filled(query, view, given), given)
    except (ValueError, RecursionError):
        return LinkedQuery(wrong="The filters in the link are not those of this query.")


def filled(query: Query, view: ViewState, given: str = "") -> str:
    """The statement of a query for the range of the view; filters that are not `given` are at their defaults.

    Raises ValueError for filters that the query does not have.
    """
    usual = {**dict.fromkeys(query.names), **query.defaults, **view.period(datetime.now(UTC)).params()}
    return query.filled({**usual, **query.given(given)})


def begin(view: ViewState) -> LinkedQuery:
    """Before the editor is drawn: open and run a followed link, once; otherwise restore the previous statement."""
    link = opened(view)
    signature = _signature(view)
    state = st.session_state
    if link.sql and state.get(_OPENED) != signature:
        as_of = st.query_params.get("as_of", "")
        submit(Statement(link.sql, as_of, st.query_params.get("known") == "1"))
        state[_OPENED] = signature
    elif TEXT not in state:
        _fill(state.get(_KEPT) or Statement(BEGINNING))
        if not link.wrong and run() is not None:
            # Back from another page: write the statement to the address again.
            write(view, link)
    return link


def submit(statement: Statement) -> None:
    """Put a statement into the editor and run it, cancelling the previous run. Call before the editor is drawn."""
    _fill(statement)
    start(statement)


def start(statement: Statement) -> None:
    """Run a statement, cancelling the previous run."""
    if (before := run()) is not None and before.running:
        before.cancel()
    st.session_state[_KEPT] = statement
    started = st.session_state[_RUN] = QueryRun(statement, query_run.client())
    history = [one for one in history_of() if one.statement != statement]
    for one in history:
        one.release()
    st.session_state[_HISTORY] = [started, *history][:MOST_KEPT]


def run() -> QueryRun | None:
    """The last run of this session; None before the first."""
    last: QueryRun | None = st.session_state.get(_RUN)
    return last


def history_of() -> list[QueryRun]:
    """The runs of this session, the newest first; only the newest keeps its rows."""
    history: list[QueryRun] = st.session_state.get(_HISTORY, [])
    return history


def write(view: ViewState, link: LinkedQuery | None) -> bool:
    """Write the statement to the address: as name and filters if it is an unchanged query of a page, else as text.

    Returns False if it is too long.
    """
    statement: Statement = st.session_state[_KEPT]
    query = link.query if link else None
    fits = query is not None or len(statement.sql) <= MOST_IN_LINK
    address.write(
        {
            "question": query.name if query else None,
            "given": (link.given or None) if link and query else None,
            "q": statement.sql if fits and query is None else None,
            "as_of": statement.as_of or None,
            "known": "1" if statement.known_only else None,
        }
    )
    st.session_state[_OPENED] = _signature(view)
    return fits


def typed() -> Statement:
    """The statement in the editor; an invalid time is kept as typed, and rejected by the warehouse."""
    state = st.session_state
    text = str(state.get(AS_OF) or "").strip()
    moment = view_state.moment(text)
    return Statement(
        str(state.get(TEXT) or "").strip(), view_state.stamp(moment) if moment else text, bool(state.get(KNOWN))
    )


def _fill(statement: Statement) -> None:
    st.session_state[TEXT] = statement.sql
    st.session_state[AS_OF] = statement.as_of
    st.session_state[KNOWN] = statement.known_only


def _signature(view: ViewState) -> tuple[object, ...]:
    """Key of what an address opens; includes the range only for queries of pages, whose text depends on it."""
    params = tuple(st.query_params.get(name, "") for name in ("question", "q", "given", "as_of", "known"))
    return (*params, *view.cache_key) if params[0] else params
