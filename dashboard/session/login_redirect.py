"""Login redirect: after a sign-in, back to the requested page, so that a link still reproduces its view.

Streamlit redirects to `/` after a sign-in. The page where it started is the referrer of `/auth/login`; it is kept in a
cookie for a few minutes, and replaces that redirect.
"""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard.session.sign_in import CALLBACK

BEGINS = "/auth/login"
_COOKIE = "streamgauge_way_back"
_ATTRIBUTES = "; Path=/; HttpOnly; SameSite=Lax"
_KEPT_S = 600
_LONGEST = 2_000


class LoginRedirect:
    """ASGI middleware that keeps and restores the page."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass requests on; store the page at the start of a sign-in, redirect to it at the end."""
        if scope["type"] != "http" or scope["path"] not in (BEGINS, CALLBACK):
            await self._app(scope, receive, send)
            return
        request = Request(scope)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if scope["path"] == BEGINS:
                    kept = quote(page_of(request.headers.get("referer", "")), safe="")
                    headers.append("set-cookie", f"{_COOKIE}={kept}; Max-Age={_KEPT_S}{_ATTRIBUTES}")
                elif headers.get("location") == "/":
                    headers["location"] = page_of(unquote(request.cookies.get(_COOKIE, "")))
                    headers.append("set-cookie", f"{_COOKIE}=; Max-Age=0{_ATTRIBUTES}")
            await send(message)

        await self._app(scope, receive, answer)


def page_of(url: str) -> str:
    """Path and parameters of a page of the dashboard; `/` for anything else. Never leads to another site."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "/"
    path = f"/{parts.path.lstrip('/')}"
    whole = f"{path}?{parts.query}" if parts.query else path
    # Browsers read a backslash as a slash, and drop control characters.
    return whole if len(whole) <= _LONGEST and whole.isprintable() and "\\" not in whole and whole.isascii() else "/"
