"""Rights that the cluster does not grant, and what each would add."""

from __future__ import annotations

import streamlit as st

from dashboard.components import cards, frame, tables
from dashboard.components.tables import Column
from dashboard.data import processes, query_cache
from dashboard.pages.pipeline import figures


def show() -> None:
    """Draw the table; nothing where every right is granted."""
    running = processes.watch(query_cache.settings().data_dir).find() or ()
    missing = list(dict.fromkeys(right for process in running for right in process.missing))
    if not missing:
        return
    with cards.card(figures.RIGHTS):
        tables.show(
            [right._asdict() for right in missing],
            {
                "operation": Column("Operation", width="small"),
                "resource": Column("On"),
                "principal": Column("For"),
                "adds": Column("Would add", width="large"),
                "grant": Column("Granted by", width="large"),
            },
            frame.view(),
            key="rights",
        )
        st.caption(
            "All else works without them. What a principal may not describe, Kafka does not even name: "
            "more topics and groups than are shown may exist."
        )
