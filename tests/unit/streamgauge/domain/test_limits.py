"""Limits that pages, commands and alerts share."""

from __future__ import annotations

import pytest

from streamgauge.domain import limits


@pytest.mark.parametrize(("dead", "events", "yes"), [(0, 0, False), (1, 100, False), (2, 100, True)])
def test_failing(dead: int, events: int, yes: bool) -> None:
    assert limits.failing(dead, events) is yes
