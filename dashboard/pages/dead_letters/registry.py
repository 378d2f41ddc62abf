"""The one registry of jobs of this process, shared by all sessions."""

from __future__ import annotations

import atexit
import sys

import streamlit as st

from dashboard.pages.dead_letters import outcome
from dashboard.pages.dead_letters.jobs import Jobs


@st.cache_resource
def jobs() -> Jobs:
    """Jobs of this process; what runs is stopped when the process ends."""
    made = Jobs([sys.executable, "-m", "streamgauge"], outcome.record)
    atexit.register(made.close)
    return made
