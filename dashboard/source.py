"""Where pages get their figures: one client a process, and answers that sessions share for about a second."""

from __future__ import annotations

from datetime import UTC, datetime

import streamlit as st

from dashboard import queries
from dashboard.periods import BY_KEY, Period
from dashboard.results import Overview
from runtime import settings as settings_module
from runtime.settings import Settings
from warehouse.client import Warehouse

REFRESH_S = 1.5


@st.cache_resource
def settings() -> Settings:
    """The process's settings, read once."""
    return settings_module.load()


@st.cache_resource
def warehouse() -> Warehouse:
    """The one client of this process."""
    return Warehouse(settings())


# Streamlit computes one answer a key at a time, so sessions that ask together share it and nothing piles up. What
# raises is not kept: the next refresh asks anew.
@st.cache_data(ttl=REFRESH_S * 0.8, max_entries=16, show_spinner=False)
def overview(range_key: str) -> Overview:
    """The Overview of the range as of now. Raises what `Warehouse.query` raises."""
    return queries.overview(warehouse(), Period(BY_KEY[range_key], datetime.now(UTC)))
