"""Sign-in with an OpenID provider, by Streamlit's own support: no page is shown before.

Streamlit reads its secrets from a file in the working directory; here they come from the settings, in memory.
"""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

import streamlit as st

from dashboard import theme
from dashboard.data import query_cache
from dashboard.session import access
from streamgauge.runtime import files
from streamgauge.runtime.errors import UsageError
from streamgauge.runtime.settings import PREFIX, Settings

CALLBACK = "/oauth2callback"
# Settings that have no effect without a sign-in.
_NAMES = (
    "dashboard_oidc_client_id",
    "dashboard_oidc_client_secret",
    "dashboard_oidc_client_secret_file",
    "dashboard_oidc_redirect_url",
    "dashboard_operators",
)
log = logging.getLogger("streamgauge")


def check(settings: Settings) -> None:
    """Raise `UsageError` for settings that contradict each other; warn if anybody may read the pages."""
    given = [name for name in _NAMES if getattr(settings, name) is not None]
    if settings.sign_in:
        for needed in (
            ("dashboard_oidc_client_id",),
            ("dashboard_oidc_client_secret", "dashboard_oidc_client_secret_file"),
        ):
            if not {*needed} & {*given}:
                raise UsageError(f"a sign-in needs {_variable(needed[0])} too")
        if not settings.dashboard_oidc_redirect_url and not access.loopback(settings.dashboard_host):
            raise UsageError(
                f"a sign-in on {settings.dashboard_host} needs {_variable('dashboard_oidc_redirect_url')}: the address "
                f"that readers use, with {CALLBACK} behind it"
            )
    elif given:
        raise UsageError(f"{_variable(given[0])} needs a sign-in: set {_variable('dashboard_oidc_url')} too")
    elif not access.loopback(settings.dashboard_host):
        log.warning(
            "the pages are served on %s without a sign-in: everybody who reaches them reads every figure, nobody acts; "
            "set %s, or put a proxy with a login in front",
            settings.dashboard_host,
            _variable("dashboard_oidc_url"),
        )


def _variable(name: str) -> str:
    return f"{PREFIX}{name.upper()}"


def redirect_url(settings: Settings) -> str:
    """Address that the provider redirects a reader to."""
    host = settings.dashboard_host
    here = f"http://{f'[{host}]' if ':' in host else host}:{settings.dashboard_port}{CALLBACK}"
    return settings.dashboard_oidc_redirect_url or here


def secrets(settings: Settings) -> dict[str, Any] | None:
    """Streamlit's secrets for the sign-in; None without one. Raises `UsageError` for a file that cannot be read."""
    if not settings.sign_in:
        return None
    cookie, client = settings.dashboard_cookie_secret, settings.dashboard_oidc_client_secret
    try:
        signs = cookie.get_secret_value() if cookie else files.secret(settings.data_dir / "cookie-secret")
        file = settings.dashboard_oidc_client_secret_file
        ours = client.get_secret_value() if client else file.read_text(encoding="utf-8").strip() if file else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"a secret of the sign-in cannot be read: {error}") from None
    return {
        "auth": {
            "redirect_uri": redirect_url(settings),
            "cookie_secret": signs,
            "client_id": settings.dashboard_oidc_client_id,
            "client_secret": ours,
            "server_metadata_url": settings.dashboard_oidc_url,
        }
    }


def admitted() -> bool:
    """Whether the reader may read the pages."""
    return not query_cache.settings().sign_in or bool(st.user.is_logged_in)


def show() -> None:
    """Draw the sign-in card."""
    ours, theirs = urlsplit(redirect_url(query_cache.settings())), urlsplit(st.context.url or "")
    with st.container(border=True, width=theme.CARD_PX):
        st.title("Streamgauge", anchor=False)
        st.text("Sign in to see the figures.")
        if theirs.netloc and ours.netloc != theirs.netloc:
            # The provider redirects to one address, and a cookie belongs to one address.
            elsewhere = theirs._replace(scheme=ours.scheme, netloc=ours.netloc)
            st.link_button("Sign in", elsewhere.geturl(), type="primary", width="stretch")
        else:
            st.button("Sign in", type="primary", width="stretch", on_click=st.login)


def who() -> None:
    """Draw the reader's name, role and sign-out button in the sidebar."""
    if not query_cache.settings().sign_in:
        return
    reader = access.reader()
    with st.sidebar, st.container(gap="xsmall"):
        st.text(reader.name or "")
        st.caption("operator" if reader.role == "operator" else "viewer", help=reader.why_not)
        st.button("Sign out", icon=":material/logout:", type="tertiary", on_click=st.logout)
