"""Ports of this machine: whether one is free, and the next free one."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterable, Iterator

from streamgauge.runtime.errors import UsageError

_FIRST_PRIVATE_PORT, _PRIVATE_PORTS = 20_000, 10_000
# Processes started together have consecutive ids: their searches begin this far apart.
_STRIDE = 97
_tried = itertools.count(os.getpid() * _STRIDE)


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether nothing listens on it now."""
    with socket.socket() as probe:
        # As servers do: a port with connections in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def require_free(port: int, what: str, setting: str, host: str = "127.0.0.1", otherwise: str = "") -> None:
    """Raise `UsageError`, naming the setting to change, where something listens on it."""
    if not is_free(port, host):
        raise UsageError(f"port {port} for {what} is in use; set {setting} to a free one{otherwise}")


def free_from(first: int, host: str = "127.0.0.1") -> Iterator[int]:
    """The free ports from `first` on, each once."""
    yield from (port for port in range(first, min(first + 1_000, 65_536)) if is_free(port, host))


def free_port() -> int:
    """A free port of 127.0.0.1; another one at each call.

    Not chosen by the kernel: outgoing connections get ports of the same range, and one could take it in the seconds
    until Kafka listens.
    """
    for _ in range(_PRIVATE_PORTS):
        port = _FIRST_PRIVATE_PORT + next(_tried) % _PRIVATE_PORTS
        if is_free(port):
            return port
    raise UsageError(f"no free port from {_FIRST_PRIVATE_PORT} on")


class MetricsPorts:
    """Metrics port of each process, chosen at each start: while a process is down, its port may be taken.

    Nothing is reserved: the process may still find its port taken at its start, and must choose again.
    """

    def __init__(self, wanted: Iterable[int], host: str) -> None:
        self._given = {port: port for port in wanted}
        self._host = host

    def choose(self, wanted: int) -> int:
        """`wanted`; where it is taken, the next free one above all ports given (`wanted` where there is none)."""
        port = wanted
        if not is_free(wanted, self._host):
            others = {given for owner, given in self._given.items() if owner != wanted}
            spare = free_from(max(self._given) + 1, self._host)
            port = next((one for one in spare if one not in others), wanted)
        self._given[wanted] = port
        return port
