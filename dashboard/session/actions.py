"""Buttons that change something: each asks first and names what will happen, needs an operator, and leaves a record.

The record is written before the action; where it cannot be written, nothing is done.
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

_PENDING = "actions:asked"
# Where a page was left with the question open, it is not asked again on the way back. Half as long again as the slowest
# refresh: a page that stands there draws it anew before that.
_FORGOTTEN_AFTER_S = 1.5 * max(refresh_s or 0.0 for _, refresh_s in REFRESH.values())
log = logging.getLogger("streamgauge")


@dataclass
class _Confirmation:
    """A question that stands on the screen. What it says is what it said when the button was pressed."""

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
    """Who acts, as the audit stream names them; None where the reader may not act."""
    reader = access.reader()
    return reader.name if reader.role == "operator" else None


def why_not() -> str | None:
    """Why the reader may not act; None where they may."""
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
    """A button that asks before it acts. In a part of the page that refreshes by itself or outside of one.

    `label` is ours, never text of an event; `says` may hold any text: what will happen, a line each. Confirmed,
    `action` is called with the actor and says shortly what came of it; what it raises is shown, logged and recorded.
    `name` (`dead-letters.retry`) and `target` are for the record. Streamlit must not be called in `action`.
    """
    forbidden = why_not()
    tooltip = f"Not possible: {forbidden}." if forbidden else None
    pressed = st.button(label, key=key, disabled=disabled or forbidden is not None, help=tooltip)
    # A button that is drawn as disabled is only disabled in the browser.
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
    # A click in the dialog draws it alone, without `button`.
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
            st.error("**It was not done.**", icon=":material/error:")
            st.text(confirmation.problem)
        else:
            st.success("**Done.**", icon=":material/check:")
            st.text(confirmation.outcome or "")
        if st.button("Close", key=f"{confirmation.key}:close"):
            _forget()
            st.rerun()


def _act(confirmation: _Confirmation) -> None:
    """Record, act, record. No call of Streamlit in between: one of them could end the run half-way."""
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
        log.error("%s by %s was not begun, its record cannot be written: %s", confirmation.name, who, error)
        confirmation.problem = f"Nothing was done, because no record of it can be written to the audit stream. {error}"
        return
    log.info("%s of %r by %s", confirmation.name, confirmation.target, who)
    try:
        confirmation.outcome = confirmation.action(who)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is recorded and shown, and the page lives on
        log.error("%s by %s failed", confirmation.name, who, exc_info=not isinstance(error, StreamgaugeError))
        confirmation.problem = (str(error).strip() or type(error).__name__).splitlines()[0]
    try:
        record("failed" if confirmation.problem else "done", confirmation.problem or confirmation.outcome or "")
    except TransientError as error:
        log.error("%s by %s: how it ended cannot be recorded: %s", confirmation.name, who, error)
        unrecorded = f"How it ended could not be written to the audit stream. {error}"
        if confirmation.problem:
            confirmation.problem += f" {unrecorded}"
        else:
            confirmation.outcome = f"{confirmation.outcome or ''} {unrecorded}".strip()
