"""Where the pages listen: on this machine unless told otherwise, and a clear word where that cannot be."""

from __future__ import annotations

import socket

import pytest

from dashboard import server
from streamgauge.cli.local.kafka.broker import free_port
from streamgauge.runtime.errors import UsageError


def test_the_pages_are_for_this_machine_unless_told_otherwise() -> None:
    port = free_port()
    with server.listen(port) as listener:
        assert listener.getsockname() == ("127.0.0.1", port)
    with server.listen(port, "0.0.0.0") as listener:  # noqa: S104
        assert listener.getsockname() == ("0.0.0.0", port)  # noqa: S104


def test_a_port_in_use_names_the_port_s_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match=r"in use.*STREAMGAUGE_DASHBOARD_PORT"):
            server.listen(taken.getsockname()[1])


def test_an_address_of_another_machine_names_the_address_s_setting() -> None:
    """One of those that are kept for documents, so nobody's."""
    with pytest.raises(UsageError, match=r"203\.0\.113\.1.*STREAMGAUGE_DASHBOARD_HOST"):
        server.listen(free_port(), "203.0.113.1")
