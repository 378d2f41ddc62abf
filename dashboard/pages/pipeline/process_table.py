"""Table of the processes on this machine, and whether they are ready."""

from __future__ import annotations

import streamlit as st

from dashboard import theme
from dashboard.components import cards, frame, tables
from dashboard.components.tables import Column
from dashboard.data import processes, query_cache
from dashboard.pages.pipeline import figures
from streamgauge.domain import format

_COLOURS = {"not ready": theme.BAD, "degraded": theme.WARN, "ready": theme.GOOD}


def show() -> None:
    """Draw the table."""
    with cards.card(figures.PROCESSES):
        running = processes.watch(query_cache.settings().data_dir).find()
        if running is None:
            st.caption("Reading their health …")
            return
        others = [one for one in running if one.name != "dashboard"]
        if not others:
            st.info(
                "**No other process runs on this machine with this data directory.** In Compose and Kubernetes each "
                "has its own container: see `docker compose ps`, `kubectl get pods` or Grafana.",
                icon=":material/hub:",
            )
            return
        rows = [
            {
                "state": one.state,
                "name": one.name,
                "why": one.text,
                "up": None if one.up_s is None else format.duration(one.up_s),
                "pid": str(one.pid),
                "address": one.address,
            }
            for one in sorted(running, key=lambda one: (one.state == "ready", one.name, one.pid))
        ]
        tables.show(
            rows,
            {
                "state": Column("State", "badge", colours=_COLOURS, width="small"),
                "name": Column("Process"),
                "why": Column("Why"),
                "up": Column("Running for"),
                "pid": Column("Process id"),
                "address": Column("Metrics and health"),
            },
            frame.view(),
            key="processes",
        )
        ready = sum(not one.why for one in running)
        st.caption(f"{ready} of {len(running)} ready, by their `/health`, read every two seconds.")
