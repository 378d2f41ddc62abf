"""Reconciliation panel: what was produced against what SQL shows, live; in the demo with a worker to kill."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping

import streamlit as st

from dashboard import theme
from dashboard.components import tables, tiles
from dashboard.components.tables import Column
from dashboard.components.tiles import Remark
from dashboard.data import query_cache, trust_queries
from dashboard.data.query_cache import Result
from dashboard.data.view_state import ViewState
from dashboard.reconciliation import compare, figures, kill_demo, queries
from dashboard.reconciliation.compare import History, Snapshot, StreamComparison
from dashboard.reconciliation.kill_demo import Kill
from dashboard.session import actions
from streamgauge.domain import format
from streamgauge.runtime.data_dir import run_file, totals
from streamgauge.runtime.data_dir.totals import Log

# `up` counts every second; an older count is stale.
COUNTS_WITHIN_S = 10.0
_STATES = {"exact": theme.GOOD, "in flight": theme.SKY, "unknown": theme.GREY, "WRONG": theme.BAD}


class _Shared:
    """State shared by all sessions."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.history = History()
        self.kills: list[Kill] = []


@st.cache_resource
def shared_state(_data_dir: str) -> _Shared:
    """The state of this process."""
    return _Shared()


def counter() -> Log | None:
    """The count of the log by a running `up`; None without one."""
    log = totals.log(query_cache.settings().data_dir)
    return log if log is not None and run_file.is_running(log.pid, log.written_ms / 1_000) else None


def panel(view: ViewState, *, explain: bool = False) -> None:
    """Draw the panel if anything was produced here; else nothing, or with `explain` the reason."""
    data_dir = query_cache.settings().data_dir
    log, published = counter(), totals.published(data_dir)
    if log is None and not published:
        if explain:
            with st.container(border=True):
                st.subheader("Reconciliation", anchor=False)
                st.info(
                    "**Nothing to compare with.** Reconciliation needs traffic with this data directory: "
                    "`streamgauge up` counts the log, `streamgauge generate` what it published.",
                    icon=":material/balance:",
                )
        return
    result = query_cache.fetch(queries.VISIBLE, view, from_ms=0 if log is None else log.since_ms)
    shared = shared_state(str(data_dir))
    with shared.lock:
        shared.history.add(log, published, _snapshot(result))
        if log is None:
            shared.history.logs.clear()
        lines = compare.against_log(shared.history)
    checked = positions(view)
    if log is None:
        with shared.lock:
            lines = compare.against_producers(shared.history, _waiting(view), checked)
    if lines:
        _draw(lines, log, checked, result, view, shared)


def _snapshot(result: Result) -> Snapshot:
    return Snapshot(
        int(result.period.now.timestamp() * 1_000),
        int(time.time() * 1_000),
        {row["stream"]: row["events"] for row in result.rows},
        {row["stream"]: row["dead_letters"] for row in result.rows},
    )


def positions(view: ViewState) -> tuple[int, int] | None:
    """Rows of the raw tables and their distinct positions in the log, of the last minutes; None without raw tables."""
    query = queries.positions(query_cache.catalog())
    if query is None:
        return None
    # Reads some minutes of raw rows, so it runs seldom.
    row = query_cache.fetch(query, view, shared_s=15.0).row
    return row["events"], row["places"]


def _waiting(view: ViewState) -> Mapping[str, int | None]:
    rows = query_cache.fetch(trust_queries.STREAMS, view, group=query_cache.settings().analytics_group).rows
    return {row["stream"]: row["waiting"] for row in rows}


def _draw(
    lines: list[StreamComparison],
    log: Log | None,
    checked: tuple[int, int] | None,
    result: Result,
    view: ViewState,
    shared: _Shared,
) -> None:
    whole = compare.total(lines)
    visible = {one.stream: one.visible for one in lines}
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader("Reconciliation: what was produced against what DuckDB shows", anchor=False, width="content")
            _badge(whole)
        with tiles.row("proof"):
            _tiles(whole, log, result, view)
        with st.expander("By stream"):
            _table(lines, log, view)
        st.caption(_explanation(log, checked))
        if log is not None:
            for one in shared.kills:
                one.update(log.logged, visible, exact=whole.exact, now=time.time())
            _kill_button(log, view, shared.kills)


def _badge(whole: StreamComparison) -> None:
    if whole.missing or whole.duplicated:
        st.badge("wrong", icon=":material/error:", color="red")
    elif whole.exact:
        st.badge("missing 0, counted twice 0", icon=":material/verified:", color="green")
    else:
        st.badge("not yet known", icon=":material/hourglass_empty:", color="gray")


