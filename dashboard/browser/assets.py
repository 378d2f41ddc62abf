"""Scripts that the pages load, served beside Streamlit: our own, and plotly.js.

Each has a digest in its address, so that a browser keeps it for good and still gets a changed one. Of plotly.js it is
the basic bundle (lines, points, bars): a browser runs it in a tenth of the time of the whole (docs/adr/0013).
"""

from __future__ import annotations

import gzip
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

PATH = "/streamgauge"
PLOTLY = "plotly-basic.min.js"
_FILES = {path.name: path for path in Path(__file__).parent.glob("*.js")}
_FOR_GOOD = {"Cache-Control": "public, max-age=31536000, immutable"}


@cache
def address(name: str) -> str:
    """Path of a script on this server, with its digest."""
    return f"{PATH}/{name}?{blake2b(_FILES[name].read_bytes(), digest_size=6).hexdigest()}"


@cache
def compressed(name: str) -> bytes:
    """A script, gzipped once: Streamlit would compress it anew for every browser."""
    return gzip.compress(_FILES[name].read_bytes(), compresslevel=6)


def _send(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _FILES:
        return Response(status_code=404)
    headers = _FOR_GOOD | {"Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        return Response(compressed(name), headers=headers | {"Content-Encoding": "gzip"}, media_type="text/javascript")
    return Response(_FILES[name].read_bytes(), headers=headers, media_type="text/javascript")


# A plain function runs on a thread: compressing holds up no other request.
ROUTES = [Route(f"{PATH}/{{name}}", _send)]


def component(name: str, script: str, needs: str = "") -> Any:
    """Register a component whose script is one of ours; `needs` names another, whose address it is given.

    Streamlit sends the JavaScript of a component with every element, so that is only an import. It runs from a blob,
    which has no base for relative addresses.
    """
    loader = f"""
export default async (component) =>
  (await import(location.origin + "{address(script)}")).default(component, "{address(needs) if needs else ""}")
"""
    return st.components.v2.component(f"streamgauge-{name}", js=loader, isolate_styles=False)
