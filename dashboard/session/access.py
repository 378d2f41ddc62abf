"""Access: who the reader of a session is, and whether they may act."""

from __future__ import annotations

import functools
import getpass
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import streamlit as st

from dashboard.data import query_cache
from streamgauge.runtime.settings import Settings

Role = Literal["operator", "viewer"]


@dataclass(frozen=True)
class Reader:
    """`name` is an e-mail address or the user of the operating system, None if unknown. `why_not` is set for a
    viewer."""

    name: str | None
    why_not: str | None = None

    @property
    def role(self) -> Role:
        """An operator may act, a viewer only reads."""
        return "operator" if self.why_not is None else "viewer"


def reader() -> Reader:
    """The reader of this session, judged anew at each call."""
    settings = query_cache.settings()
    return judge(settings, dict(st.user) if settings.sign_in else None)


def judge(settings: Settings, claims: Mapping[str, object] | None = None) -> Reader:
    """The reader, from the settings and the provider's claims about a signed-in one. Pure, except for the local user.

    An e-mail address that its provider calls unverified may be anybody's: it makes no operator.
    """
    if claims is not None:
        email = str(claims.get("email") or "")
        known = Reader(email or str(claims.get("name") or claims.get("sub") or "") or None, "you are not signed in")
        verified = str(claims.get("email_verified", True)).lower() != "false"
        if not claims.get("is_logged_in"):
            return Reader(None, known.why_not)
        if settings.dashboard_read_only:
            return Reader(known.name, "the dashboard is read-only")
        if not verified or not _named(email, settings.operators):
            return Reader(known.name, "you are not one of the operators")
        return Reader(email)
    here = loopback(settings.dashboard_host)
    if settings.dashboard_read_only:
        return Reader(_user() if here else None, "the dashboard is read-only")
    if not here:
        return Reader(None, "nobody is signed in, and the pages are open to other machines")
    return Reader(_user())


def _named(email: str, operators: tuple[str, ...]) -> bool:
    address = email.casefold()
    if address.count("@") != 1 or address.startswith("@"):
        return False
    return any(address == one or (one.startswith("*@") and address.endswith(one[1:])) for one in operators)


def loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@functools.cache
def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # In a container a user id need not have a name.
        return f"uid {os.getuid()}"
