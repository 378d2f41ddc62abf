"""Where the pages listen unless told otherwise."""

from __future__ import annotations

from streamgauge.runtime.settings import Settings


def test_the_pages_are_for_this_machine_unless_told_otherwise() -> None:
    assert Settings().dashboard_host == "127.0.0.1"
