"""The dashboard process: serves the Streamlit pages, with `/metrics` and `/health` like every process.

Streamlit runs inside, as an ASGI application on a thread with its own socket: its signal handlers and its port search
stay out, a stop is one flag, and nothing is left behind when the process is killed.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import streamlit as st
from starlette.middleware import Middleware
from streamlit.runtime.pages_manager import PagesManager
from streamlit.web import bootstrap

from dashboard import theme
from dashboard.browser import assets
from dashboard.data import query_cache
from dashboard.session import sign_in
from dashboard.session.login_redirect import LoginRedirect
from streamgauge.runtime import http, process
from streamgauge.runtime.errors import FatalError
from streamgauge.runtime.process import Process
from streamgauge.runtime.settings import Settings

EVERYWHERE = ("0.0.0.0", "")  # noqa: S104 - recognised, not bound
SCRIPT = Path(__file__).with_name("app.py")
CHECK_S = 1.0
STOP_S = 5
log = logging.getLogger("streamgauge")


@contextlib.contextmanager
def serve(port: int, host: str = "127.0.0.1", secrets: Mapping[str, Any] | None = None) -> Iterator[threading.Thread]:
    """Serve the pages for as long as the block runs; yields the serving thread. `secrets` are of the sign-in."""
    listener = http.listen(host, port, "STREAMGAUGE_DASHBOARD")
    # Streamlit puts the script's folder first on the module search path unless it is there, and a user's or a
    # library's `data` or `session` would be ours.
    sys.path.append(str(SCRIPT.parent))
    # `pages/` is our package. Until the first run declares it by `st.navigation`, Streamlit takes its modules for
    # pages, and the first reader, coming by a link to one, would see nothing.
    PagesManager.uses_pages_directory = False
    bootstrap.load_config_options({**theme.OPTIONS, "server.address": host, "server.port": port})
    middleware = [Middleware(LoginRedirect)] if secrets else None
    app = st.App(SCRIPT, secrets=secrets, routes=assets.ROUTES, middleware=middleware)
    # Browsers hold their connection open for ever; a stop does not wait for them.
    with http.serve(app, listener, "pages", ws="websockets-sansio", timeout_graceful_shutdown=STOP_S) as thread:
        yield thread


def warm(settings: Settings) -> None:
    """Load what the first page would wait for: its modules, the catalog, what the first table imports, and plotly.js.

    All of it stays for good: the garbage collector need not look through it again and again.
    """
    for module in ("dashboard.navigation", "pandas"):
        importlib.import_module(module)
    assets.compressed(assets.PLOTLY)
    query_cache.load(settings)
    gc.collect()
    gc.freeze()


@contextlib.contextmanager
def warming(settings: Settings) -> Iterator[None]:
    """Warm up on a thread of its own while the block runs; its end waits for that, for at most 5 s.

    An interpreter that ends while a thread is inside a library's initialisation aborts the process.
    """
    thread = threading.Thread(target=warm, args=(settings,), name="warm", daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(STOP_S)


def work(running: Process) -> None:
    """Serve until stopped; ready while Streamlit's own health check answers."""
    sign_in.check(running.settings)
    host, port = running.settings.dashboard_host, running.settings.dashboard_port
    url = f"http://{'127.0.0.1' if host in EVERYWHERE else host}:{port}"
    secrets = sign_in.secrets(running.settings)
    with (
        warming(running.settings),
        serve(port, host, secrets) as thread,
        httpx.Client(base_url=url, timeout=2.0) as client,
    ):
        ready = False
        while not running.stop.wait(CHECK_S if ready else 0.1):
            if not thread.is_alive():
                raise FatalError("the page server ended by itself; its reason is in the lines above")
            try:
                answers = client.get("/_stcore/health").status_code == httpx.codes.OK
            except httpx.TransportError:
                answers = False
            if answers and not ready:
                log.info("pages on %s", url)
                running.ready()
            elif ready and not answers:
                running.unready("Streamlit does not answer")
            ready = answers


def main() -> int:
    """Entry point of `streamgauge dashboard`; returns the exit code."""
    return process.run("dashboard", work)
