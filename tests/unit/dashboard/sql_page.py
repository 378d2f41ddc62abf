"""Drive the SQL page: its editor, and statements run to their ends."""

from __future__ import annotations

import time

from streamlit.testing.v1 import AppTest

from dashboard.pages.sql import editor


def wait_for_query(app: AppTest) -> AppTest:
    """Rerun the page until no query runs."""
    deadline = time.monotonic() + 20
    while any(button.label == "Cancel" for button in app.button):
        assert time.monotonic() < deadline
        app.run()
    assert not app.exception, app.exception[0].message
    return app


def editor_text(app: AppTest) -> str:
    """The statement in the editor."""
    return str(app.text_area(key=editor.TEXT).value)


def run_statement(app: AppTest, sql: str) -> AppTest:
    """Type a statement, run it and wait for its result."""
    app.text_area(key=editor.TEXT).set_value(sql)
    next(button for button in app.button if button.label == "Run").click()
    return wait_for_query(app.run())
