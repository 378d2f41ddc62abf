"""The default address of the dashboard."""

from __future__ import annotations

from streamgauge.runtime.settings import Settings


def test_the_default_address_is_loopback() -> None:
    assert Settings().dashboard_host == "127.0.0.1"