def _tiles(whole: StreamComparison, log: Log | None, result: Result, view: ViewState) -> None:
    as_of = f"as of {format.clock(result.period.now, result.period.now, view.clock)}"
    by_traffic = f"{format.count(whole.by_producers)} by the traffic"
    produced = figures.PRODUCED if log else figures.PRODUCED_BY_PRODUCERS
    tiles.tile(produced, whole.produced, result, view, remark=by_traffic, line=as_of)
    in_flight = f"{format.count(whole.in_flight)} in flight"
    tiles.tile(figures.VISIBLE, whole.visible, result, view, remark=in_flight, line=as_of)
    for figure, value in (
        (figures.MISSING if log else figures.MISSING_BY_PRODUCERS, whole.missing),
        (figures.DUPLICATED if log else figures.DUPLICATED_BY_POSITION, whole.duplicated),
    ):
        remark = Remark("see the streams", "red") if value else "" if value is None else Remark("none", "normal")
        tiles.tile(figure, value, result, view, remark=remark, line=as_of)


def _table(lines: list[StreamComparison], log: Log | None, view: ViewState) -> None:
    rows = [
        {
            "state": _state(one),
            "stream": one.stream,
            "by_producers": one.by_producers or None,
            "produced": one.produced,
            "visible": one.visible,
            "on_the_way": one.in_flight,
            "missing": one.missing,
            "doubled": one.duplicated,
            "dead_letters": one.dead_letters,
        }
        for one in sorted(lines, key=lambda one: theme.stream_order(one.stream))
    ]
    columns = {
        "state": Column("State", "badge", colours=_STATES, width="small"),
        "stream": Column("Stream", "link", page="events", param="stream"),
        "by_producers": Column(
            "By the traffic", "count", meaning="Reported by generator and synthetic services, acknowledged."
        ),
        "produced": Column("In the log", "count", meaning="From all writers: processors publish events too."),
        "visible": Column("Visible in SQL", "count"),
        "on_the_way": Column("In flight", "count"),
        "missing": Column("Missing", "count"),
        "doubled": Column("Counted twice", "count"),
        "dead_letters": Column("Dead letters", "count"),
    }
    if log is None:
        del columns["produced"], columns["doubled"]
    tables.show(rows, columns, view, key="proof")


def _state(one: StreamComparison) -> str:
    if one.missing or one.duplicated:
        return "WRONG"
    if one.in_flight:
        return "in flight"
    return "exact" if one.exact else "unknown"


def _explanation(log: Log | None, checked: tuple[int, int] | None) -> str:
    """What is compared, in a sentence or two."""
    if log is None:
        text = (
            "The log is not counted here: compared with what the generators report, who may not be the only producers."
        )
    elif time.time() - log.written_ms / 1_000 > COUNTS_WITHIN_S:
        text = "`up` has stopped counting: what was produced is as of its last count."
    else:
        text = "Compared with the log itself, counted by reading it since `up` began."
        if not log.clean:
            text += " Events of an earlier run were in flight then, so that totals cannot show duplicates."
    if checked is not None:
        events, different = checked
        text += (
            f" In the last {queries.MINUTES} minutes the raw tables have {format.count(events)} rows of "
            f"{format.count(different)} distinct positions in the log."
        )
    return text


def _kill_button(log: Log, view: ViewState, kills: list[Kill]) -> None:
    data_dir = query_cache.settings().data_dir
    worker = kill_demo.target(data_dir, log.pid)
    pid = worker.pid if worker else 0
    up_pid = log.pid
    actions.button(
        "Kill a worker",
        key="kill-worker",
        action=lambda _actor: kill_demo.kill(data_dir, up_pid, pid, kills),
        name="worker.kill",
        target=f"{kill_demo.NAME} {pid}",
        effects=[
            f"The analytics process {pid} of this demo is killed with SIGKILL while it works.",
            "`up` restarts it. Until then events are in flight; afterwards all of them are visible, each once.",
        ],
        disabled=worker is None,
    )
    for one in kills[-3:][::-1]:
        st.caption(_story(one, view))


def _story(one: Kill, view: ViewState) -> str:
    """What happened after a kill, in a sentence; holds no text of events."""

    def at(seconds: float) -> str:
        time_of = format.moment(seconds)
        return format.clock(time_of, format.moment(time.time()), view.clock)

    story = f"Worker {one.pid} was killed at {at(one.at)}"
    if one.back_at is None:
        return f"{story}; `up` starts another one."
    story += f"; worker {one.back_pid} was ready {format.duration(one.back_at - one.at)} later"
    if one.complete_at is None:
        return f"{story}, and processes the backlog."
    whole_s = format.duration(one.complete_at - one.at)
    return f"{story}, and after {whole_s} everything was visible: missing 0, counted twice 0."
