"""Keeps the address bar and the widgets in step, so that a link reproduces a view.

The value of a widget is held under its name in the session and, unless it is the default, in the address. A followed
link (parameters other than those written last) wins over the session. A click in the navigation clears the address: the
frame keeps its choices, the filters of pages are reset.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote_plus, urlencode

import streamlit as st

from dashboard.data.view_state import PARAMETERS

_WRITTEN = "address:written"
# The frame's choices that a link between pages carries along.
_HELD = [name for name in PARAMETERS if name != "refresh"]


def key(name: str) -> str:
    """Session key of the widget whose parameter is `name`."""
    return f"address:{name}"


def begin(defaults: Mapping[str, str]) -> None:
    """Apply a followed link. Call first in a run; `defaults` are the frame's, for parameters that the link leaves
    out."""
    given = st.query_params.to_dict()
    if given and given != st.session_state.get(_WRITTEN):
        for name, value in {**defaults, **given}.items():
            st.session_state[key(name)] = value
    st.session_state[_WRITTEN] = given


def write(values: Mapping[str, str | None]) -> None:
    """Write parameters to the address; None removes one."""
    before = st.query_params.to_dict()
    now = {name: value for name, value in {**before, **values}.items() if value is not None}
    if now != before:
        # In one step: an address must never be half of the old view and half of the new one.
        st.query_params.from_dict(now)
    st.session_state[_WRITTEN] = st.query_params.to_dict()


def to(page: str, **params: object) -> str:
    """Address of a page, with the current choices of the frame unless `params` override them.

    Values are encoded, so they may be text of an event.
    """
    now = st.query_params.to_dict()
    held = {name: now[name] for name in _HELD if name in now}
    parameters = {name: str(value) for name, value in {**held, **params}.items() if value is not None}
    return f"/{page}?{urlencode(parameters)}" if parameters else f"/{page}"


def links(page: str, param: str) -> Callable[[object], str]:
    """Returns a function that makes the address of a page for a value of a parameter; the frame is read once."""
    begin = to(page, **{param: ""})
    return lambda value: begin + quote_plus(str(value))


def select(
    name: str, label: str, options: Sequence[str], default: str = "", *, shown: Callable[[str], str] = str
) -> str:
    """Select box whose value is in the address under `name`, unless it is the first option (or `default`)."""
    default = default or options[0]
    if st.session_state.get(key(name), default) not in options:
        st.session_state[key(name)] = default
    st.session_state.setdefault(key(name), default)
    chosen: str = st.selectbox(label, options, key=key(name), format_func=shown)
    write({name: None if chosen == default else chosen})
    return chosen


def text(name: str, label: str, *, placeholder: str = "", help: str | None = None) -> str:  # noqa: A002
    """Text field whose value is in the address under `name`."""
    st.session_state.setdefault(key(name), "")
    typed = str(st.text_input(label, key=key(name), placeholder=placeholder, help=help) or "").strip()
    write({name: typed or None})
    return typed
