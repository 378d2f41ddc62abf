"""A dashboard whose first page has one button that acts: as `streamgauge dashboard`, all else is the real one.

`python -m tests.browser.acting` is the process; `acting` starts it beside a pipeline.
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
SAYS = ("3 letters are sent again to `orders`.", "<b>Nobody</b> is asked twice.")


@contextmanager
def acting(pipeline: Pipeline, name: str, **environ: str) -> Iterator[str]:
    """The dashboard process, with these `STREAMGAUGE_` settings more; yields its address."""
    port = str(free_port())
    url = f"http://127.0.0.1:{port}"
    more = {f"STREAMGAUGE_{key}": value for key, value in {"DASHBOARD_PORT": port, **environ}.items()}
    with (pipeline.folder / f"{name}.log").open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.browser.acting"], env=pipeline.environ | more, stdout=log, stderr=log
        )
    try:
        wait_until(lambda: _answers(url, child), f"{name} answers")
        yield url
    finally:
        child.terminate()
        child.wait(timeout=30)


def _answers(url: str, child: subprocess.Popen[bytes]) -> bool:
    assert child.poll() is None, f"it ended with {child.returncode}"
    try:
        return httpx.get(f"{url}/_stcore/health", timeout=2).is_success
    except httpx.TransportError:
        return False


def show() -> None:
    """The page."""
    frame.live(draw)


def draw(view: ViewState) -> None:
    """A button that acts, in the part that refreshes by itself, and when that was."""
    st.text(f"drawn at {datetime.now(UTC):%H:%M:%S.%f}")
    actions.button(
        "Retry", key="retry", action=lambda _: "3 letters were sent", name="test.retry", target=TARGET, effects=[*SAYS]
    )
    audit_table.show(view)


if __name__ == "__main__":
    overview.show = show
    sys.exit(server.main())
