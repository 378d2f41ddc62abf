"""A dashboard whose first page has one action button; the rest is as in `streamgauge dashboard`.

`python -m tests.browser.action_dashboard` is the process; `action_dashboard` starts it beside a pipeline.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import streamlit as st

from dashboard import server
from dashboard.components import audit_table, frame
from dashboard.data.view_state import ViewState
from dashboard.pages.overview import page as overview
from dashboard.session import actions
from streamgauge.cli.local.ports import free_port
from tests.browser.pipeline import Pipeline
from tests.support.waiting import wait_until

TARGET = "orders:0:17 ![x](http://127.0.0.1:1/leak)"
EFFECTS = ("3 dead letters are sent again to `orders`.", "<b>Each</b> is sent once.")


@contextmanager
def action_dashboard(pipeline: Pipeline, name: str, **environ: str) -> Iterator[str]:
    """Run the dashboard process with these further `STREAMGAUGE_` settings; yields its address."""
    port = str(free_port())
    url = f"http://127.0.0.1:{port}"
    settings = {f"STREAMGAUGE_{key}": value for key, value in {"DASHBOARD_PORT": port, **environ}.items()}
    with (pipeline.folder / f"{name}.log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.browser.action_dashboard"],
            env=pipeline.environ | settings,
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: _is_up(url, child), f"{name} is up")
        yield url
    finally:
        child.terminate()
        child.wait(timeout=30)


def _is_up(url: str, child: subprocess.Popen[bytes]) -> bool:
    assert child.poll() is None, f"it ended with {child.returncode}"
    try:
        return httpx.get(f"{url}/_stcore/health", timeout=2).is_success
    except httpx.TransportError:
        return False


def show() -> None:
    """The page."""
    frame.live(draw)


def draw(view: ViewState) -> None:
    """An action button in the part that refreshes by itself, and the time of the refresh."""
    st.text(f"drawn at {datetime.now(UTC):%H:%M:%S.%f}")
    actions.button(
        "Retry",
        key="retry",
        action=lambda _: "3 dead letters were sent",
        name="test.retry",
        target=TARGET,
        effects=[*EFFECTS],
    )
    audit_table.show(view)


if __name__ == "__main__":
    overview.show = show
    sys.exit(server.main())
