"""Buttons that change something: they need an operator, ask for confirmation, and leave an audit record.

The record is written before the action; if it cannot be written, nothing is done.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st

from dashboard.data.view_state import REFRESH
from dashboard.session import access, audit
from streamgauge.catalog.builtin.audit import Outcome
from streamgauge.runtime.errors import StreamgaugeError, TransientError

_PENDING = "actions:pending"
# A dialog left open does not reappear when the reader returns to the page. Half as long again as the slowest refresh: a
# page that stays open redraws it before that.
_FORGOTTEN_AFTER_S = 1.5 * max(refresh_s or 0.0 for _, refresh_s in REFRESH.values())
log = logging.getLogger("streamgauge")


@dataclass
class _Confirmation:
    """A confirmation dialog that is open; its text is that of when the button was pressed."""

    key: str
    label: str
    name: str
    target: str
    effects: tuple[str, ...]
    action: Callable[[str], str]
    drawn_at: float
    problem: str | None = None
    outcome: str | None = None


def actor() -> str | None:
    """Name of the acting reader in the audit stream; None if they may not act."""
    reader = access.reader()
    return reader.name if reader.role == "operator" else None


def why_not() -> str | None:
    """Why the reader may not act; None if they may."""
    return access.reader().why_not


def button(
    label: str,
    *,
    key: str,
    action: Callable[[str], str],
    name: str,
    target: str,
    effects: Sequence[str],
    disabled: bool = False,
) -> None:
    """A button that asks for confirmation, inside or outside the part of a page that refreshes.

    `label` must not be text of an event; `effects` may hold any text: what will happen, a line each. When confirmed,
    `action` is called with the actor and returns its result in a line; what it raises is shown, logged and recorded.
    `name` (`dead-letters.retry`) and `target` are for the record. `action` must not call Streamlit.
    """
    forbidden = why_not()
    tooltip = f"Not possible: {forbidden}." if forbidden else None
    pressed = st.button(label, key=key, disabled=disabled or forbidden is not None, help=tooltip)
    # A disabled button is only disabled in the browser.
    if pressed and not disabled and forbidden is None:
        st.session_state[_PENDING] = _Confirmation(key, label, name, target, tuple(effects), action, time.monotonic())
    confirmation = st.session_state.get(_PENDING)
    if confirmation is None or confirmation.key != key:
        return
    if time.monotonic() - confirmation.drawn_at > _FORGOTTEN_AFTER_S:
        _forget()
        return
    confirmation.drawn_at = time.monotonic()
    _open(confirmation)


def _forget() -> None:
    st.session_state.pop(_PENDING, None)


def _open(confirmation: _Confirmation) -> None:
    st.dialog(confirmation.label, on_dismiss=_forget)(_draw_dialog)(confirmation)


def _draw_dialog(confirmation: _Confirmation) -> None:
    # A click in the dialog reruns only the dialog, without `button`.
    confirmation.drawn_at = time.monotonic()
    place = st.empty()
    if confirmation.problem is None and confirmation.outcome is None:
        with place.container():
            st.caption("What will happen")
            for line in confirmation.effects:
                st.text(line)
            with st.container(horizontal=True):
                confirmed = st.button("Confirm", type="primary", key=f"{confirmation.key}:confirm")
                if st.button("Cancel", key=f"{confirmation.key}:cancel"):
                    _forget()
                    st.rerun()
        if not confirmed:
            return
        place.caption("Working …")
        _act(confirmation)
    with place.container():
        if confirmation.problem is not None:
            st.error("**Failed.**", icon=":material/error:")
            st.text(confirmation.problem)
        else:
            st.success("**Done.**", icon=":material/check:")
            st.text(confirmation.outcome or "")
        if st.button("Close", key=f"{confirmation.key}:close"):
            _forget()
            st.rerun()


def _act(confirmation: _Confirmation) -> None:
    """Record, act, record. Without calls of Streamlit in between, which could end the run half-way."""
    who = actor()
    if who is None:
        confirmation.problem = f"You may not do this: {why_not()}."
        return
    action_id = audit.new_id()

    def record(outcome: Outcome, detail: str) -> None:
        audit.write(action_id, outcome, actor=who, action=confirmation.name, target=confirmation.target, detail=detail)

    try:
        record("requested", "\n".join(confirmation.effects))
    except TransientError as error:
        log.error("%s by %s was not started, its audit record cannot be written: %s", confirmation.name, who, error)
        confirmation.problem = f"Nothing was done, because the audit record cannot be written. {error}"
        return
    log.info("%s of %r by %s", confirmation.name, confirmation.target, who)
    try:
        confirmation.outcome = confirmation.action(who)
    except Exception as error:  # noqa: BLE001 - recorded and shown; the page continues
        log.error("%s by %s failed", confirmation.name, who, exc_info=not isinstance(error, StreamgaugeError))
        confirmation.problem = (str(error).strip() or type(error).__name__).splitlines()[0]
    try:
        record("failed" if confirmation.problem else "done", confirmation.problem or confirmation.outcome or "")
    except TransientError as error:
        log.error("%s by %s: its result cannot be recorded: %s", confirmation.name, who, error)
        unrecorded = f"Its result could not be written to the audit stream. {error}"
        if confirmation.problem:
            confirmation.problem += f" {unrecorded}"
        else:
            confirmation.outcome = f"{confirmation.outcome or ''} {unrecorded}".strip()
