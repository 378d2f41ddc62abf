"""Retry of dead letters: the form, a dry run, then batch by batch. The command line does the work."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from dashboard.components import tables
from dashboard.components.tables import Column
from dashboard.data.view_state import ViewState, stamp
from dashboard.pages.dead_letters import outcome, registry, retry_request
from dashboard.pages.dead_letters.jobs import Busy, Job
from dashboard.pages.dead_letters.retry_request import Request
from dashboard.session import actions
from streamgauge.domain import format

POLL_S = 1.0
# Longer payloads are edited in a file (`--edit FILE`).
EDITED_BYTES = 64 * 1024
_WHAT = {"one": "This dead letter", "all": "All of this cause"}
_HOW = {"as it is": "Unchanged", "field": "Set one field", "payload": "Edit the payload"}
_RUNGS = {
    "rung": Column("Batch", "count"),
    "size": Column("Dead letters", "count"),
    "through": Column("Through", "count", meaning="The consumer has passed them, and they are not dead letters again."),
    "failed": Column("Failed again", "count"),
    "seconds": Column("Took", "seconds"),
    "state": Column("State"),
}


def form(cause: Mapping[str, Any], letter: str, payload: str | None) -> Request:
    """Draw the form; `payload` is that of the dead letter, None if it is not available as text."""
    name = f"letters:{cause['fingerprint']}"
    st.subheader("Send again", anchor=False)
    with st.container(horizontal=True):
        what = st.segmented_control(
            "What", list(_WHAT), required=True, default="one", format_func=_WHAT.__getitem__, key=f"{name}:what"
        )
        ways = [key for key in _HOW if what == "one" or key != "payload"]
        if st.session_state.get(f"{name}:how") not in ways:
            st.session_state[f"{name}:how"] = ways[0]
        how = st.segmented_control("How", ways, required=True, format_func=_HOW.__getitem__, key=f"{name}:how")
    one = letter if what == "one" else None
    if one is None:
        st.caption("Every dead letter of this cause that was not sent again yet, also from before the range.")
    if how == "field":
        with st.container(horizontal=True):
            guess = str(cause["field"] or "").removeprefix("$").removeprefix(".")
            field = st.text_input("Field", guess, key=f"{name}:field", help="For example `items[0].quantity`.")
            value = st.text_input(
                "Value", key=f"{name}:value", help="JSON if it parses as JSON, else text: `12`, `EUR`."
            )
        return Request(cause["fingerprint"], one, field=field.strip(), value=value)
    if how == "payload":
        return Request(cause["fingerprint"], one, payload=_edited(letter, payload))
    return Request(cause["fingerprint"], one)


def _edited(letter: str, payload: str | None) -> str | None:
    # A browser turns every line end of a text field into a line feed: other bytes than the edited ones would change.
    if payload is None or len(payload) > EDITED_BYTES or "\r" in payload:
        why = (
            "Only a part of it is available, or it is not text"
            if payload is None
            else "It is too long for this page"
            if len(payload) > EDITED_BYTES
            else "It has carriage returns, which a browser would change"
        )
        st.caption(f"{why}: read the whole dead letter above, or edit a file with the command line.")
        st.code(
            f"streamgauge dead-letters show --output event.json {letter}\n"
            f"streamgauge dead-letters retry --edit event.json {letter}",
            language=None,
        )
        return None
    key = f"letters:payload:{letter}"
    st.session_state.setdefault(key, payload)
    return st.text_area("Payload to send instead", key=key, height=220)


def complete(request: Request, how: str) -> bool:
    """Whether the request is complete."""
    return bool(request.field) if how == "field" else request.payload is not None if how == "payload" else True


def dry_run(request: Request) -> None:
    """The button of the dry run. It sends nothing, so it needs no confirmation; it starts a process, so only operators
    may."""
    who, forbidden = actions.actor(), actions.why_not()
    ready = complete(request, str(st.session_state.get(f"letters:{request.cause}:how")))
    pressed = st.button(
        "Dry run",
        icon=":material/preview:",
        disabled=not ready or who is None,
        help=f"Not possible: {forbidden}." if forbidden else "Shows what would be sent and where, and sends nothing.",
        key="letters-dry-run",
    )
    if not pressed or not ready or who is None:
        return
    now = stamp(datetime.now(UTC)) if request.letter is None else None
    try:
        registry.jobs().start("dry", Request(**{**vars(request), "until": now}), who)
    except Busy as error:
        st.text(str(error))


def work(request: Request, view: ViewState) -> None:
    """The newest dry run or retry of this cause, and what can be done; refreshed while it runs."""
    newest = registry.jobs().newest(request.cause, "dry", "retry")
    running = newest is not None and newest.running

    @st.fragment(run_every=POLL_S if running else None)
    def text() -> None:
        job = registry.jobs().newest(request.cause, "dry", "retry")
        if job is None:
            return
        with st.container(border=True, key="letters-work"):
            if job.kind == "retry":
                _progress(job, view)
            elif job.running:
                st.progress(0.0, "Dry run: finding the dead letters …")
            elif not job.request.same(request):
                st.caption("The form has changed since the last dry run: run it again.")
            else:
                _dry(job)
        if running and not job.running:
            st.rerun()

    text()


def _dry(job: Job) -> None:
    if job.error or not job.plan:
        st.error("**The dry run failed.** Nothing was sent.", icon=":material/error:")
        st.text(job.error or "no output")
        return
    plan = job.plan
    ready = plan["ready"]
    if not ready:
        st.info("**There is nothing to send.**", icon=":material/check:")
        for line in retry_request.left_out(plan):
            st.text(line)
        return
    passing = sum(number for number, words in retry_request.predictions(plan) if words == retry_request.verdict(""))
    text = f"**Dry run: {format.count(ready)} would be sent, {format.count(passing)} would pass now.**"
    if passing == ready:
        st.success(text, icon=":material/check:")
    else:
        st.warning(text, icon=":material/warning:")
    lines = [
        *retry_request.destinations(plan),
        *(f"{format.count(n)} {words}" for n, words in retry_request.predictions(plan)),
    ]
    lines += [f"edited {one['letter']}: {one['edit']}" for one in plan["edits"]]
    lines += [
        *retry_request.left_out(plan),
        f"in batches of {retry_request.batch_sizes(plan['rungs'])}, at most {plan['rate']:g} a second",
    ]
    st.code("\n".join(lines), language=None, wrap_lines=True)
    if plan.get("blocked"):
        st.error("**It cannot be sent.**", icon=":material/block:")
        st.text(plan["blocked"])
        return
    actions.button(
        f"Send {format.count(ready)} again",
        key="letters-retry",
        action=lambda who: _begin(job.request, who),
        name="dead-letters.retry",
        target=job.request.target,
        effects=retry_request.announcement(plan),
    )


def _begin(request: Request, who: str) -> str:
    job = registry.jobs().start("retry", request, who)
    return f"Started as job {job.id}: the page shows its progress, the history its result."


def _progress(job: Job, view: ViewState) -> None:
    plan, settled, end = job.plan, job.of("rung"), job.end
    sizes = plan.get("rungs", [])
    total = plan.get("ready", 0)
    through = sum(one["through"] for one in settled)
    st.text(f"Retry by {job.by}, begun {format.clock(job.began, datetime.now(UTC), view.clock)}: {job.request.target}")
    if job.running:
        doing = (
            "stopping after what is in flight" if job.stopping else "sending" if plan else "finding the dead letters"
        )
        counted = f"{format.count(through)} of {format.count(total)} passed" if total else "…"
        st.progress(through / total if total else 0.0, f"{doing.capitalize()}: {counted}")
    elif outcome.good(job) and end.get("outcome") in ("done", "none"):
        st.success("**All passed.**" if end["outcome"] == "done" else "**There was nothing to send.**")
    else:
        st.error("**Stopped.**", icon=":material/error:")
    if not job.running:
        st.text(outcome.words(job))
    if sizes:
        tables.show(_rungs(job, sizes), _RUNGS, view, key="letters-rungs")
    for one in job.of("failure"):
        what = "The same failure again" if one["same"] else "A new failure"
        text = f"{what}: {one['letters']} x {one['fingerprint']} {one['reason']}: {one['detail']} (now {one['now']})"
        st.code(text, language=None, wrap_lines=True)
    if job.running:
        actions.button(
            "Stop",
            key="letters-stop",
            action=lambda who: _stop(job),
            name="dead-letters.stop",
            target=job.request.target,
            effects=[
                "No more is sent. What has been sent stays sent, and its result is awaited.",
                "The rest can be sent later.",
            ],
            disabled=job.stopping,
        )


def _stop(job: Job) -> str:
    registry.jobs().stop(job)
    return "Stopping."


def _rungs(job: Job, sizes: list[int]) -> list[dict[str, Any]]:
    settled = {one["rung"]: one for one in job.of("rung")}
    sent = {one["rung"]: one["sent"] for one in job.of("progress")}
    rows = []
    for number, size in enumerate(sizes, 1):
        one = settled.get(number)
        if one is not None:
            state = "failed again" if one["failed"] else "passed"
        elif number in sent:
            state = "waiting for the consumer" if sent[number] == size else f"sending: {sent[number]:,} sent"
            state = state if job.running else "sent, not settled"
        else:
            state = "pending" if job.running else "not sent"
        rows.append(
            {"rung": number, "size": size, "state": state, **{k: v for k, v in (one or {}).items() if k in _RUNGS}}
        )
    return rows
