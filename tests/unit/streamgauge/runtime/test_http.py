"""An application on a thread: where it listens, how it stops, and a plain message where it cannot."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from streamgauge.runtime import http
from streamgauge.runtime.errors import UsageError

Send = Callable[[dict[str, Any]], Awaitable[None]]


async def app(_scope: object, _receive: object, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"here"})


def test_served_while_the_block_runs_and_not_after() -> None:
    listener = http.listen("127.0.0.1", 0, "STREAMGAUGE_SQL")
    host, port = listener.getsockname()
    with http.serve(app, listener, "test", lifespan="off") as thread:
        assert (thread.name, thread.daemon) == ("test", True)
        assert httpx.get(f"http://{host}:{port}/", trust_env=False).text == "here"
    assert not thread.is_alive()
    with socket.socket() as probe:
        assert probe.connect_ex((host, port)) != 0
    # The port is free again at once.
    http.listen(host, port, "STREAMGAUGE_SQL").close()


def test_a_client_that_comes_before_the_thread_waits() -> None:
    with http.listen("127.0.0.1", 0, "STREAMGAUGE_SQL") as listener, socket.socket() as client:
        assert client.connect_ex(listener.getsockname()) == 0


def test_small_answers_are_not_delayed() -> None:
    """asyncio sets TCP_NODELAY on sockets of the protocol TCP by name alone."""
    with http.listen("127.0.0.1", 0, "STREAMGAUGE_SQL") as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_a_port_in_use_names_the_port_s_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match=r"in use.*set STREAMGAUGE_DASHBOARD_PORT"):
            http.listen("127.0.0.1", taken.getsockname()[1], "STREAMGAUGE_DASHBOARD")


def test_an_address_of_another_machine_names_the_address_s_setting() -> None:
    """One of those that are kept for documents, so nobody's."""
    with pytest.raises(UsageError, match=r"203\.0\.113\.1.*STREAMGAUGE_DASHBOARD_HOST"):
        http.listen("203.0.113.1", 0, "STREAMGAUGE_DASHBOARD")
