"""What a reader chooses, kept in the address so that a link shows the same view."""

from __future__ import annotations

import streamlit as st

from dashboard.periods import BY_KEY, DEFAULT, RANGES


def time_range() -> str:
    """The time-range picker; returns the chosen range's key, the default's where the address names none that exists."""
    asked = st.query_params.get("range", DEFAULT)
    chosen: str = st.segmented_control(
        "Time range",
        [choice.key for choice in RANGES],
        default=asked if asked in BY_KEY else DEFAULT,
        required=True,
        format_func=lambda key: BY_KEY[key].label,
        key="range",
        label_visibility="collapsed",
    )
    if asked != chosen:
        st.query_params["range"] = chosen
    return chosen
