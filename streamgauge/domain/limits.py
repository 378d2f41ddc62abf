"""Limits from which pages, commands and alerts warn, each in one place. Pure."""

from __future__ import annotations

# Above what a healthy stream shows; one bad deployment of a producer is far above it.
FAILING_SHARE = 0.01


def failing(dead_letters: int, events: int) -> bool:
    """Whether the share of failures deserves a warning colour."""
    return dead_letters > events * FAILING_SHARE
