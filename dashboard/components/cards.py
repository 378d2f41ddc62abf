"""A card: a bordered part of a page with a title, for a chart or a table."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Literal

import streamlit as st

from dashboard.data.figure import Figure


@contextlib.contextmanager
def card(figure: Figure, title: str = "", *, height: Literal["content", "stretch"] = "content") -> Iterator[None]:
    """Draw inside; titled by the figure's label, or by a `title` that depends on what was chosen."""
    with st.container(border=True, height=height):
        st.subheader(title or figure.label, anchor=False, help=figure.meaning)
        yield
