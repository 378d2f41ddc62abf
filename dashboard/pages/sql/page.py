"""SQL: query the tables; see the result as rows or a chart, export it, share it as a link."""

from __future__ import annotations

import streamlit as st

from dashboard.components import frame
from dashboard.data.view_state import ViewState
from dashboard.pages.sql import editor, outcome, schema_browser
from dashboard.pages.sql.editor import LinkedQuery
from dashboard.pages.sql.examples import EXAMPLES, ROLES
from dashboard.pages.sql.query_run import QUICK_S, QueryRun, Statement
from dashboard.session import incident

# Style of the editor, which Streamlit does not set.
_STYLE = """<style>
.st-key-sql-editor textarea { font-size: 0.875rem; line-height: 1.5; tab-size: 2; white-space: pre; overflow-x: auto;
  font-family: ui-monospace, 'JetBrains Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace; }
</style>"""
_HEIGHT = 260


def show() -> None:
    """The page."""
    st.html(_STYLE)
    view = frame.view()
    linked = editor.begin(view)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        about(linked)
        form(linked, view)
        run = editor.run()
        with incident.drawing(run.at if run else None):
            result(run, view)
    with right:
        aside(view)


def about(linked: LinkedQuery) -> None:
    """What a link has opened."""
    if linked.wrong:
        st.warning(linked.wrong, icon=":material/link_off:")
    if linked.query:
        with st.container(border=True, gap="xsmall"):
            st.text(linked.query.about)
            page = linked.query.name.partition(".")[0]
            chosen = ", filtered as there" if linked.given else ""
            st.caption(f"A query of the page “{page}”, for the range chosen above{chosen}. Edit it as you like.")


def form(linked: LinkedQuery, view: ViewState) -> None:
    """The editor."""
    with st.form("sql-editor-form", border=False), st.container(key="sql-editor", gap="small"):
        st.text_area("SQL", key=editor.TEXT, height=_HEIGHT, label_visibility="collapsed", placeholder="SELECT …")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            statement = st.form_submit_button(
                "Run", type="primary", icon=":material/play_arrow:", help="Or press Ctrl+Enter in the editor"
            )
            st.text_input(
                "As of",
                key=editor.AS_OF,
                placeholder="now",
                width=220,
                help="The tables as they were at this time, by event time: 2026-11-23T04:00:00Z, UTC unless it names "
                "a zone. Empty: now.",
            )
            st.checkbox(
                "What is known",
                key=editor.KNOWN,
                help="If retention has removed data that the result as of that time needs: use what is left, and "
                "note what is missing.",
            )
    if statement and (typed := editor.typed()).sql:
        editor.start(typed)
        untouched = linked if typed.sql == linked.sql else None
        if not editor.write(view, untouched):
            st.caption(f"Longer than {editor.MOST_IN_LINK:,} characters: it is not in the link.")


def result(run: QueryRun | None, view: ViewState) -> None:
    """The last query run."""
    if run is None:
        st.caption("One SELECT over the tables on the right; Ctrl+Enter runs it. Or start from an example.")
        return
    run.wait(QUICK_S)
    if run.running:
        outcome.progress(run)
    else:
        outcome.show(run, view)


def aside(view: ViewState) -> None:
    """Tables, examples, and history."""
    tables, examples, history = st.tabs(["Tables", "Examples", "History"])
    with tables:
        schema_browser.show()
    with examples:
        for role in ROLES:
            st.caption(role)
            with st.container(gap="xxsmall"):
                for number, example in enumerate(EXAMPLES):
                    if example.role == role:
                        _opener(example.title, Statement(example.sql.strip()), view, f"example-{number}")
    with history:
        if not editor.history_of():
            st.caption("Queries that you run in this session are listed here.")
        for number, run in enumerate(editor.history_of()):
            with st.container(border=True, gap="xsmall"):
                st.code(run.statement.sql, language="sql", height=110, wrap_lines=True)
                with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
                    st.caption(f"{run.at.astimezone(view.clock):%H:%M:%S} · {outcome.line(run)}")
                    _opener("Run again", run.statement, view, f"history-{number}")


def _opener(label: str, statement: Statement, view: ViewState, key: str) -> None:
    def linked() -> None:
        editor.submit(statement)
        editor.write(view, None)

    st.button(label, key=f"sql:{key}", on_click=linked, type="tertiary")
