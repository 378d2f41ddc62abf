"""Limits from which pages, commands and alerts warn, each in one place. Pure."""

from __future__ import annotations

# Above what a healthy stream shows; one bad deployment of a producer is far above it.
FAILING_SHARE = 0.01
# Share of the retained log that is not read yet from which events are about to be deleted unread.
RETENTION_AT_RISK = 0.8
# Lag in time (s) that is worth a warning, and one that somebody must act on.
LAG_WARNING_S, LAG_CRITICAL_S = 60, 300
# Share of the payments of a method that are declined; a healthy shop shows a few per cent.
MANY_DECLINED = 0.25
# Money (cents) that waits behind one group and topic.
MONEY_WAITING_CENTS = 1_000_000


def failing(dead_letters: int, events: int) -> bool:
    """Whether the share of failures deserves a warning colour."""
    return dead_letters > events * FAILING_SHARE
