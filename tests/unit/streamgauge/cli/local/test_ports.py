"""Metrics ports: one per process, whatever else is listening."""

from __future__ import annotations

import socket

from streamgauge.cli.local import ports
from streamgauge.cli.local.ports import free_port


def test_a_metrics_port_that_is_free_is_taken_as_wanted() -> None:
    port = free_port()
    assert ports.MetricsPorts([port], "127.0.0.1").choose(port) == port


def test_taken_ones_move_above_all_and_apart_and_come_back() -> None:
    first = free_port()
    second = first + 1
    chosen = ports.MetricsPorts([first, second], "127.0.0.1")
    with socket.create_server(("127.0.0.1", first)), socket.create_server(("127.0.0.1", second)):
        moved = [chosen.choose(first), chosen.choose(second)]
        assert second < moved[0] < moved[1]
        assert chosen.choose(first) == moved[0]  # its own spare one is no other's
    assert [chosen.choose(first), chosen.choose(second)] == [first, second]
